"""ID numbers: kind, validity, date of birth, gender, region. Values must be normalised: half-width, no spaces.

GB 11643-1999: 18 characters (six of region, eight of birth, three of order, odd for men; check character by ISO 7064
MOD 11-2). 居民身份证 of the first generation: 15 digits, two for the year. 港澳台居民居住证 (State Council order 2018):
81, 82, 83 and 0000. Foreigners: the card of 2023 (9, two digits of place, three of ISO 3166 nationality, then as GB
11643), the older one (three letters, twelve digits). Every `_ok` function returns true for blank and damaged numbers:
other rules judge them.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from pipeline.knowledge.text_columns import Bools, Bytes, byte_matrix, distinct, fits_pattern, flag, take_texts

_WEIGHTS = np.array([2 ** (17 - place) % 11 for place in range(17)], dtype=np.int32)
_CHECKS = np.frombuffer(b"10X98765432", dtype=np.uint8)
_TRAVEL = r"[A-Z]{1,3}[0-9]{5,10}[A-Z]?|[0-9]{8,10}|[0-9]{10}\([A-Z]\)|[0-9]{1,2}[A-Z]{2}[0-9]{5,6}"
_FORMS = [
    ("resident", "[1-7][0-9]{16}[0-9Xx]"),
    ("residence_permit", "8[1-3]0000[0-9]{11}[0-9Xx]"),
    ("foreigner", "9[0-9]{16}[0-9Xx]"),
    ("resident", "[0-9]{17}[0-9Xx]"),
    ("old15", "[0-9]{15}"),
    ("foreigner", "[A-Za-z]{3}[0-9]{12}"),
    ("", ""),
    ("damaged", r"[1-9](?:\.[0-9]+)?[Ee]\+?1[0-9]"),
]
"""Kinds and their patterns. The first pattern that fits decides the kind."""
_FORMS_OF_18, _OLD15, _OLD_CARD = (0, 1, 2, 3), 4, 5
_KINDS = [*(kind for kind, _ in _FORMS), "malformed"]
_GENDERS = ["", "男", "女"]
_MIN_DIGITS = 10  # a shorter mantissa is a display ("4.30302E+17")
_CENTURY_PIVOT = 30  # two-digit years of the older foreigners' card: up to 30 is 20xx


class IdNumbers:
    """A column of ID numbers. Derived columns are computed on first use and cached."""

    def __init__(self, values: pd.Series) -> None:
        self._values = values
        self._forms = np.full(len(values), len(_FORMS), dtype=np.int8)
        remaining = np.arange(len(values))
        for form, (_, pattern) in enumerate(_FORMS):
            fits = fits_pattern(values.iloc[remaining], pattern)
            self._forms[remaining[fits]] = form
            remaining = remaining[~fits]
            if not len(remaining):
                break
        self._is_18 = np.isin(self._forms, _FORMS_OF_18)

    @cached_property
    def kind(self) -> pd.Series:
        """The kind of each number: "", resident, old15, residence_permit, foreigner, damaged or malformed."""
        return take_texts(self._forms, _KINDS, self._values.index)

    def _has_kind(self, *kinds: str) -> Bools:
        return np.isin(self._forms, [form for form, kind in enumerate(_KINDS) if kind in kinds])

    def is_kind(self, *kinds: str) -> pd.Series:
        """Return which numbers are of these kinds."""
        return flag(self._values, self._has_kind(*kinds))

    @cached_property
    def format_ok(self) -> pd.Series:
        """Whether each number has a form that is issued today. False for 15 digits."""
        return ~self.is_kind("malformed", "old15")

    @cached_property
    def travel(self) -> pd.Series:
        """Whether each number has the form of a passport or of a travel permit of Hong Kong, Macau or Taiwan."""
        return flag(self._values, self._has_kind("malformed") & fits_pattern(self._values, _TRAVEL))

    @cached_property
    def checksum_ok(self) -> pd.Series:
        """Whether the check character of each 18-character number is correct. True for other forms."""
        results = np.ones(len(self._values), dtype=bool)
        digits = byte_matrix(self._values[self._is_18], 18)
        results[self._is_18] = _check_bytes(digits) == np.where(digits[:, 17] == ord("x"), ord("X"), digits[:, 17])
        return flag(self._values, results)

    @cached_property
    def birth_dates(self) -> np.ndarray:
        """The date of birth in each number (datetime64[D]), NaT if there is no valid one."""
        born = np.full(len(self._values), np.datetime64("NaT"), dtype="datetime64[D]")
        for rows, start in ((self._is_18, 6), (self._forms == _OLD15, 6), (self._forms == _OLD_CARD, 7)):
            digits = self._values[rows].str[start : start + (8 if rows is self._is_18 else 6)]
            if rows is not self._is_18:
                recent = (digits.str[:2] <= str(_CENTURY_PIVOT)) & (start == 7)
                digits = ("20" + digits).where(recent, "19" + digits)
            dates = pd.to_datetime(digits.to_numpy(dtype=object), format="%Y%m%d", errors="coerce", cache=False)
            born[rows] = dates.to_numpy().astype("datetime64[D]")
        born[(born < np.datetime64("1900-01-01")) | (born >= np.datetime64("2100-01-01"))] = np.datetime64("NaT")
        return born

    @property
    def has_birth_date(self) -> pd.Series:
        """Whether each number has a valid date of birth."""
        return flag(self._values, ~np.isnat(self.birth_dates))

    def birth_ok(self, months: pd.Series | None = None) -> pd.Series:
        """Return whether digits 7-14 are a date. With `months` (YYYY-MM) the age then must be 14 to 70 (rules.csv)."""
        checked = self._has_kind("resident", "residence_permit", "foreigner")
        exists = ~np.isnat(self.birth_dates)
        results = ~checked | exists
        if months is not None:
            positions, distinct_months = distinct(months)
            distinct_months = [month if len(month) == 7 else "" for month in distinct_months]
            dates = pd.to_datetime(np.array(distinct_months, dtype=object), format="%Y-%m", errors="coerce")
            graduated = dates.to_numpy().astype("datetime64[M]")[positions]
            comparable = checked & exists & ~np.isnat(graduated)
            years = (graduated - self.birth_dates.astype("datetime64[M]"))[comparable].astype(np.int64) // 12
            results[comparable] = (years >= 14) & (years <= 70)
        return flag(self._values, results)

    @cached_property
    def gender(self) -> pd.Series:
        """男 or 女 by the order digit of each number. "" for older foreigners' cards, which have none."""
        genders = np.zeros(len(self._values), dtype=np.int8)
        for rows, position in ((self._is_18, 16), (self._forms == _OLD15, 14)):
            genders[rows] = np.where(self._values[rows].str[position].isin([*"13579"]), 1, 2)
        return take_texts(genders, _GENDERS, self._values.index)

    @cached_property
    def region(self) -> pd.Series:
        """The first six digits of residents' numbers and residence permits, else ""."""
        return self._values.str[:6].where(self.is_kind("resident", "residence_permit", "old15"), "")

    @cached_property
    def valid(self) -> pd.Series:
        """Whether each number has an issued form, the right check character and a date of birth."""
        issued = self.is_kind("resident", "residence_permit", "foreigner")
        return issued & self.checksum_ok & self.has_birth_date


