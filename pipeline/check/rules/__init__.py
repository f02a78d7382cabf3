"""The logic of the rules, by the form's pages."""
