"""The rules' own logic, one module for each page of the form."""

from pipeline.check.rules import (
    cohort_rules,
    contact_rules,
    entry_rules,
    identity_rules,
    match_rules,
    record_rules,
    registry_rules,
)

__all__ = [
    "cohort_rules",
    "contact_rules",
    "entry_rules",
    "identity_rules",
    "match_rules",
    "record_rules",
    "registry_rules",
]
