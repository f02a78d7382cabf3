"""Rules of the page 身份信息: ID number, name, codes and regions of a person, and the causes of a failed identity."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.check.rule import Broken, Facts, Mask, cached_for_table, given, info_where, of_registry, rule, rule_of
from pipeline.check.rules.record_rules import is_month
from pipeline.knowledge.identifiers import IdNumbers
from pipeline.knowledge.names import name_latin, name_ok
from pipeline.knowledge.regions import judge_regions, known_code
from pipeline.knowledge.text_columns import fits_pattern, flag
from pipeline.match.evidence import SEVERAL, has_candidate
from pipeline.tables import Frame


@cached_for_table
def read_numbers(table: Frame, facts: Facts) -> IdNumbers:
    """Return the table's ID numbers."""
    return IdNumbers(table["id_number"])


@rule
def id_number_damaged(table: Frame, facts: Facts) -> Mask:
    """The cell held a number, so the last digits are lost."""
    return read_numbers(table, facts).is_kind("damaged")


@rule
def id_number_format(table: Frame, facts: Facts) -> Mask:
    """Neither an 18-character number nor a residence permit's (GB 11643, GA/T 704) nor a registry's travel document."""
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
    in_year = is_month(month) & month.str.startswith(f"{facts.year}-")
    return ~read_numbers(table, facts).birth_ok(month.where(in_year, facts.undergraduate_month))


@rule
def id_number_region(table: Frame, facts: Facts) -> Mask:
    """The first six digits never were a county-level code."""
    numbers = read_numbers(table, facts)
    return numbers.is_kind("resident", "old15") & ~known_code(numbers.region)


@rule_of("{}_unique", "id_number", "exam_number", "student_number")
def number_unique(table: Frame, facts: Facts, name: str) -> Broken:
    """Two different students submitted one number. It is an info for the owner by the registry."""
    return Broken(table[f"{name}_clash"], severity=info_where(table[f"{name}_clash_owned"]))


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
    encoded = numbers.gender
    real = numbers.format_ok & numbers.has_birth_date & given(encoded)
    return Broken(real & (table["gender"] != encoded) & table["gender"].isin(["男", "女"]), expected=encoded)


def enrolled_in(table: Frame, facts: Facts) -> pd.Series:
    """Return the month of enrolment or, if unreadable, the graduation year less four."""
    month = table["enrolment_month"]
    return month.where(is_month(month), str(facts.year - 4))


@cached_for_table
def judged_origin(table: Frame, facts: Facts) -> Frame:
    """Judge each origin in the year of enrolment or, if unknown, in the graduation year less four."""
    places = (table["origin_province"], table["origin_city"], table["origin_county"])
    return judge_regions(*places, enrolled_in(table, facts))


@cached_for_table
def _judged_home(table: Frame, facts: Facts) -> Frame:
    return judge_regions(table["home_province"], table["home_city"], table["home_county"], facts.year)


_JUDGED = {"origin": judged_origin, "home": _judged_home}


@rule
def origin_precision(table: Frame, facts: Facts) -> Mask:
    """Province or city is missing or no known region."""
    judged = judged_origin(table, facts)
    return ~(judged["resolved_province"] & judged["resolved_city"] & given(table["origin_city"]))


@rule_of("{}_hierarchy", "origin", "home")
def region_hierarchy(table: Frame, facts: Facts, name: str) -> Mask:
    """The city never was in the province, or the county never in the city, in any year."""
    judged = _JUDGED[name](table, facts)
    named = given(table[f"{name}_province"]) & given(table[f"{name}_city"])  # else `origin.precision` reports it
    return named & judged["resolved_province"] & judged["resolved_city"] & ~judged["hierarchy"]


