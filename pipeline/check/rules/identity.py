"""Rules of the page 身份信息: ID number, name, and the codes and regions of a person."""

from __future__ import annotations

from pipeline.check.facts import Facts
from pipeline.check.once import once
from pipeline.check.rule import Broken, Mask, given, rule
from pipeline.check.rules.entry import MONTH
from pipeline.knowledge.identifiers import (
    id_birth_date,
    id_birth_ok,
    id_checksum_ok,
    id_format_ok,
    id_gender,
    id_kind,
    id_region,
)
from pipeline.knowledge.names import name_ok
from pipeline.tables import Frame


@rule
def id_number_damaged(table: Frame, facts: Facts) -> Mask:
    """The cell held a number, so the last digits are lost."""
    return id_kind(table["id_number"]) == "damaged"


@rule
def id_number_format(table: Frame, facts: Facts) -> Mask:
    """Not 17 digits and a digit or X, nor one of the forms that residence permits have (GB 11643, GA/T 704)."""
    numbers = table["id_number"]
    return given(numbers) & ~id_format_ok(numbers) & (id_kind(numbers) != "damaged")


@rule
def id_number_checksum(table: Frame, facts: Facts) -> Mask:
    """The check character is wrong (ISO 7064 MOD 11-2)."""
    return id_format_ok(table["id_number"]) & ~id_checksum_ok(table["id_number"])


@rule
def id_number_birth_date(table: Frame, facts: Facts) -> Mask:
    """Digits 7-14 are no date, or an age under 14 or over 70 at the month of graduation."""
    month = table["graduation_month"].where(table["graduation_month"].str.fullmatch(MONTH), facts.undergraduate_month)
    return id_format_ok(table["id_number"]) & ~id_birth_ok(table["id_number"], month)


@rule
def id_number_region(table: Frame, facts: Facts) -> Mask:
    """The first six digits never were a county-level code."""
    numbers = table["id_number"]
    resident = id_kind(numbers).isin(["resident", "old15"])
    return resident & ~facts.regions.known_code(id_region(numbers))


@rule
def id_number_unique(table: Frame, facts: Facts) -> Mask:
    """Two different students submitted one ID number."""
    return table["id_number_clash"]


@rule
def name_characters(table: Frame, facts: Facts) -> Mask:
    """The name has anything but Han characters, the middle dot and, for foreigners, Latin letters with spaces."""
    return given(table["name"]) & ~name_ok(table["name"])


@rule
def gender_matches_id(table: Frame, facts: Facts) -> Broken:
    """The gender differs from digit 17 of the ID number."""
    told = id_gender(table["id_number"])
    real = id_format_ok(table["id_number"]) & (id_birth_date(table["id_number"]) != "")
    return Broken(real & (told != "") & table["gender"].isin(["男", "女"]) & (table["gender"] != told), expected=told)


@once
def judged_origin(table: Frame, facts: Facts) -> Frame:
    """Return what the regions know of each origin, at the year of enrolment (of graduation less study, if unknown)."""
    month = table["enrolment_month"]
    enrolled = month.where(month.str.fullmatch(MONTH), str(facts.year - 4))
    return facts.regions.judge(table["origin_province"], table["origin_city"], table["origin_county"], enrolled)


@rule
def origin_precision(table: Frame, facts: Facts) -> Mask:
    """Province or city is missing or no known region."""
    judged = judged_origin(table, facts)
    return ~(judged["resolved_province"] & judged["resolved_city"] & given(table["origin_city"]))


@rule
def origin_hierarchy(table: Frame, facts: Facts) -> Mask:
    """The city never was in the province, or the county never in the city, in any year."""
    judged = judged_origin(table, facts)
    return judged["resolved_province"] & judged["resolved_city"] & ~judged["hierarchy"]


@rule
def origin_renamed(table: Frame, facts: Facts) -> Broken:
    """The names belong together, but in another year than that of enrolment; successors are proposed."""
    judged = judged_origin(table, facts)
    belongs = judged["resolved_province"] & judged["resolved_city"] & judged["hierarchy"]
    return Broken(belongs & ~judged["valid_then"], expected=judged["successors"])
