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

    Where several rows fit equally well (a person entered twice), the person is in it: `identity.ambiguous` asks. Where
    no school is named, nobody can say.
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

    Told is its id; `expected` says why it was not taken.
    """
    later = table["later_id"]
    return Broken(later != "", given=later, expected=table["later_cause"])


@rule
def cohort_contact_changed(table: Frame, facts: Facts) -> Broken:
    """A certified earlier submission of the same person gives two contacts or more otherwise: told are which."""
    return Broken(table["contacts_changed"] != "", given=table["contacts_changed"])


@rule
def cohort_outside(table: Frame, facts: Facts) -> Broken:
    """A submission of a person whom the registry, or a decision, puts outside the class; told is why.

    Where a person has decided, it is only told (contract, tables/outside).
    """
    decided = (table["outside_source"] == "decision").map({True: "info", False: ""}).astype("str")
    return Broken(table["outside"] != "", expected=table["outside"], severity=decided)


@rule
def registry_scope(table: Frame, facts: Facts) -> Mask:
    """The registry's 学籍状态 is a word of which nobody has said whether it belongs (table: registry students)."""
    return table["status_unknown"]
