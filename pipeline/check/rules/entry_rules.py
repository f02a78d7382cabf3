"""Rules of the page 登记: school, address, level, month of graduation."""

from __future__ import annotations

import re

import pandas as pd

from pipeline.check.facts import Facts
from pipeline.check.rule import Broken, Mask, given, rule
from pipeline.knowledge.contacts import email_misspelt, email_ok
from pipeline.knowledge.text_columns import flag_by_distinct
from pipeline.tables import Frame

_MONTH = re.compile(r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
UNDERGRADUATE = ["本科", "专科"]


def is_month(months: pd.Series) -> pd.Series:
    """Return where a month can be read: YYYY-MM of this century or the last."""
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
    off = flag_by_distinct(days, lambda day: bool(_DAY.fullmatch(day)) and not opens <= day <= closes)
    return off & ~table["untimed"] if "untimed" in table else off  # a time that is none is `unreadable`'s alone


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
    """The domain is a known misspelling of a large provider's; the right one is proposed."""
    meant = email_misspelt(table["email"])
    return Broken(meant != "", expected=meant)


@rule
def email_qq_preferred(table: Frame, facts: Facts) -> Mask:
    """The address is no QQ mailbox."""
    return given(table["email"]) & ~table["email"].str.lower().str.endswith("@qq.com")


@rule
def graduation_month_format(table: Frame, facts: Facts) -> Mask:
    """The month of graduation cannot be read as a month."""
    return given(table["graduation_month"]) & ~is_month(table["graduation_month"])


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
