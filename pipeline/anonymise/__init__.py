"""A cohort fit for a bug report."""
