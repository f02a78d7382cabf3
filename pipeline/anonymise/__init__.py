"""Disguised copies of a cohort for bug reports."""
