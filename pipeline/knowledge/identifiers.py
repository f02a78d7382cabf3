"""ID numbers: what kind, whether right, and what they tell (date of birth, gender, region).

Sources: GB 11643-1999 (18 digits: six of region, eight of birth, three of order, odd for men; check character
by ISO 7064 MOD 11-2); 居民身份证 of the first generation (15 digits, year of two digits); 港澳台居民居住证 (81, 82, 83
and 0000, State Council order 2018); foreigners' permanent residence: the five-star card of 2023 (9, two digits of
the place of acceptance, three of ISO 3166 nationality, then birth, order and check as in GB 11643) and the older
card (three letters of nationality, twelve digits).

Every `_ok` function is true where another rule has the word: on blank, and on numbers damaged by a spreadsheet.
Values are expected as normalise leaves them: no spaces, half-width; a small x is taken for X.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.knowledge.text import Bools, Bytes, byte_matrix, flag, matches, text

_WEIGHTS = np.array([2 ** (17 - place) % 11 for place in range(17)], dtype=np.int32)
_CHECKS = np.frombuffer(b"10X98765432", dtype=np.uint8)
_ZERO = ord("0")
_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_DAMAGED = r"[1-9](?:\.[0-9]+)?[Ee]\+?1[0-9]"
_KINDS = {
    "resident": r"[0-9]{17}[0-9Xx]",
    "residence_permit": r"8[123]0000[0-9]{11}[0-9Xx]",
    "foreigner": r"9[0-9]{16}[0-9Xx]|[A-Za-z]{3}[0-9]{12}",
    "old15": r"[0-9]{15}",
    "damaged": _DAMAGED,
    "": "",
}
_LEAST_DIGITS = 10  # a mantissa shorter than this is a display ("4.30302E+17"), not a number whose zeros were dropped
_CENTURY_PIVOT = 30  # two-digit years of the older foreigners' card: up to 30 is 20xx


def id_kind(values: pd.Series) -> pd.Series:
    """Return what each number is: "", resident, old15, residence_permit, foreigner, damaged or malformed."""
    kinds = np.full(len(values), "malformed", dtype=object)
    for kind, pattern in _KINDS.items():
        kinds[matches(values, pattern)] = kind
    return text(values, kinds)


def check_character(first17: pd.Series) -> pd.Series:
    """Return the eighteenth character (ISO 7064 MOD 11-2) of each seventeen digits, "" where they are none."""
    fits = matches(first17, "[0-9]{17}")
    answer = np.full(len(first17), "", dtype=object)
    answer[fits] = _check_bytes(byte_matrix(first17[fits], 17)).view("S1").astype(str)
    return text(first17, answer)


def _check_bytes(digits: Bytes) -> Bytes:
    sums = np.zeros(len(digits), dtype=np.int32)
    for place in range(17):
        sums += (digits[:, place].astype(np.int32) - _ZERO) * _WEIGHTS[place]
    return _CHECKS[sums % 11]


def id_format_ok(values: pd.Series) -> pd.Series:
    """Return whether each number has a form that is issued today (fifteen digits are not: 18 位)."""
    return flag(values, matches(values, rf"|[0-9]{{17}}[0-9Xx]|[A-Za-z]{{3}}[0-9]{{12}}|{_DAMAGED}"))


def id_checksum_ok(values: pd.Series) -> pd.Series:
    """Return whether the check character of each 18-character number is right; other forms have none: true."""
    answer = np.ones(len(values), dtype=bool)
    long = _long(values)
    given = byte_matrix(values[long], 18)
    answer[long] = _check_bytes(given) == _upper(given[:, 17])
    return flag(values, answer)


def _long(values: pd.Series) -> Bools:
    return matches(values, "[0-9]{17}[0-9Xx]")


def _upper(characters: Bytes) -> Bytes:
    return np.where(characters == ord("x"), np.uint8(ord("X")), characters)


def id_birth_date(values: pd.Series) -> pd.Series:
    """Return the date of birth each number tells as YYYY-MM-DD, "" where it tells none that exists."""
    answer = np.full(len(values), "", dtype=object)
    for form, width, start in ((_long(values), 18, 6), (matches(values, "[0-9]{15}"), 15, 6)):
        answer[form] = _dates(byte_matrix(values[form], width), start, short=width == 15, old_card=False)
    card = matches(values, "[A-Za-z]{3}[0-9]{12}")
    answer[card] = _dates(byte_matrix(values[card], 15), 7, short=True, old_card=True)
    return text(values, answer)


def _dates(digits: Bytes, start: int, *, short: bool, old_card: bool) -> np.ndarray:
    size = 2 if short else 4
    years = _number(digits, start, size)
    if short:
        years = years + np.where(old_card & (years <= _CENTURY_PIVOT), 2000, 1900)
    months = _number(digits, start + size, 2)
    days = _number(digits, start + size + 2, 2)
    real = _exists(years, months, days)
    written = np.full(len(digits), "", dtype=object)
    if bool(real.any()):
        moments = (
            (years[real] - 1970).astype("datetime64[Y]").astype("datetime64[M]")
            + (months[real] - 1).astype("timedelta64[M]")
        ).astype("datetime64[D]") + (days[real] - 1).astype("timedelta64[D]")
        written[real] = moments.astype(str)
    return written


def _number(digits: Bytes, start: int, size: int) -> np.ndarray:
    value = np.zeros(len(digits), dtype=np.int64)
    for place in range(start, start + size):
        value = value * 10 + (digits[:, place].astype(np.int64) - _ZERO)
    return value


def _exists(years: np.ndarray, months: np.ndarray, days: np.ndarray) -> Bools:
    leap = (years % 4 == 0) & ((years % 100 != 0) | (years % 400 == 0))
    length = _MONTH_DAYS[np.where((months >= 1) & (months <= 12), months, 0)] + (leap & (months == 2))
    return (years >= 1900) & (years < 2100) & (days >= 1) & (days <= length)


def id_birth_ok(values: pd.Series, months: pd.Series | None = None) -> pd.Series:
    """Return whether digits 7 to 14 are a date, of someone aged 14 to 70 in the graduation month (rules.csv).

    Args:
        values: ID numbers; blank, damaged, malformed and 15-digit ones are true (other rules have the word).
        months: the graduation month of each row as YYYY-MM; where it is blank or not given only the date is judged.
    """
    born = id_birth_date(values)
    judged = id_kind(values).isin(["resident", "residence_permit", "foreigner"])
    answer = ~judged | born.ne("")
    if months is None:
        return answer
    readable = flag(months, matches(months, "[0-9]{4}-[0-9]{2}")) & born.ne("") & judged
    age = months[readable].str[:4].astype(int) - born[readable].str[:4].astype(int)
    age = age - (months[readable].str[5:7] < born[readable].str[5:7]).astype(int)
    answer[readable] = age.between(14, 70)
    return answer


def id_gender(values: pd.Series) -> pd.Series:
    """Return 男 or 女 by the order digit of each number, "" where it tells none (older foreigners' cards)."""
    answer = np.full(len(values), "", dtype=object)
    for pattern, width, place in (("[0-9]{17}[0-9Xx]", 18, 16), ("[0-9]{15}", 15, 14)):
        form = matches(values, pattern)
        answer[form] = np.where(byte_matrix(values[form], width)[:, place] % 2 == 1, "男", "女")
    return text(values, answer)


def id_region(values: pd.Series) -> pd.Series:
    """Return the first six digits of residents' numbers and residence permits, "" where no region is told."""
    tells = matches(values, "[0-8][0-9]{16}[0-9Xx]|[0-9]{15}")
    return values.str[:6].where(flag(values, tells), "")


def id_valid(values: pd.Series) -> pd.Series:
    """Return whether each number is whole and right: issued form, check character, date of birth."""
    issued = id_kind(values).isin(["resident", "residence_permit", "foreigner"])
    return issued & id_checksum_ok(values) & id_birth_date(values).ne("")


def to_18(values15: pd.Series) -> pd.Series:
    """Return fifteen-digit numbers in the form of eighteen (19 before the year, check character); others as given."""
    old = flag(values15, matches(values15, "[0-9]{15}"))
    first17 = values15.str[:6] + "19" + values15.str[6:]
    return values15.where(~old, first17 + check_character(first17))


def id_prefix(values: pd.Series) -> pd.Series:
    """Return the first fifteen digits that a damaged number still tells, else "" (traps.md: the rest is lost).

    A spreadsheet keeps fifteen significant digits and drops zeros at their end; a mantissa of fewer than ten
    digits is what was displayed, and tells no prefix.
    """
    whole = flag(values, matches(values, r"[1-9]\.[0-9]+[Ee]\+?17"))
    digits = values.str.replace(r"[Ee].*$", "", regex=True).str.replace(".", "", regex=False)
    enough = digits.str.len().between(_LEAST_DIGITS, 17)
    return digits.str[:15].str.pad(15, side="right", fillchar="0").where(whole & enough, "")
