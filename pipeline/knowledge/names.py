"""Names: cleaned, judged, made comparable. An ID card has Han characters with U+00B7, or Latin letters and spaces.

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

from pipeline.knowledge.text_columns import by_distinct, fits_pattern, flag

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

_RADICALS = (
    "⺁厂⺂乛⺃乚⺄乙⺅亻⺆冂⺇𠘨⺈刀⺉刂⺊卜⺋㔾⺌小⺍小⺎兀⺏尣⺐尢⺑𡯂⺒巳⺓幺⺔彑⺕𫜹⺖忄⺗心⺘扌⺙攵⺛旡⺜日⺝月⺞歺⺟母⺠民"
    "⺡氵⺢氺⺣灬⺤爫⺥爫⺦丬⺧牛⺨犭⺩王⺪𤴔⺫目⺬示⺭礻⺮𥫗⺯糹⺰纟⺱罓⺲罒⺳㓁⺴冗⺵𦉫⺶羊⺷𦍌⺸𦍋⺹耂⺺肀⺻聿⺼肉⺽𦥑⺾艹"
    "⺿艹⻀艹⻁虎⻂衤⻃覀⻄西⻅见⻆角⻇𧢲⻈讠⻉贝⻊𧾷⻋车⻌辶⻍辶⻎辶⻏邑⻐钅⻑長⻒镸⻓长⻔门⻕𨸏⻖阝⻗雨⻘青⻙韦⻚页⻛风"
    "⻜飞⻝食⻞𩙿⻟飠⻠饣⻡𩠐⻢马⻣骨⻤鬼⻥鱼⻦鸟⻧卤⻨麦⻩黄⻪黾⻫斉⻬齐⻭歯⻮齿⻯竜⻰龙⻱龜⻲亀⻳龟"
)
# GB18030-2000 put these in private use; Python's codec still does (traps.md: FE59 decodes to U+E81E)
_PRIVATE = {
    0xE816: 0x20087, 0xE817: 0x20089, 0xE818: 0x200CC, 0xE81E: 0x9FB4, 0xE826: 0x9FB5, 0xE82B: 0x9FB6,
    0xE82C: 0x9FB7, 0xE831: 0x215D7, 0xE832: 0x9FB8, 0xE83B: 0x2298F, 0xE843: 0x9FB9, 0xE854: 0x9FBA,
    0xE855: 0x241FE, 0xE864: 0x9FBB,
}  # fmt: skip


@cache
def lookalikes() -> dict[int, str]:
    """Return the Han or Latin character that each look-alike stands for (for `str.translate`)."""
    # GBK's private-use characters E815 to E864 (FE50 to FEA0), as GB18030 reads the same bytes
    trails = [*range(0x50, 0x7F), *range(0x80, 0xA1)]
    table = {0xE815 + place: bytes((0xFE, trail)).decode("gb18030") for place, trail in enumerate(trails)}
    # Kangxi radicals, compatibility ideographs, full-width Latin and digits, by Unicode's own mappings
    for start, end in ((0x2F00, 0x2FD6), (0xF900, 0xFB00), (0x2F800, 0x2FA20), (0xFF01, 0xFF5F)):
        table |= {code: unicodedata.normalize("NFKC", chr(code)) for code in range(start, end)}
    table |= {ord(radical): meant for radical, meant in zip(_RADICALS[::2], _RADICALS[1::2], strict=True)}
    table |= {private: chr(meant) for private, meant in _PRIVATE.items()}
    table = {code: meant for code, meant in table.items() if meant != chr(code)}
    return {code: table.get(ord(meant), meant) if len(meant) == 1 else meant for code, meant in table.items()}


_PLAIN = rf"[{HAN}]{{2,5}}"
_LATIN = rf"[{LATIN}]+(?:(?: |[-'’]| ?{DOT} ?|\. ?|, ?)[{LATIN}]+)*\.?"
_LATIN_JOINTS = re.compile(r"[-'’.,\s]|" + DOT)
_GOOD = rf"[{HAN}]+(?:{DOT}[{HAN}]+)*|{_LATIN}"
_BESIDE_HAN = re.compile(rf"(?<=[{HAN}{DOT}]) +| +(?=[{HAN}{DOT}])")
_DOTS = re.compile(rf"(?<=[{HAN}]) *[{re.escape(DOT_LOOKALIKES)}]+ *(?=[{HAN}])")
_VARIATION = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\u3164\u115f\u1160]")
_MOST_READINGS = 512  # of one name

# surname readings that dictionaries put last or leave out
_SURNAMES = {
    "单": "shan", "仇": "qiu", "解": "xie", "查": "zha", "曾": "zeng", "盖": "ge", "朴": "piao", "区": "ou",
    "任": "ren", "缪": "miao", "乐": "yue", "覃": "qin", "员": "yun", "召": "shao", "秘": "bi", "折": "she",
    "句": "gou", "翟": "zhai", "黑": "he", "种": "chong", "重": "chong", "繁": "po", "尹": "yin", "洗": "xian",
    "么": "yao", "牟": "mu", "宓": "fu", "华": "hua", "宁": "ning", "纪": "ji", "葛": "ge", "逄": "pang",
    "晟": "cheng", "隗": "kui", "钭": "tou", "冼": "xian", "郇": "xun", "谌": "chen", "贠": "yun", "禤": "xuan",
    "尉迟": "yuchi", "万俟": "moqi", "澹台": "tantai", "长孙": "zhangsun", "单于": "chanyu", "令狐": "linghu",
}  # fmt: skip


def clean_name(values: pd.Series) -> pd.Series:
    """Return each name as on the card: look-alikes replaced, U+00B7 as dot, no spaces beside Han characters."""
    plain = fits_pattern(values, _PLAIN)
    if plain.all():
        return values
    cleaned = values.copy()
    cleaned[~plain] = by_distinct(values[~plain], _clean)
    return cleaned


def _clean(name: str) -> str:
    shown = "".join(_visible(character) for character in _VARIATION.sub("", name))
    meant = unicodedata.normalize("NFC", shown).translate(lookalikes())
    spaced = " ".join(meant.split())
    return _BESIDE_HAN.sub("", _DOTS.sub(DOT, spaced))


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    return " " if category in {"Zs", "Zl", "Zp", "Cc"} else character


def name_ok(values: pd.Series) -> pd.Series:
    """Return whether each cleaned name is Han characters with middle dots, Latin letters with spaces, or blank."""
    return flag(values, fits_pattern(values, rf"|{_GOOD}"))


def equal_names(values: pd.Series) -> pd.Series:
    """Return the form in which identity and record compare names: Latin without joints and case, Han as it is."""
    letters = flag(values, fits_pattern(values, rf"(?s).*[{LATIN}].*"))
    if not letters.any():
        return values
    compared = values.copy()
    compared[letters] = by_distinct(values[letters], lambda name: _LATIN_JOINTS.sub("", name).casefold() or name)
    return compared


def name_latin(values: pd.Series) -> pd.Series:
    """Return whether each cleaned name is written in Latin letters."""
    return flag(values, fits_pattern(values, _LATIN))


@lru_cache(maxsize=200_000)
def key_of(name: str) -> str:
    """Return a key for matching only: traditional as simplified, no dots, spaces and case (徐乾 gives 徐干)."""
    bare = "".join(name.split()).replace(DOT, "").casefold()
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
    """Return the toneless pinyin readings of a name, with surname readings: at most the first 512."""
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
