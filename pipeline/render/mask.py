"""What pages and mail may show of personal numbers (contract, Notebooks): the ends, never the middle."""

from __future__ import annotations

import re

_ID = re.compile(r"[0-9A-Za-z]{15,18}")
_PHONE = re.compile(r"1[0-9]{10}")


def mask_id(number: str) -> str:
    """Return an ID number as 430***********1234; what has no such form shows its first and last character only."""
    if _ID.fullmatch(number):
        return f"{number[:3]}{'*' * (len(number) - 7)}{number[-4:]}"
    return _ends(number)


def mask_phone(number: str) -> str:
    """Return a mobile number as 138****5678; a landline or odd value shows its first and last character only."""
    return f"{number[:3]}****{number[-4:]}" if _PHONE.fullmatch(number) else _ends(number)


def _ends(text: str) -> str:
    return f"{text[0]}****{text[-1]}" if len(text) > 4 else "*" * len(text)
