"""Phones, postcodes, QQ numbers and e-mail addresses.

Sources: mobile numbers by the numbering plan of the ministry (11 digits, 1 and 3 to 9); landlines by area code
(0 and two or three digits) and 7 or 8 digits; area codes that were merged away in
`expectations/contacts/area_codes_abolished.csv`; misspelt mail domains in `expectations/contacts/email_domains.csv`.

Every `_ok` function is true on blank: `FIELD.required` judges that.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd

from pipeline import resources
from pipeline.knowledge.text import Bools, by_distinct, flag, flag_by_distinct, matches, text

_MOBILE = r"1[3-9][0-9]{9}"
_MOBILE_SPACED = r"(?:(?:\+|00)?86[- ]?)?1[3-9][0-9](?:[- ]?[0-9]){8}"
_AREA = r"0(?:10|2[0-9]|[3-9][0-9]{2})"
_LOCAL = r"[2-9][0-9]{6,7}"
_EXTENSION = r"(?:(?:转|分机|ext\.?|[-*#,])[0-9]{1,6})?"
_LANDLINE = re.compile(rf"(?P<area>{_AREA})[-—]?(?P<local>{_LOCAL}){_EXTENSION}")
_LOCAL_ONLY = re.compile(rf"(?P<local>{_LOCAL}){_EXTENSION}")
_SERVICE = re.compile(r"[48]00-?[0-9]{3}-?[0-9]{4}")
_PLAIN_LANDLINE = rf"{_AREA}-?{_LOCAL}"
_COUNTRY = re.compile(r"^(?:\+|00)86-?(?:\(0\))?0?(?=[1-9])|^86-(?:\(0\))?0?(?=[1-9])")
_SEVERAL = re.compile(r"[/、;；,，|或]|\s{2,}")


def mobile_ok(values: pd.Series) -> pd.Series:
    """Return whether each value is a mainland mobile number (a leading +86, spaces and hyphens are no fault)."""
    return flag(values, matches(values, rf"|{_MOBILE}|{_MOBILE_SPACED}"))


def family_phone_ok(values: pd.Series) -> pd.Series:
    """Return whether each value is a mobile number or a landline, with its area code or without.

    Several numbers in one cell are right when each of them is; 400 and 800 numbers are right; a landline without
    its area code is the matter of `area_code_state`.
    """
    plain = matches(values, rf"|{_MOBILE}|{_PLAIN_LANDLINE}|{_LOCAL}")
    return _settle(values, plain, lambda value: all(_one_phone_ok(part) for part in _parts(value)))


def _settle(values: pd.Series, plain: Bools, judge: Callable[[str], bool]) -> pd.Series:
    answer = flag(values, plain)
    if not plain.all():
        rest = values[~plain]
        answer[~plain] = flag_by_distinct(rest, judge)
    return answer


def _parts(value: str) -> list[str]:
    return [part for part in _SEVERAL.split(value.strip()) if part.strip()] or [value]


def _one_phone_ok(value: str) -> bool:
    bare = _bare(value)
    mobile = re.fullmatch(_MOBILE_SPACED, bare)
    return bool(mobile or any(form.fullmatch(bare) for form in (_LANDLINE, _LOCAL_ONLY, _SERVICE)))


def _bare(value: str) -> str:
    """Return a phone number without spaces, brackets and country code, its hyphens all alike."""
    bare = re.sub(r"\s+", "", value.lower())
    bare = bare.translate(str.maketrans("（）－–‐—−", "()-----"))
    bare = _COUNTRY.sub(lambda _: "", bare) if re.match(r"^(?:\+|00)?86-?(?:\(0\))?1[3-9]", bare) else _trunk(bare)
    bare = re.sub(r"^\((0[0-9]{2,3})\)-?", r"\1-", bare)
    bare = re.sub(r"\((?:转|分机)?([0-9]{1,6})\)$", r"转\1", bare)
    local = re.fullmatch(r"(0[0-9]{2,3}-?)?([2-9][0-9]{2,3})-([0-9]{4})((?:转|分机|ext\.?|[-*#,])[0-9]{1,6})?", bare)
    return "".join(part or "" for part in local.groups()) if local else bare


def _trunk(bare: str) -> str:
    return _COUNTRY.sub("0", bare)


def area_code_state(values: pd.Series) -> pd.Series:
    """Return for each landline "missing" (no area code), "abolished" (one that no longer exists), else ""."""
    return _of_odd_ones(values, _state)


def _state(value: str) -> str:
    states = [_state_of_one(_bare(part)) for part in _parts(value)]
    return next((state for state in states if state), "")


def _state_of_one(bare: str) -> str:
    landline = _LANDLINE.fullmatch(bare)
    if landline:
        return "abolished" if landline["area"] in _abolished() else ""
    return "missing" if _LOCAL_ONLY.fullmatch(bare) else ""


def area_code_successor(values: pd.Series) -> pd.Series:
    """Return the number as it is dialled today for landlines with an abolished area code, else "" (a proposal)."""
    return _of_odd_ones(values, _successor)


def _of_odd_ones(values: pd.Series, answer: Callable[[str], str]) -> pd.Series:
    """Return "" for plain mobile numbers and landlines under area codes in use, `answer(value)` for the rest."""
    gone = "|".join(_abolished())
    plain = matches(values, rf"|{_MOBILE}|{_PLAIN_LANDLINE}") & ~matches(values, rf"(?:{gone}).*")
    answers = values.where(~flag(values, plain), "")
    if not plain.all():
        answers[~plain] = by_distinct(values[~plain], answer)
    return answers


def _successor(value: str) -> str:
    landline = _LANDLINE.fullmatch(_bare(value))
    known = _abolished().get(landline["area"]) if landline else None
    if not landline or not known or not known[0]:
        return ""
    area, first = known
    local = landline["local"]
    return f"{area}-{first}{local}" if len(local) == 7 and first else f"{area}-{local}"


@cache
def _abolished() -> dict[str, tuple[str, str]]:
    path = resources.expectations() / "contacts" / "area_codes_abolished.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        return {row["code"]: (row["successor"], row["first_digit"]) for row in csv.DictReader(lines)}


def postcode_ok(values: pd.Series) -> pd.Series:
    """Return whether each value is six digits."""
    return flag(values, matches(values, "|[0-9]{6}"))


def qq_ok(values: pd.Series) -> pd.Series:
    """Return whether each value is five to eleven digits without a leading zero."""
    return flag(values, matches(values, "|[1-9][0-9]{4,10}"))


_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN_EMAIL = rf"[A-Za-z0-9_+-]{{1,20}}(?:\.[A-Za-z0-9_+-]{{1,20}}){{0,2}}@(?:{_LABEL}\.){{1,3}}[A-Za-z]{{2,10}}"
# names that RFC 6761 keeps from delivery, and punycode, are for the library to judge
_ODD_EMAIL = r"(?i).*(?:--.*|\.(?:test|invalid|local|localhost|onion|arpa|example))"


def email_ok(values: pd.Series) -> pd.Series:
    """Return whether each value, as it stands, is an address that mail could be sent to (syntax only, no DNS)."""
    plain = matches(values, rf"|{_PLAIN_EMAIL}") & ~matches(values, _ODD_EMAIL)
    return _settle(values, plain, _deliverable)


def _deliverable(address: str) -> bool:
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(address, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return False
    return address.isascii()


def email_misspelt(values: pd.Series) -> pd.Series:
    """Return the domain that was probably meant where an address has a known misspelling, else ""."""
    known = "|".join(map(re.escape, _misspellings()))
    answer = np.full(len(values), "", dtype=object)
    odd = matches(values, rf"(?i).*@\s*(?:{known})\s*")
    domains = (value.rpartition("@")[2].strip().casefold() for value in values[odd])  # (?i) takes ſ for s, too
    answer[odd] = [_misspellings()[domain] for domain in domains]
    return text(values, answer)


@cache
def _misspellings() -> dict[str, str]:
    path = resources.expectations() / "contacts" / "email_domains.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        return {row["given"]: row["meant"] for row in csv.DictReader(lines)}
