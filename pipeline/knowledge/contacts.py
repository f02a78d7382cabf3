"""Phones and e-mail addresses. Every `_ok` function returns true for blank, which `FIELD.required` judges.

Sources: the ministry's numbering plan (mobile: 11 digits from 1 and 3 to 9; landline: area code and 7 or 8 digits), and
the tables in `expectations/contacts/`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd

from pipeline.knowledge.text_columns import Bools, by_distinct, fits_pattern, flag, flag_by_distinct
from pipeline.resources import expectation_rows

_MOBILE = r"1[3-9][0-9]{9}"
_AREA = r"0(?:10|2[0-9]|[3-9][0-9]{2})"
_LOCAL = r"[2-9][0-9]{6,7}"
_LANDLINE = rf"{_AREA}-{_LOCAL}(?:转[0-9]{{1,6}})?"
_LOCAL_ONLY = rf"{_LOCAL}(?:转[0-9]{{1,6}})?"
_SERVICE = r"[48]00-?[0-9]{3}-?[0-9]{4}"
_PHONE = rf"{_MOBILE}|{_LANDLINE}|{_LOCAL_ONLY}|{_SERVICE}"
_SIGNS = str.maketrans("（）－–‐‑‒—―−：．", "()--------:.")
_SEPARATORS = re.compile(r"[/、;；,，|或]+|\s{2,}")
_LABEL_GAP = re.compile(r"(?<=[0-9]) ?(?=[\u4e00-\u9fff]+[: ]*[0-9])")
_REMARK = re.compile(r"\([^()0-9]*\)")
_LABEL_BEFORE = re.compile(
    r"^(?:(?:tel(?:ephone)?|phone|mobile|mob|cell)\b\.?|[\u4e00-\u9fff]+(?:[/、&][\u4e00-\u9fff]+)*)?[:=. ]*"
    r"(?=[+(0-9])",
    re.I,
)
_LABEL_AFTER = re.compile(r"(?<=[0-9)])[:. -]*[\u4e00-\u9fff]+[. ]*$")
_COUNTRY = re.compile(
    r"^(?:\+|00)86-?(?:\(0\))?0?(?=[1-9(])|^86-?(?:\(0\))?(?=1[3-9][0-9]{9}$)|^86-(?:\(0\))?0?(?=[1-9])|^86(?=[1-9][0-9]{9,10}$)"
)
_LANDLINE_PARTS = re.compile(
    r"\(?(?P<area>0(?:10|2[0-9]|[3-9][0-9]{2}))?\)?-?(?P<first>[2-9][0-9]{2,3})-?(?P<last>[0-9]{4})"
    r"(?:(?:转|分机|ext\.?|[-*#,])(?P<extension>[0-9]{1,6})|\((?:转|分机)?(?P<bracketed>[0-9]{1,6})\))?"
)


def telephones(value: str) -> str:
    """Return the telephone numbers of a cell in standard form, separated by /. Any other cell is unchanged.

    A landline is area code, hyphen, number, 转 extension. Without country code, spaces, labels (手机：), remarks.
    """
    number = _telephone(value)
    if number:
        return number
    for parts in (_SEPARATORS.split(value), _LABEL_GAP.split(value), value.split()):
        numbers = [_telephone(part) for part in parts if part.strip()]
        if numbers and all(numbers):
            return "/".join(dict.fromkeys(numbers))
    return value


def _telephone(value: str) -> str:
    text = _REMARK.sub("", value.lower().translate(_SIGNS).strip())
    bare = re.sub(r"\s+", "", _LABEL_AFTER.sub("", _LABEL_BEFORE.sub("", text)))
    national = _COUNTRY.sub("", bare)
    mobile = re.sub(r"[-.()_·•]", "", national)
    if re.fullmatch(_MOBILE, mobile):
        return mobile
    if re.fullmatch(_SERVICE, national):
        return national
    return _landline(national) or (_landline(f"0{national}") if national != bare else "")


def _landline(bare: str) -> str:
    match = _LANDLINE_PARTS.fullmatch(bare)
    if not match:
        return ""
    extension = match["extension"] or match["bracketed"]
    area = f"{match['area']}-" if match["area"] else ""
    return f"{area}{match['first']}{match['last']}" + (f"转{extension}" if extension else "")


def mobile_ok(values: pd.Series) -> pd.Series:
    """Return whether each value is a mainland mobile number. A leading +86, spaces and hyphens are allowed."""
    return _check(
        values, fits_pattern(values, rf"|{_MOBILE}"), lambda value: bool(re.fullmatch(_MOBILE, _telephone(value)))
    )


def family_phone_ok(values: pd.Series) -> pd.Series:
    """Return whether each value consists of mobile, 400, 800 or landline numbers. Area codes: `area_code_state`."""
    plain = fits_pattern(values, rf"|{_MOBILE}|{_LANDLINE}")
    return _check(values, plain, lambda value: all(re.fullmatch(_PHONE, part) for part in telephones(value).split("/")))


def _check(values: pd.Series, usual: Bools, check: Callable[[str], bool]) -> pd.Series:
    results = flag(values, usual)
    if not usual.all():
        results[~usual] = flag_by_distinct(values[~usual], check)
    return results


def area_code_state(values: pd.Series) -> pd.Series:
    """Return the fault of each landline's area code: "missing", "abolished", "unknown" (never existed), or ""."""
    mobile = fits_pattern(values, rf"|{_MOBILE}")
    return by_distinct(values.where(~flag(values, mobile), ""), _area_code_state, ~mobile)


