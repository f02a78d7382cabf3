"""Crockford's base 32, for people to read from paper and type: no I, L, O and U."""

from __future__ import annotations

import base64
import unicodedata

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_FROM_RFC_4648 = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", _ALPHABET)
_LOOKALIKES = str.maketrans("OILU", "011V")


def encode_base32(value: bytes) -> str:
    """Return bytes (a multiple of five) in groups of four, such as `7K3M-9QTE`."""
    return decode_base32(base64.b32encode(value).decode().translate(_FROM_RFC_4648))


def decode_base32(typed: str) -> str:
    """Return typed text in the form of `encode_base32`. Width, case, hyphens, spaces and look-alikes are ignored."""
    plain = unicodedata.normalize("NFKC", typed).upper().translate(_LOOKALIKES)
    letters = "".join(letter for letter in plain if letter in _ALPHABET)
    return "-".join(letters[start : start + 4] for start in range(0, len(letters), 4))
