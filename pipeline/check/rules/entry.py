"""Rules of the page 登记: school, address, level, month of graduation."""

from __future__ import annotations

from pipeline.check.facts import Facts
from pipeline.check.rule import Broken, Mask, given, rule
from pipeline.knowledge.contacts import email_misspelt, email_ok
from pipeline.tables import Frame

MONTH = r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])"
UNDERGRADUATE = ["本科", "专科"]


@rule
def school_vocabulary(table: Frame, facts: Facts) -> Mask:
    """The school is none of the cohort's."""
    return given(table["school"]) & ~table["school"].isin(list(facts.schools))


@rule
def submitted_at_window(table: Frame, facts: Facts) -> Mask:
    """The submission was made on a day outside the window (days inclusive, Asia/Shanghai)."""
    day = table["submitted_at"].str.slice(0, 10)
    known = table["submitted_at"].str.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
    return known & ((day < facts.opens.isoformat()) | (day > facts.closes.isoformat()))


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
    return given(table["graduation_month"]) & ~table["graduation_month"].str.fullmatch(MONTH)


@rule
def graduation_month_cohort(table: Frame, facts: Facts) -> Broken:
    """The year of graduation is not the cohort's."""
    month = table["graduation_month"]
    return Broken(month.str.fullmatch(MONTH) & ~month.str.startswith(f"{facts.year}-"))


@rule
def graduation_month_june(table: Frame, facts: Facts) -> Mask:
    """An undergraduate's month is not the one that the cohort sets; the year is `graduation_month_cohort`'s."""
    month = table["graduation_month"]
    other = month.str.fullmatch(MONTH) & (month.str.slice(5) != facts.undergraduate_month[5:])
    return other & table["education_level"].isin(UNDERGRADUATE)