def damaged(values: pd.Series) -> pd.Series:
    """Return which values are numbers that a spreadsheet stored without their last digits: 1.34303E+13."""
    return flag(values, fits_pattern(values, r"[1-9](?:\.[0-9]+)?[Ee]\+?[0-9]{1,2}"))


def check_character(first17: pd.Series) -> pd.Series:
    """Return the check character (ISO 7064 MOD 11-2) of each seventeen digits, else ""."""
    fits = fits_pattern(first17, "[0-9]{17}")
    results = np.full(len(first17), "", dtype=object)
    results[fits] = _check_bytes(byte_matrix(first17[fits], 17)).view("S1").astype(str)
    return pd.Series(results, index=first17.index, dtype="str")


def _check_bytes(digits: Bytes) -> Bytes:
    sums = np.zeros(len(digits), dtype=np.int32)
    for position in range(17):
        sums += (digits[:, position].astype(np.int32) - ord("0")) * _WEIGHTS[position]
    return _CHECKS[sums % 11]


def to_18(values15: pd.Series) -> pd.Series:
    """Return 15-digit numbers in their 18-digit form. Others are unchanged."""
    old = flag(values15, fits_pattern(values15, "[0-9]{15}"))
    first17 = values15.str[:6] + "19" + values15.str[6:]
    return values15.where(~old, first17 + check_character(first17))


def id_prefix(values: pd.Series) -> pd.Series:
    """Return the first 15 digits of a damaged number, else "" (traps.md). Mantissas under 10 digits are too short."""
    damaged_18 = flag(values, fits_pattern(values, r"[1-9]\.[0-9]+[Ee]\+?17"))
    digits = values.str.replace(r"[Ee].*$", "", regex=True).str.replace(".", "", regex=False)
    enough = digits.str.len().between(_MIN_DIGITS, 17)
    return digits.str[:15].str.pad(15, side="right", fillchar="0").where(damaged_18 & enough, "")
