"""ID numbers: kind, validity, date of birth, gender, region. Values must be normalised: half-width, no spaces.

GB 11643-1999: 18 characters (six of region, eight of birth, three of order, odd for men; check character by ISO 7064
MOD 11-2). 居民身份证 of the first generation: 15 digits, two for the year. 港澳台居民居住证 (State Council order 2018):
81, 82, 83 and 0000. Foreigners: the card of 2023 (9, two digits of place, three of ISO 3166 nationality, then as GB
11643), the older one (three letters, twelve digits). Every `_ok` function is true on blank and damaged numbers: other
rules judge them.
"""

from __future__ import annotations

import re
from functools import cached_property

import numpy as np
import pandas as pd

from pipeline.knowledge.text_columns import (
    Bytes,
    byte_matrix,
    chosen,
    distinct,
    fits_pattern,
    flag,
    lengths,
    text,
)

_WEIGHTS = np.array([2 ** (17 - place) % 11 for place in range(17)], dtype=np.int32)
_CHECKS = np.frombuffer(b"10X98765432", dtype=np.uint8)
_ZERO = ord("0")
_TRAVEL = r"[A-Z]{1,3}[0-9]{5,10}[A-Z]?|[0-9]{8,10}|[0-9]{10}\([A-Z]\)|[0-9]{1,2}[A-Z]{2}[0-9]{5,6}"
_DAMAGED = r"[1-9](?:\.[0-9]+)?[Ee]\+?1[0-9]"
_KINDS = ["malformed", "", "resident", "residence_permit", "foreigner", "old15", "damaged"]
_MALFORMED, _BLANK, _RESIDENT, _PERMIT, _FOREIGNER, _OLD15, _DAMAGED_KIND = range(len(_KINDS))
_GENDERS = ["", "男", "女"]
_LEAST_DIGITS = 10  # a shorter mantissa is a display ("4.30302E+17")
_MONTH = re.compile("[0-9]{4}-(?:0[1-9]|1[0-2])")
_NO_MONTH = -(2**40)
_CENTURY_PIVOT = 30  # two-digit years of the older foreigners' card: up to 30 is 20xx


