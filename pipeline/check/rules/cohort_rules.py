"""Rules of the cohort as a whole: who is missing, who does not belong, who submitted again."""

from __future__ import annotations

from pipeline.check.facts import Facts
from pipeline.check.rule import Broken, Mask, rule
from pipeline.tables import Frame


@rule
def cohort_missing(table: Frame, facts: Facts) -> Mask:
    """A student of the class without a submission that counts (table: registry students)."""
    return (table["submission_id"] == "") & (table["outside"] == "")


@rule
def cohort_extra(table: Frame, facts: Facts) -> Mask:
    """A submission that matches no row of the cohort, where the registry could be read.

    If several rows fit equally well (a person entered twice), `identity.ambiguous` asks instead. A submission without
    a school is not judged.
    """
    known = table["registry_read"] & table["school_named"]
    return (table["standing_row"] < 0) & known & (table["identity_cause"] != "ambiguous")


@rule
def cohort_resubmitted(table: Frame, facts: Facts) -> Mask:
    """An earlier submission of the same student (table: superseded rows)."""
    return table["superseded_by"] != ""


@rule
def cohort_later_uncertified(table: Frame, facts: Facts) -> Broken:
    """A later submission of the same person whose identity is not certified, while this one's is.

    `given` is the later submission's id; `expected` says why it does not count.
    """
    later = table["later_id"]
    return Broken(later != "", given=later, expected=table["later_cause"])


@rule
def cohort_contact_changed(table: Frame, facts: Facts) -> Broken:
    """Two or more contact fields differ from a certified earlier submission of the same person. `given` names them."""
    return Broken(table["contacts_changed"] != "", given=table["contacts_changed"])


@rule
def cohort_outside(table: Frame, facts: Facts) -> Broken:
    """The student is outside the class by the registry or by a decision. `given` is the reason.

    After a decision the severity is info (contract, tables/outside).
    """
    decided = (table["outside_source"] == "decision").map({True: "info", False: ""}).astype("str")
    return Broken(table["outside"] != "", expected=table["outside"], severity=decided)


@rule
def registry_scope(table: Frame, facts: Facts) -> Mask:
    """The registry's 学籍状态 is not in `enrolment_status.csv`, or is marked `ask` there (table: registry students)."""
    return table["status_unknown"]
