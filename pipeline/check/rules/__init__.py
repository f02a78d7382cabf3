"""The rules' own logic, one module for each page of the form."""

from pipeline.check.rules import cohort, contact, entry, identity, match, record, registry

__all__ = ["cohort", "contact", "entry", "identity", "match", "record", "registry"]