class IdNumbers:
    """A column of ID numbers. Derived columns are computed on first use and cached."""

    def __init__(self, values: pd.Series) -> None:
        self._values = values
        length = lengths(values)
        self._long, self._long_digits = self._of_length(length, 18)
        self._short, self._short_digits = self._of_length(length, 15)
        self._kinds = self._read_kinds(length)

    def _of_length(self, length: np.ndarray, width: int) -> tuple[np.ndarray, Bytes]:
        where = np.flatnonzero(length == width)
        return where, byte_matrix(self._values.iloc[where] if len(where) < len(length) else self._values, width)

    def _read_kinds(self, length: np.ndarray) -> np.ndarray:
        kinds = np.full(len(length), _MALFORMED, dtype=np.int8)
        kinds[length == 0] = _BLANK
        kinds[self._long] = _kinds_of_18(self._long_digits)
        kinds[self._short] = _kinds_of_15(self._short_digits)
        odd = np.flatnonzero(kinds == _MALFORMED)
        kinds[odd[fits_pattern(self._values.iloc[odd], _DAMAGED)]] = _DAMAGED_KIND
        return kinds

    @cached_property
    def kind(self) -> pd.Series:
        """What each number is: "", resident, old15, residence_permit, foreigner, damaged or malformed."""
        return chosen(self._kinds, _KINDS, self._values.index)

    def is_kind(self, *kinds: str) -> pd.Series:
        """Return which numbers are of these kinds."""
        return flag(self._values, np.isin(self._kinds, [_KINDS.index(kind) for kind in kinds]))

    @cached_property
    def format_ok(self) -> pd.Series:
        """Whether each number has a form that is issued today. Fifteen digits are not."""
        return flag(self._values, ~np.isin(self._kinds, [_MALFORMED, _OLD15]))

    @cached_property
    def travel(self) -> pd.Series:
        """Whether each number has the form of a passport or of a travel permit of Hong Kong, Macau or Taiwan."""
        return flag(self._values, (self._kinds == _MALFORMED) & fits_pattern(self._values, _TRAVEL))

    @cached_property
    def checksum_ok(self) -> pd.Series:
        """Whether the check character of each 18-character number is right. Other forms have none and are true."""
        answer = np.ones(len(self._values), dtype=bool)
        whole = self._kinds[self._long] != _MALFORMED
        given = self._long_digits[whole]
        answer[self._long[whole]] = _check_bytes(given) == _upper(given[:, 17])
        return flag(self._values, answer)

    @cached_property
    def born(self) -> np.ndarray:
        """The date of birth in each number (datetime64[D]); NaT if it has none that exists."""
        answer = np.full(len(self._values), np.datetime64("NaT"), dtype="datetime64[D]")
        kinds = self._kinds[self._short]
        for where, digits, start, short, card in (
            (self._kinds[self._long] != _MALFORMED, self._long_digits, 6, False, False),
            (kinds == _OLD15, self._short_digits, 6, True, False),
            (kinds == _FOREIGNER, self._short_digits, 7, True, True),
        ):
            rows = self._short if short else self._long
            answer[rows[where]] = _dates(digits[where], start, short=short, old_card=card)
        return answer

    @property
    def tells_birth(self) -> pd.Series:
        """Whether each number has a date of birth that exists."""
        return flag(self._values, ~np.isnat(self.born))

    def birth_ok(self, months: pd.Series | None = None) -> pd.Series:
        """Return whether digits 7-14 are a date, of an age of 14 to 70 in the month YYYY-MM if given (rules.csv)."""
        judged = np.isin(self._kinds, [_RESIDENT, _PERMIT, _FOREIGNER])
        real = ~np.isnat(self.born)
        answer = ~judged | real
        if months is not None:
            graduated = _months_since_1970(months)
            born = self.born.astype("datetime64[M]").astype(np.int64)
            aged = judged & real & (graduated != _NO_MONTH)
            answer[aged] = ((graduated - born)[aged] // 12 >= 14) & ((graduated - born)[aged] // 12 <= 70)
        return flag(self._values, answer)

    @cached_property
    def gender(self) -> pd.Series:
        """男 or 女 by the order digit of each number; "" for older foreigners' cards, which have none."""
        answer = np.zeros(len(self._values), dtype=np.int8)
        for rows, digits, place, where in (
            (self._long, self._long_digits, 16, self._kinds[self._long] != _MALFORMED),
            (self._short, self._short_digits, 14, self._kinds[self._short] == _OLD15),
        ):
            answer[rows[where]] = np.where(digits[where, place] % 2 == 1, 1, 2)
        return chosen(answer, _GENDERS, self._values.index)

    @cached_property
    def region(self) -> pd.Series:
        """The first six digits of residents' numbers and residence permits, else ""."""
        return self._values.str[:6].where(self.is_kind("resident", "residence_permit", "old15"), "")

    @cached_property
    def valid(self) -> pd.Series:
        """Whether each number has an issued form, the right check character and a date of birth."""
        issued = self.is_kind("resident", "residence_permit", "foreigner")
        return issued & self.checksum_ok & self.tells_birth


def _kinds_of_18(characters: Bytes) -> np.ndarray:
    digits = characters - np.uint8(_ZERO)  # wraps: other characters become 10 or more
    fits = (digits[:, :17] < 10).all(axis=1) & ((digits[:, 17] < 10) | (_upper(characters[:, 17]) == ord("X")))
    permit = (digits[:, 0] == 8) & (digits[:, 1] >= 1) & (digits[:, 1] <= 3) & (digits[:, 2:6] == 0).all(axis=1)
    kinds = np.select([~fits, permit, digits[:, 0] == 9], [_MALFORMED, _PERMIT, _FOREIGNER], _RESIDENT)
    return kinds.astype(np.int8)


def _kinds_of_15(characters: Bytes) -> np.ndarray:
    digit = (characters - np.uint8(_ZERO)) < 10
    letter = ((characters | np.uint8(0x20)) - np.uint8(ord("a"))) < 26
    rest = digit[:, 3:].all(axis=1)
    old, card = rest & digit[:, :3].all(axis=1), rest & letter[:, :3].all(axis=1)
    return np.select([old, card], [_OLD15, _FOREIGNER], _MALFORMED).astype(np.int8)


def _months_since_1970(months: pd.Series) -> np.ndarray:
    places, known = distinct(months)
    numbers = [
        int(month[:4]) * 12 + int(month[5:]) - 1970 * 12 - 1 if _MONTH.fullmatch(month) else _NO_MONTH
        for month in known
    ]
    return np.array(numbers, dtype=np.int64)[places]


def damaged(values: pd.Series) -> pd.Series:
    """Return which numbers of any kind a spreadsheet kept as numbers: 1.34303E+13, or 13430300000052.0."""
    return flag(values, fits_pattern(values, r"[1-9](?:\.[0-9]+)?[Ee]\+?[0-9]{1,2}"))


def check_character(first17: pd.Series) -> pd.Series:
    """Return the check character (ISO 7064 MOD 11-2) of each seventeen digits, else ""."""
    fits = fits_pattern(first17, "[0-9]{17}")
    answer = np.full(len(first17), "", dtype=object)
    answer[fits] = _check_bytes(byte_matrix(first17[fits], 17)).view("S1").astype(str)
    return text(first17, answer)


def _check_bytes(digits: Bytes) -> Bytes:
    sums = np.zeros(len(digits), dtype=np.int32)
    for place in range(17):
        sums += (digits[:, place].astype(np.int32) - _ZERO) * _WEIGHTS[place]
    return _CHECKS[sums % 11]


def _upper(characters: Bytes) -> Bytes:
    return np.where(characters == ord("x"), np.uint8(ord("X")), characters)


def _dates(digits: Bytes, start: int, *, short: bool, old_card: bool) -> np.ndarray:
    size = 2 if short else 4
    years = _number(digits, start, size)
    if short:
        years = years + np.where(old_card & (years <= _CENTURY_PIVOT), 2000, 1900)
    months, days = _number(digits, start + size, 2), _number(digits, start + size + 2, 2)
    first = ((years - 1970) * 12 + months - 1).astype("datetime64[M]")
    born = first.astype("datetime64[D]") + (days - 1).astype("timedelta64[D]")
    real = (years >= 1900) & (years < 2100) & (months >= 1) & (months <= 12) & (days >= 1)
    born[~real | (born.astype("datetime64[M]") != first)] = np.datetime64("NaT")
    return born


def _number(digits: Bytes, start: int, size: int) -> np.ndarray:
    value = np.zeros(len(digits), dtype=np.int64)
    for place in range(start, start + size):
        value = value * 10 + (digits[:, place].astype(np.int64) - _ZERO)
    return value


def to_18(values15: pd.Series) -> pd.Series:
    """Return fifteen-digit numbers in their eighteen-digit form; others unchanged."""
    old = flag(values15, fits_pattern(values15, "[0-9]{15}"))
    first17 = values15.str[:6] + "19" + values15.str[6:]
    return values15.where(~old, first17 + check_character(first17))


def id_prefix(values: pd.Series) -> pd.Series:
    """Return the first 15 digits of a damaged number, else "" (traps.md). Mantissas under 10 digits have lost them."""
    whole = flag(values, fits_pattern(values, r"[1-9]\.[0-9]+[Ee]\+?17"))
    digits = values.str.replace(r"[Ee].*$", "", regex=True).str.replace(".", "", regex=False)
    enough = digits.str.len().between(_LEAST_DIGITS, 17)
    return digits.str[:15].str.pad(15, side="right", fillchar="0").where(whole & enough, "")
