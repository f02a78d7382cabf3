"""Rules of the pages 登记 and 学籍信息: school, address, level, months, class, college, numbers and modes."""

from __future__ import annotations

import re
from math import ceil, floor

import pandas as pd
import pyarrow as pa

from pipeline.check.rule import Broken, Facts, Mask, given, rule, rule_of
from pipeline.knowledge.contacts import email_misspelt, email_ok
from pipeline.knowledge.text_columns import flag_by_distinct, flag_by_rows
from pipeline.normalise.text_repairs import comparable
from pipeline.tables import Frame

_MONTH = re.compile(r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
UNDERGRADUATE = ["本科", "专科"]


def is_month(months: pd.Series) -> pd.Series:
    """Return where a value is a month: YYYY-MM of this century or the last."""
    return flag_by_distinct(months, lambda month: bool(_MONTH.fullmatch(month)))


@rule
def school_vocabulary(table: Frame, facts: Facts) -> Mask:
    """The school is none of the cohort's."""
    return given(table["school"]) & ~table["school"].isin(list(facts.schools))


@rule
def submitted_at_window(table: Frame, facts: Facts) -> Mask:
    """The submission was made on a day outside the window (days inclusive, Asia/Shanghai)."""
    opens, closes = facts.opens.isoformat(), facts.closes.isoformat()
    days = table["submitted_at"].str.slice(0, 10)
    outside = flag_by_distinct(days, lambda day: bool(_DAY.fullmatch(day)) and not opens <= day <= closes)
    return outside & ~table["untimed"] if "untimed" in table else outside  # `submitted_at.unreadable` reports these


@rule
def submitted_at_unreadable(table: Frame, facts: Facts) -> Mask:
    """The time cannot be read, lies in the future, or is blank while other rows of the sheet have one."""
    return table["untimed"]


@rule
def email_format(table: Frame, facts: Facts) -> Mask:
    """The address is not deliverable by syntax."""
    return given(table["email"]) & ~email_ok(table["email"])


@rule
def email_domain_typo(table: Frame, facts: Facts) -> Broken:
    """The domain is a known misspelling of a large provider's. `expected` is the right one."""
    meant = email_misspelt(table["email"])
    return Broken(meant != "", expected=meant)


@rule
def email_qq_preferred(table: Frame, facts: Facts) -> Mask:
    """The address is no QQ mailbox."""
    return given(table["email"]) & ~table["email"].str.lower().str.endswith("@qq.com")


@rule_of("{}_format", "graduation_month", "enrolment_month")
def month_format(table: Frame, facts: Facts, name: str) -> Mask:
    """The month cannot be read as one."""
    return given(table[name]) & ~is_month(table[name])


@rule
def graduation_month_cohort(table: Frame, facts: Facts) -> Broken:
    """The year of graduation is not the cohort's."""
    month = table["graduation_month"]
    return Broken(is_month(month) & ~month.str.startswith(f"{facts.year}-"))


@rule
def graduation_month_june(table: Frame, facts: Facts) -> Mask:
    """An undergraduate's month is not the one that the cohort sets; the year is `graduation_month_cohort`'s."""
    month = table["graduation_month"]
    other = is_month(month) & ~month.str.endswith(facts.undergraduate_month[4:])
    return other & table["education_level"].isin(UNDERGRADUATE)


WITH_UNIT = ["定向", "委培"]


@rule
def college_vocabulary(table: Frame, facts: Facts) -> Mask:
    """The college is not in the table of colleges (former names included) and is not the matched registry row's.

    The school is the one where the student was found. A college that only the registry has is the registrar's.
    """
    known = facts.words.is_college(table["lookup_school"], table["college"])
    known |= table["college"] == table["registry_college"]
    return given(table["college"]) & table["lookup_school"].isin(list(facts.schools)) & ~known


@rule
def class_name_vocabulary(table: Frame, facts: Facts) -> Mask:
    """No such class in the registry."""
    looked_up = table["registry_read"] & table["lookup_school"].isin(list(facts.schools))
    return given(table["class_name"]) & looked_up & ~table["class_known"]


@rule_of("class_name_{}", "college", "major")
def class_name_differs(table: Frame, facts: Facts, name: str) -> Broken:
    """The class belongs to another college or major than the given one."""
    registered = table[f"class_{name}"]
    differs = table["class_known"] & given(registered) & given(table[name]) & (table[name] != registered)
    differing = table[name][differs].map(comparable) != registered[differs].map(comparable)
    return Broken(differs & differing.reindex(table.index, fill_value=False), expected=registered)


@rule
def student_number_format(table: Frame, facts: Facts) -> Mask:
    """The student number does not fit the cohort's pattern."""
    numbers, pattern = table["student_number"], f"(?:{facts.student_number})"
    try:
        fits = numbers.str.fullmatch(pattern)
    except pa.ArrowInvalid:  # Python's syntax only, such as a count over 1,000
        fits = flag_by_distinct(numbers, lambda number: re.fullmatch(pattern, number) is not None)
    return given(numbers) & ~fits


_HALF_YEARS = {f"{half / 2:g}" for half in range(3, 17)}  # 1.5 to 8


@rule
def study_years_range(table: Frame, facts: Facts) -> Mask:
    """Not a number of half years from 1.5 to 8."""
    return given(table["study_years"]) & ~table["study_years"].isin(list(_HALF_YEARS))


@rule
def study_years_span(table: Frame, facts: Facts) -> Mask:
    """Enrolment plus study years is not the graduation year; a half year may end in either of the two."""
    enrolled, graduated, years = table["enrolment_month"], table["graduation_month"], table["study_years"]
    readable = is_month(enrolled) & is_month(graduated) & years.isin(list(_HALF_YEARS))
    return flag_by_rows(_is_other_span, enrolled.str.slice(0, 4), graduated.str.slice(0, 4), years.where(readable, ""))


def _is_other_span(enrolled: str, graduated: str, years: str) -> bool:
    """Return whether graduation less enrolment is not the years of study. Blank study years are not judged."""
    return bool(years) and int(graduated) - int(enrolled) not in (floor(float(years)), ceil(float(years)))


@rule
def training_mode_unit_required(table: Frame, facts: Facts) -> Mask:
    """定向 or 委培 without a unit."""
    return table["training_mode"].isin(WITH_UNIT) & ~given(table["commissioning_unit"])


@rule
def training_mode_unit_unexpected(table: Frame, facts: Facts) -> Mask:
    """Any other mode with a unit."""
    mode = table["training_mode"]
    return given(mode) & ~mode.isin(WITH_UNIT) & given(table["commissioning_unit"])
