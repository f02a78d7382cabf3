"""Names: cleaned, judged, and made comparable.

A name as it stands on an ID card is Han characters, with U+00B7 between the parts of a minority name; a foreigner's
is Latin letters with single spaces. Names as short words of other languages (Null, None, NA, 那, 无) are names.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from functools import cache, lru_cache

import pandas as pd

from pipeline.knowledge import han
from pipeline.knowledge.text_columns import by_distinct, fits_pattern, flag

_PLAIN = rf"[{han.HAN}]{{2,5}}"
_LATIN = rf"[{han.LATIN}]+(?:(?: |[-'’]| ?{han.DOT} ?|\. ?|, ?)[{han.LATIN}]+)*\.?"
_LATIN_JOINTS = re.compile(r"[-'’.,\s]|" + han.DOT)
_GOOD = rf"[{han.HAN}]+(?:{han.DOT}[{han.HAN}]+)*|{_LATIN}"
_BESIDE_HAN = re.compile(rf"(?<=[{han.HAN}{han.DOT}]) +| +(?=[{han.HAN}{han.DOT}])")
_DOTS = re.compile(rf"(?<=[{han.HAN}]) *[{re.escape(han.DOT_LOOKALIKES)}]+ *(?=[{han.HAN}])")
_VARIATION = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\u3164\u115f\u1160]")
_MOST_READINGS = 512  # of one name; more come only from long names of many-voiced characters

# readings that a character has as a surname and dictionaries put last or leave out
_SURNAMES = {
    "单": "shan", "仇": "qiu", "解": "xie", "查": "zha", "曾": "zeng", "盖": "ge", "朴": "piao", "区": "ou",
    "任": "ren", "缪": "miao", "乐": "yue", "覃": "qin", "员": "yun", "召": "shao", "秘": "bi", "折": "she",
    "句": "gou", "翟": "zhai", "黑": "he", "种": "chong", "重": "chong", "繁": "po", "尹": "yin", "洗": "xian",
    "么": "yao", "牟": "mu", "宓": "fu", "华": "hua", "宁": "ning", "纪": "ji", "葛": "ge", "逄": "pang",
    "晟": "cheng", "隗": "kui", "钭": "tou", "冼": "xian", "郇": "xun", "谌": "chen", "贠": "yun", "禤": "xuan",
    "尉迟": "yuchi", "万俟": "moqi", "澹台": "tantai", "长孙": "zhangsun", "单于": "chanyu", "令狐": "linghu",
}  # fmt: skip


def clean_name(values: pd.Series) -> pd.Series:
    """Return each name as it would stand on the card.

    Look-alikes of the middle dot between Han characters become U+00B7; radicals, private-use and full-width
    characters become the ones meant; invisible characters and spaces beside Han characters go; Latin names keep
    single spaces.
    """
    plain = fits_pattern(values, _PLAIN)
    if plain.all():
        return values
    cleaned = values.copy()
    cleaned[~plain] = by_distinct(values[~plain], _clean)
    return cleaned


def _clean(name: str) -> str:
    shown = "".join(_visible(character) for character in _VARIATION.sub("", name))
    meant = unicodedata.normalize("NFC", shown).translate(han.lookalikes())
    spaced = " ".join(meant.split())
    return _BESIDE_HAN.sub("", _DOTS.sub(han.DOT, spaced))


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    return " " if category in {"Zs", "Zl", "Zp", "Cc"} else character


def name_ok(values: pd.Series) -> pd.Series:
    """Return whether each cleaned name is Han characters with middle dots, or Latin letters with spaces (or blank)."""
    return flag(values, fits_pattern(values, rf"|{_GOOD}"))


def equal_names(values: pd.Series) -> pd.Series:
    """Return each cleaned name in the form that identity and record compare: equal forms are equal names.

    Latin letters count without regard to case, hyphens, apostrophes, dots and spaces; Han characters count as they
    stand.
    """
    letters = flag(values, fits_pattern(values, rf"(?s).*[{han.LATIN}].*"))
    if not letters.any():
        return values
    compared = values.copy()
    compared[letters] = by_distinct(values[letters], _without_joints)
    return compared


def _without_joints(name: str) -> str:
    bare = _LATIN_JOINTS.sub("", name).casefold()
    return bare or name


def name_latin(values: pd.Series) -> pd.Series:
    """Return whether each cleaned name is written in Latin letters."""
    return flag(values, fits_pattern(values, _LATIN))


@lru_cache(maxsize=200_000)
def key_of(name: str) -> str:
    """Return a key under which the same cleaned name agrees: traditional as simplified, without dots, spaces and case.

    For matching only: 徐乾 gets the key 徐干, so a key never replaces a name.
    """
    bare = "".join(name.split()).replace(han.DOT, "").casefold()
    return "".join(_simplified(character) for character in bare)


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
def sounds(name: str) -> frozenset[str]:
    """Return all pinyin readings of a name without tones and spaces, including surname readings.

    Two names sound alike when their sets meet. A name with more than 512 readings gets the first 512.
    """
    readings = [_readings(character) for character in key_of(_clean(name))]
    spoken = {"".join(parts) for parts in itertools.islice(itertools.product(*readings), _MOST_READINGS)}
    for surname, reading in _SURNAMES.items():
        if name.startswith(surname):
            rest = itertools.product(*readings[len(surname) :])
            spoken |= {reading + "".join(parts) for parts in itertools.islice(rest, _MOST_READINGS)}
    return frozenset(spoken - {""})


@cache
def _readings(character: str) -> tuple[str, ...]:
    from pypinyin import Style, pinyin

    found = pinyin(character, style=Style.NORMAL, heteronym=True, errors="default")
    return tuple(dict.fromkeys(found[0])) if found else (character,)
