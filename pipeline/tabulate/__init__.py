"""Tabulate: roster, headcount and colleges from findings and decisions."""