@rule_of("{}_renamed", "origin", "home")
def region_renamed(table: Frame, facts: Facts, name: str) -> Broken:
    """The names belong together, but in another year than that judged. `expected` is the successors."""
    judged = _JUDGED[name](table, facts)
    belongs = judged["resolved_province"] & judged["resolved_city"] & judged["hierarchy"]
    return Broken(belongs & ~judged["valid_then"], expected=judged["successors"])


REGISTRAR, UNNAMED = "registrar", "unnamed"
"""Not causes, but reasons why the identity is not checked: the registry's name is blank or damaged; no school is named
(reported by `school.required` or `school.vocabulary`)."""


def certified(table: Frame) -> Mask:
    """Return where ID number and name equal one row of the named school and both numbers point to no other row."""
    elsewhere = (table["both_numbers_row"] >= 0) & (table["both_numbers_row"] != table["id_name_row"])
    return (table["id_name_row"] >= 0) & ~elsewhere & table["registry_read"]


def is_faulty(table: Frame, column: str) -> Mask:
    """Return where the matched registry row's own value of a field breaks a rule of the registry."""
    faults = table["registry_faults"]
    return flag(faults, fits_pattern(faults, rf".* {column} .*"))


def cause(table: Frame) -> pd.Series:
    """Return the cause of each row's failed identity, blank where it is certified."""
    id_row, numbers, both = table["id_row"], table["numbers_row"], table["both_numbers_row"]
    elsewhere = table["elsewhere_id_row"]
    owned = (id_row >= 0) | (~has_candidate(table, "id_row") & (elsewhere >= 0))
    owner = id_row.where(id_row >= 0, elsewhere)
    other = ((numbers >= 0) & (numbers != owner)) | ((both >= 0) & (both != owner))
    candidate = (numbers >= 0) | (~has_candidate(table, "numbers_row") & (table["similar_row"] >= 0))
    unheld = ~has_candidate(table, "id_row") & ~has_candidate(table, "elsewhere_id_row") & candidate
    unnamed = ~has_candidate(table, "id_name_row")
    rows = table[unheld]
    numbers_given = IdNumbers(rows["id_number"])
    is_right = numbers_given.valid & numbers_given.birth_ok(rows["registry_graduation_month"])
    valid = is_right.reindex(table.index, fill_value=False)
    nameless = is_faulty(table, "name")
    keys = ("id_row", "id_name_row", "elsewhere_id_row", "numbers_row", "similar_row")
    ties = table[[SEVERAL[name] for name in keys]].any(axis=1)
    conditions = {
        "": certified(table),
        UNNAMED: ~table["school_named"],
        "not_checked": ~table["registry_read"],
        "wrong_school": has_candidate(table, "elsewhere_row") & unnamed,
        REGISTRAR: owned & ~table["conflicting"] & unnamed & nameless,
        "name_differs": owned & ~table["conflicting"] & unnamed,
        "id_of_another": owned & other,
        "id_mistyped": unheld & ~valid,
        "registry_outdated": unheld & valid,
        "ambiguous": ties | (owned & table["conflicting"]),
    }
    found = np.select(list(conditions.values()), list(conditions), "unknown")
    return pd.Series(found, index=table.index, dtype="str")


@rule_of(
    "identity_{}",
    "not_checked",  # the registry could not be read: never the same as unknown
    "wrong_school",  # ID number and name stand in the registry of the other school
    "name_differs",  # the registry has the ID number under another name; other numbers point to that row or none
    "id_of_another",  # the ID number is one row's; other numbers with the name (or both) point to one other row
    "id_mistyped",  # no row has the ID number, one has a number and the name; the given one is not valid, or blank
    "registry_outdated",  # as mistyped, but the given ID number is valid: another one, or the registry's is wrong
    "ambiguous",  # two rows fit equally well, or the numbers point to different rows and the name to neither
    "unknown",  # nothing fits
)
def identity_failed(table: Frame, facts: Facts, name: str) -> Broken:
    """The identity could not be certified, for this cause. `expected` is the evidence."""
    return Broken(table["identity_cause"] == name, expected=table["identity_evidence"])