def _area_code_state(value: str) -> str:
    for number in telephones(value).split("/"):
        area = _area_of(number)
        if area in _abolished():
            return "abolished"
        if area and not _in_use(area):
            return "unknown"
        if re.fullmatch(_LOCAL_ONLY, number):
            return "missing"
    return ""


def _area_of(number: str) -> str:
    return number.partition("-")[0] if re.fullmatch(_LANDLINE, number) else ""


@cache
def _in_use(area: str) -> bool:
    from phonenumbers import PhoneNumber, is_valid_number

    local_numbers = (first * length for first in "2345678" for length in (7, 8))
    return area in _LATER_MERGED or any(
        is_valid_number(PhoneNumber(country_code=86, national_number=int(area[1:] + local))) for local in local_numbers
    )


_LATER_MERGED = frozenset({"0634"})  # 莱芜市, in 济南市 since 2019: the library has today's codes only


def area_code_successor(values: pd.Series) -> pd.Series:
    """Return the number as it is dialled today for landlines with an abolished area code, else ""."""
    old = fits_pattern(values, rf".*(?:{'|'.join(_abolished())}).*")
    results = pd.Series("", index=values.index, dtype="str")
    results[old] = by_distinct(values[old], _successor)
    return results


def _successor(value: str) -> str:
    number = next((candidate for candidate in telephones(value).split("/") if _area_of(candidate) in _abolished()), "")
    area, first = _abolished().get(_area_of(number), ("", ""))
    if not area:
        return ""
    local = number.partition("-")[2].partition("转")[0]
    return f"{area}-{first}{local}" if len(local) == 7 and first else f"{area}-{local}"


@cache
def _abolished() -> dict[str, tuple[str, str]]:
    rows = expectation_rows("contacts/area_codes_abolished.csv")
    return {row["code"]: (row["successor"], row["first_digit"]) for row in rows}


_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN_EMAIL = rf"[A-Za-z0-9_+-]{{1,20}}(?:\.[A-Za-z0-9_+-]{{1,20}}){{0,2}}@(?:{_LABEL}\.){{1,3}}[A-Za-z]{{2,10}}"
# the library judges names that RFC 6761 excludes from delivery, and punycode
_SPECIAL_DOMAIN = r"(?i).*(?:--.*|\.(?:test|invalid|local|localhost|onion|arpa|example))"


def email_ok(values: pd.Series) -> pd.Series:
    """Return whether each value is an address by syntax (no DNS query)."""
    plain = fits_pattern(values, rf"|{_PLAIN_EMAIL}") & ~fits_pattern(values, _SPECIAL_DOMAIN)
    return _check(values, plain, _deliverable)


def _deliverable(address: str) -> bool:
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(address, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return False
    return address.isascii()


def email_misspelt(values: pd.Series) -> pd.Series:
    """Return the domain that a known misspelling stands for, else ""."""
    known = "|".join(map(re.escape, _misspellings()))
    results = np.full(len(values), "", dtype=object)
    misspelt = fits_pattern(values, rf"(?i).*@\s*(?:{known})\s*")
    domains = (value.rpartition("@")[2].strip().casefold() for value in values[misspelt])  # (?i) takes ſ for s, too
    results[misspelt] = [_misspellings()[domain] for domain in domains]
    return pd.Series(results, index=values.index, dtype="str")


@cache
def _misspellings() -> dict[str, str]:
    return {row["given"]: row["meant"] for row in expectation_rows("contacts/email_domains.csv")}
