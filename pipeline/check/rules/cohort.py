"""Rules of the cohort as a whole: who is missing, who does not belong, who submitted again."""

from __future__ import annotations

from pipeline.check.facts import Facts
from pipeline.check.rule import Mask, rule
from pipeline.tables import Frame


@rule
def cohort_missing(table: Frame, facts: Facts) -> Mask:
    """A student of the registry without a submission that counts (table: registry students)."""
    return table["submission_id"] == ""


@rule
def cohort_extra(table: Frame, facts: Facts) -> Mask:
    """A submission that matches no row of the cohort, where the registry could be read.

    Where several rows fit equally well (a person entered twice), the person is in it: `identity.ambiguous` asks.
    """
    return (table["standing_row"] < 0) & table["registry_read"] & (table["identity_cause"] != "ambiguous")


@rule
def cohort_resubmitted(table: Frame, facts: Facts) -> Mask:
    """An earlier submission of the same student (table: superseded rows)."""
    return table["superseded_by"] != ""
