"""The rules' own logic, by the pages of the form and by what they judge."""
