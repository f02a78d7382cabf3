"""Names: cleaning, validity, comparison keys. ID cards have Han characters with U+00B7, or Latin letters and spaces.

Words such as Null, NA and 无 are names. Sources of look-alikes: Unicode's EquivalentUnifiedIdeograph.txt (radicals
supplement), its compatibility mappings, and the private-use characters of GBK and GB18030 (rows FE50 to FEA0), which
GB18030-2022 and Unicode 4.1 call U+9FB4 to U+9FBB and six characters of extension B.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from functools import cache, lru_cache

import pandas as pd

from pipeline.knowledge.text_columns import by_distinct, clean_text, fits_pattern, flag
from pipeline.resources import expectation_rows

DOT = "\u00b7"
# typed for the middle dot of a minority name
DOT_LOOKALIKES = (
    "\u2022\u2027\u30fb\uff65\uff0e.\u2219\u22c5\u25cf\u2981\u25e6\u2024\u0387\u1427\u2e31\ua78f\u02d9\u16eb"
    "\u2e33\u25aa\u3002\uff61\ufe52\ufe45\ufe46\u318d\u119e\u2e30\u2218\u26ac\u2b2a\u2b1d\u2025\u205a\U00010101\u00b7"
)
# 〇 and 々 are written in names; planes 2 and 3 hold the extensions B and later
HAN = (
    "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\ufa0e\ufa0f\ufa11\ufa13\ufa14\ufa1f\ufa21\ufa23\ufa24\ufa27-\ufa29"
    "\U00020000-\U0003fffd"
)
LATIN = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"


@cache
def confusables() -> dict[int, str]:
    """Return the Han or Latin character that each look-alike stands for (for `str.translate`)."""
    # GBK's private-use characters E815 to E864 (FE50 to FEA0), as GB18030 reads the same bytes
    trails = [*range(0x50, 0x7F), *range(0x80, 0xA1)]
    table = {0xE815 + place: bytes((0xFE, trail)).decode("gb18030") for place, trail in enumerate(trails)}
    # Kangxi radicals, compatibility ideographs, full-width Latin and digits, by Unicode's own mappings
    for start, end in ((0x2F00, 0x2FD6), (0xF900, 0xFB00), (0x2F800, 0x2FA20), (0xFF01, 0xFF5F)):
        table |= {code: unicodedata.normalize("NFKC", chr(code)) for code in range(start, end)}
    # the radicals supplement, and what GB18030-2000 put in private use, as Python's codec still does (traps.md)
    table |= {int(row["code"], 16): row["meant"] for row in expectation_rows("names/lookalikes.csv")}
    table = {code: replacement for code, replacement in table.items() if replacement != chr(code)}
    return {code: table.get(ord(meant), meant) if len(meant) == 1 else meant for code, meant in table.items()}


_USUAL = rf"[{HAN}]{{2,5}}"
_LATIN = rf"[{LATIN}]+(?:(?: |[-'’]| ?{DOT} ?|\. ?|, ?)[{LATIN}]+)*\.?"
_LATIN_SEPARATORS = re.compile(r"[-'’.,\s]|" + DOT)
_VALID = rf"[{HAN}]+(?:{DOT}[{HAN}]+)*|{_LATIN}"
_SPACES_BY_HAN = re.compile(rf"(?<=[{HAN}{DOT}]) +| +(?=[{HAN}{DOT}])")
_DOTS = re.compile(rf"(?<=[{HAN}]) *[{re.escape(DOT_LOOKALIKES)}]+ *(?=[{HAN}])")
_MAX_READINGS = 512  # of one name


def clean_name(values: pd.Series) -> pd.Series:
    """Return each name as on the card: look-alikes replaced, U+00B7 as dot, no spaces next to Han characters."""
    return by_distinct(values, _clean, ~fits_pattern(values, _USUAL))


def _clean(name: str) -> str:
    replaced = unicodedata.normalize("NFC", clean_text(name)).translate(confusables())
    return _SPACES_BY_HAN.sub("", _DOTS.sub(DOT, replaced))


def name_ok(values: pd.Series) -> pd.Series:
    """Return whether each cleaned name is Han characters with middle dots, Latin letters with spaces, or blank."""
    return flag(values, fits_pattern(values, rf"|{_VALID}"))


def equal_names(values: pd.Series) -> pd.Series:
    """Return the form of names that rules compare: Latin without separators and case, Han unchanged."""
    letters = fits_pattern(values, rf"(?s).*[{LATIN}].*")
    return by_distinct(values, lambda name: _LATIN_SEPARATORS.sub("", name).casefold() or name, letters)


def name_latin(values: pd.Series) -> pd.Series:
    """Return whether each cleaned name is written in Latin letters."""
    return flag(values, fits_pattern(values, _LATIN))


@lru_cache(maxsize=200_000)
def matching_key(name: str) -> str:
    """Return a key for matching only: simplified characters, no dots, spaces or case (徐乾 gives 徐干)."""
    compact = "".join(name.split()).replace(DOT, "").casefold()
    return "".join(_simplified(character) for character in compact)


@cache
def _simplified(character: str) -> str:
    if character.isascii():
        return character
    return _simplify().convert(character)


@cache
def _simplify():  # noqa: ANN202  # the library has no types
    from opencc import OpenCC

    return OpenCC("t2s")


@lru_cache(maxsize=50_000)
def pinyin_readings(name: str) -> frozenset[str]:
    """Return the toneless pinyin readings of a name, surname readings included. At most the first 512."""
    readings = [_readings(character) for character in matching_key(_clean(name))]
    combined = {"".join(parts) for parts in itertools.islice(itertools.product(*readings), _MAX_READINGS)}
    for surname in (name[:1], name[:2]):
        if reading := _surnames().get(surname):
            given_names = itertools.product(*readings[len(surname) :])
            combined |= {reading + "".join(parts) for parts in itertools.islice(given_names, _MAX_READINGS)}
    return frozenset(combined - {""})


@cache
def _surnames() -> dict[str, str]:
    """Return the readings of surnames that dictionaries put last or leave out."""
    return {row["surname"]: row["reading"] for row in expectation_rows("names/surnames.csv")}


@cache
def _readings(character: str) -> tuple[str, ...]:
    from pypinyin import Style, pinyin

    readings = pinyin(character, style=Style.NORMAL, heteronym=True, errors="default")
    return tuple(dict.fromkeys(readings[0])) if readings else (character,)
