"""Rules of registry rows and of the whole cohort. `registry_rows.yml` applies the form's rules to the registry."""

from __future__ import annotations

import pandas as pd

from pipeline.check.rule import Broken, Facts, Mask, given, rule, rule_of
from pipeline.check.rules.identity_rules import judged_origin
from pipeline.knowledge.identifiers import damaged
from pipeline.knowledge.regions import judge_regions
from pipeline.match.keys import key_values, person_id
from pipeline.match.membership import DIFFERING, DOUBTED
from pipeline.tables import Frame


@rule
def student_number_once(table: Frame, facts: Facts) -> Mask:
    """Two unequal rows of one school hold one student number, and ID number and name agree."""
    return (table[DIFFERING] != "") & ~table[DOUBTED]


@rule
def student_number_of_one(table: Frame, facts: Facts) -> Mask:
    """Two rows of one student number have different ID numbers or names: one person's, or two people's."""
    return table[DOUBTED]


@rule_of("{}_once", "exam_number", "id_number")
def number_once(table: Frame, facts: Facts, name: str) -> Mask:
    """Two rows of one school hold one number."""
    numbers = key_values(name, table[name])
    return (table["school"] + "\x1f" + numbers).duplicated(keep=False) & given(numbers)


@rule
def id_number_one_school(table: Frame, facts: Facts) -> Mask:
    """The ID number stands in the registries of two schools."""
    people = person_id(table["id_number"])
    pairs = pd.DataFrame({"id": people, "school": table["school"]})[given(people)].drop_duplicates()
    return people.isin(list(pairs["id"][pairs["id"].duplicated()]))


@rule_of("class_one_{}", "college", "major")
def class_once(table: Frame, facts: Facts, name: str) -> Mask:
    """The class stands under two colleges or majors: every row of it."""
    named = given(table["class_name"]) & given(table[name])
    keys = table["school"] + "\x1f" + table["class_name"]
    groups = pd.DataFrame({"key": keys, "value": table[name]})[named].drop_duplicates()
    return named & keys.isin(list(groups["key"][groups["key"].duplicated()]))


@rule
def college_listed(table: Frame, facts: Facts) -> Mask:
    """The college is none of the school's in the table of colleges, former names included."""
    return given(table["college"]) & ~facts.words.is_college(table["school"], table["college"])


@rule_of("{}_damaged", "exam_number", "student_number")
def number_damaged(table: Frame, facts: Facts, name: str) -> Mask:
    """The cell of the number held a number, so digits are lost."""
    return damaged(table[name])


@rule
def origin_province_known(table: Frame, facts: Facts) -> Mask:
    """The province of origin is none in any year."""
    return given(table["origin_province"]) & ~judged_origin(table, facts)["resolved_province"]


@rule
def origin_city_known(table: Frame, facts: Facts) -> Mask:
    """The city of origin is none in any year, or never was in the province."""
    judged = judged_origin(table, facts)
    blank = pd.Series("", index=table.index, dtype="str")
    without_county = judge_regions(table["origin_province"], table["origin_city"], blank, facts.year)
    wrong = ~judged["resolved_city"] | ~without_county["hierarchy"]
    return given(table["origin_city"]) & (wrong | ~judged["resolved_province"])


@rule
def origin_county_known(table: Frame, facts: Facts) -> Mask:
    """The county of origin never was in the city."""
    judged = judged_origin(table, facts)
    return given(table["origin_county"]) & ~(judged["hierarchy"] & judged["resolved_city"])


@rule
def cohort_missing(table: Frame, facts: Facts) -> Mask:
    """A student of the class without a submission that counts, whose row is not to be mended first (students)."""
    return (table["submission_id"] == "") & (table["outside"] == "") & (table["matched_row"] < 0)


@rule
def cohort_extra(table: Frame, facts: Facts) -> Mask:
    """A submission without a row in its school's registry (if read). `identity.ambiguous` asks where several fit."""
    known = table["registry_read"] & table["school_named"]
    return (table["roster_row"] < 0) & known & (table["identity_cause"] != "ambiguous")


@rule
def cohort_resubmitted(table: Frame, facts: Facts) -> Mask:
    """An earlier submission of the same student (table: superseded rows)."""
    return table["superseded_by"] != ""


@rule
def cohort_later_uncertified(table: Frame, facts: Facts) -> Broken:
    """An uncertified later submission of a certified person. `given` is its id, `expected` why it does not count."""
    later = table["later_id"]
    return Broken(later != "", given=later, expected=table["later_cause"])


@rule
def cohort_contact_changed(table: Frame, facts: Facts) -> Broken:
    """Two or more contact fields differ from a certified earlier submission of the same person. `given` names them."""
    return Broken(table["contacts_changed"] != "", given=table["contacts_changed"])


@rule
def cohort_outside(table: Frame, facts: Facts) -> Broken:
    """A student outside the class for the reason in `expected`; info after a decision (contract, tables/outside)."""
    decided = (table["outside_source"] == "decision").map({True: "info", False: ""}).astype("str")
    return Broken(table["outside"] != "", expected=table["outside"], severity=decided)


@rule
def registry_scope(table: Frame, facts: Facts) -> Mask:
    """The registry's 学籍状态 is not in `enrolment_status.csv`, or is marked `ask` there (table: registry students)."""
    return table["status_unknown"]
