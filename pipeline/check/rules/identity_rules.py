"""Rules of the page 身份信息: ID number, name, and the codes and regions of a person."""

from __future__ import annotations

import pandas as pd

from pipeline.check.facts import Facts
from pipeline.check.rule import Broken, Mask, given, milder, of_registry, once, rule
from pipeline.check.rules.entry_rules import is_month
from pipeline.knowledge.identifiers import IdNumbers
from pipeline.knowledge.names import name_latin, name_ok
from pipeline.tables import Frame


@once
def read_numbers(table: Frame, facts: Facts) -> IdNumbers:
    """Return the table's ID numbers as they are read."""
    return IdNumbers(table["id_number"])


@rule
def id_number_damaged(table: Frame, facts: Facts) -> Mask:
    """The cell held a number, so the last digits are lost."""
    return read_numbers(table, facts).is_kind("damaged")


@rule
def id_number_format(table: Frame, facts: Facts) -> Mask:
    """Not 17 digits and a digit or X, nor one of the forms that residence permits have (GB 11643, GA/T 704).

    A registry may have the passport or travel permit of somebody from abroad, Hong Kong, Macau or Taiwan.
    """
    numbers = read_numbers(table, facts)
    return ~(numbers.format_ok | numbers.travel) if of_registry(table) else ~numbers.format_ok


@rule
def id_number_checksum(table: Frame, facts: Facts) -> Mask:
    """The check character is wrong (ISO 7064 MOD 11-2)."""
    return ~read_numbers(table, facts).checksum_ok


@rule
def id_number_birth_date(table: Frame, facts: Facts) -> Mask:
    """Digits 7-14 are no date, or an age under 14 or over 70 at the month of graduation.

    If the graduation month is of another year (`graduation_month.cohort`), the cohort's month is used for the age.
    """
    month = table["graduation_month"]
    told = is_month(month) & month.str.startswith(f"{facts.year}-")
    return ~read_numbers(table, facts).birth_ok(month.where(told, facts.undergraduate_month))


@rule
def id_number_region(table: Frame, facts: Facts) -> Mask:
    """The first six digits never were a county-level code."""
    numbers = read_numbers(table, facts)
    return numbers.is_kind("resident", "old15") & ~facts.regions.known_code(numbers.region)


@rule
def id_number_unique(table: Frame, facts: Facts) -> Broken:
    """Two different students submitted one ID number. It is an info for the owner by the registry."""
    return Broken(table["id_number_clash"], severity=milder(table["id_number_clash_owned"]))


@rule
def name_characters(table: Frame, facts: Facts) -> Mask:
    """The name has anything but Han characters, the middle dot and, for foreigners, Latin letters with spaces.

    Latin letters are a fault if the ID number is a Chinese resident's, unless the registry has the same name.
    Registry rows themselves may have them.
    """
    names = table["name"]
    latin = name_latin(names)
    if latin.any():
        known = (
            names == table["registry_name"] if "registry_name" in table else pd.Series(of_registry(table), table.index)
        )
        latin &= read_numbers(table, facts).is_kind("resident") & ~known
    return given(names) & (~name_ok(names) | latin)


@rule
def gender_matches_id(table: Frame, facts: Facts) -> Broken:
    """The gender differs from digit 17 of the ID number."""
    numbers = read_numbers(table, facts)
    told = numbers.gender
    real = numbers.format_ok & numbers.tells_birth & given(told)
    return Broken(real & (table["gender"] != told) & table["gender"].isin(["男", "女"]), expected=told)


def enrolled_in(table: Frame, facts: Facts) -> pd.Series:
    """Return the month of enrolment, or the year of graduation less four where it cannot be read."""
    month = table["enrolment_month"]
    return month.where(is_month(month), str(facts.year - 4))


@once
def judged_origin(table: Frame, facts: Facts) -> Frame:
    """Judge each origin in the year of enrolment or, if unknown, in the graduation year less four."""
    places = (table["origin_province"], table["origin_city"], table["origin_county"])
    return facts.regions.judge(*places, enrolled_in(table, facts))


@rule
def origin_precision(table: Frame, facts: Facts) -> Mask:
    """Province or city is missing or no known region."""
    judged = judged_origin(table, facts)
    return ~(judged["resolved_province"] & judged["resolved_city"] & given(table["origin_city"]))


@rule
def origin_hierarchy(table: Frame, facts: Facts) -> Mask:
    """The city never was in the province, or the county never in the city, in any year."""
    judged = judged_origin(table, facts)
    named = given(table["origin_city"])  # without it, it is origin.precision's
    return judged["resolved_province"] & judged["resolved_city"] & named & ~judged["hierarchy"]


@rule
def origin_renamed(table: Frame, facts: Facts) -> Broken:
    """The names belong together, but in another year than that of enrolment; successors are proposed."""
    judged = judged_origin(table, facts)
    belongs = judged["resolved_province"] & judged["resolved_city"] & judged["hierarchy"]
    return Broken(belongs & ~judged["valid_then"], expected=judged["successors"])
