"""Rules of the page 联系方式: QQ, phones, home, photo, and of every cell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from pipeline import fields
from pipeline.check.rule import Broken, Facts, Mask, cached_for_table, given, info_where, rule, rule_of
from pipeline.knowledge.contacts import area_code_state, area_code_successor, family_phone_ok, mobile_ok
from pipeline.knowledge.regions import postcode_fits
from pipeline.knowledge.text_columns import begins_with, fits_pattern, flag
from pipeline.tables import Frame

MINIMUM_ADDRESS = 6  # characters
MAXIMUM_PHOTO = 200 * 1024  # bytes
MINIMUM_PHOTO_WIDTH = 100  # pixels
CONTACTS = ("phone", "qq", "email")


_DIGITS = {"qq": "|[1-9][0-9]{4,10}", "postcode": "|[0-9]{6}"}


@rule_of("{}_format", *_DIGITS)
def digits_format(table: Frame, facts: Facts, name: str) -> Mask:
    """Not 5 to 11 digits without a leading 0 (QQ), or not 6 digits (postcode)."""
    return flag(table[name], ~fits_pattern(table[name], _DIGITS[name]))


@rule
def qq_email(table: Frame, facts: Facts) -> Mask:
    """The e-mail is digits@qq.com and the digits differ from the QQ number."""
    email = table["email"].str.lower()
    other = np.flatnonzero(given(table["qq"]) & (email != table["qq"] + "@qq.com"))
    broken = np.zeros(len(table), dtype=bool)
    broken[other] = fits_pattern(email.iloc[other], r"[0-9]+@qq\.com")
    return flag(email, broken)


@rule
def phone_format(table: Frame, facts: Facts) -> Mask:
    """Not a mainland mobile number."""
    return given(table["phone"]) & ~mobile_ok(table["phone"])


@cached_for_table
def _landline_fault(table: Frame, facts: Facts) -> pd.Series:
    return area_code_state(table["family_phone"])


@rule
def family_phone_format(table: Frame, facts: Facts) -> Mask:
    """Neither a mobile number nor a landline."""
    numbers = table["family_phone"]
    return given(numbers) & ~family_phone_ok(numbers) & (_landline_fault(table, facts) == "")


@rule
def family_phone_area_code(table: Frame, facts: Facts) -> Broken:
    """A landline without its area code, or with one that no longer exists. `expected` is its successor."""
    at_fault = _landline_fault(table, facts) != ""
    return Broken(at_fault, expected=area_code_successor(table["family_phone"].where(at_fault, "")))


@rule
def postcode_region(table: Frame, facts: Facts) -> Mask:
    """The first two digits are another province's."""
    return ~postcode_fits(table["postcode"], table["home_province"])


@rule
def home_address_detail(table: Frame, facts: Facts) -> Mask:
    """Under 6 characters."""
    return given(table["home_address"]) & (table["home_address"].str.len() < MINIMUM_ADDRESS)


@rule
def photo_file(table: Frame, facts: Facts) -> Mask:
    """No such file in the photo folder, or it cannot be decoded whole as an image."""
    return given(table["photo"]) & ~(table["photo_found"] & table["photo_readable"])


@rule
def photo_size(table: Frame, facts: Facts) -> Mask:
    """Over 200 KB."""
    return table["photo_found"] & (table["photo_bytes"] > MAXIMUM_PHOTO)


@rule
def photo_portrait(table: Frame, facts: Facts) -> Mask:
    """Wider than tall, or under 100 pixels wide."""
    landscape = table["photo_width"] > table["photo_height"]
    return table["photo_readable"] & (landscape | (table["photo_width"] < MINIMUM_PHOTO_WIDTH))


@rule
def photo_duplicate(table: Frame, facts: Facts) -> Broken:
    """Two students handed in the same picture. It is an info for the student whose number is the file name."""
    return Broken(table["photo_shared"], severity=info_where(table["photo_shared_owned"]))


@rule
def contact_shared(table: Frame, facts: Facts) -> Broken:
    """Two or more students gave one phone, QQ or e-mail. It is an info for the only certified one of them."""
    at_fault = [(name, table[f"{name}_shared"] & ~table[f"{name}_shared_owned"]) for name in CONTACTS]
    broken = _first_of(table, [*at_fault, *((name, table[f"{name}_shared"]) for name in CONTACTS)])
    return replace(broken, severity=info_where(~pd.concat([mask for _, mask in at_fault], axis=1).any(axis=1)))


@rule
def text_suspicious(table: Frame, facts: Facts) -> Broken:
    """A cell begins with = + - @ and is no number."""
    return _first_of(table, [(name, _formula_like(table[name])) for name in fields.names()])


def _formula_like(column: pd.Series) -> Mask:
    begins = begins_with(column, b"=+@-")
    if begins.any():
        begins[begins] = ~fits_pattern(column[begins], r"[+-]?[0-9][0-9 .,()-]*")
    return flag(column, begins)


def _first_of(table: Frame, masks: list[tuple[str, Mask]]) -> Broken:
    at_fault = value = pd.Series("", index=table.index, dtype="str")
    for name, mask in reversed(masks):
        if mask.any():
            at_fault, value = at_fault.mask(mask, name), value.mask(mask, table[name])
    return Broken(at_fault != "", field=at_fault, given=value)
