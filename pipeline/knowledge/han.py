"""Characters of names: what Han characters are, and which code points only look like them.

Sources: Unicode's EquivalentUnifiedIdeograph.txt (radicals supplement), its compatibility mappings (Kangxi radicals,
compatibility ideographs, full-width Latin), and the private-use characters of GBK and GB18030 (rows FE50 to FEA0):
what GB18030-2022 and Unicode 4.1 and later call U+9FB4 to U+9FBB and six characters of extension B.
"""

from __future__ import annotations

import unicodedata
from functools import cache

DOT = "\u00b7"
# what people type for the middle dot of a minority name
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
    """Return the characters that stand for Han or Latin ones, each with the one meant (for `str.translate`)."""
    table = {**_gbk_private(), **_compatible()}
    table.update({ord(radical): meant for radical, meant in zip(_RADICALS[::2], _RADICALS[1::2], strict=True)})
    table.update({private: chr(meant) for private, meant in _PRIVATE.items()})
    return {given: _unradical(meant, table) for given, meant in table.items()}


def _unradical(meant: str, table: dict[int, str]) -> str:
    return table.get(ord(meant), meant) if len(meant) == 1 else meant


def _compatible() -> dict[int, str]:
    """Kangxi radicals, compatibility ideographs, full-width Latin and digits, by Unicode's own mappings."""
    ranges = ((0x2F00, 0x2FD6), (0xF900, 0xFB00), (0x2F800, 0x2FA20), (0xFF01, 0xFF5F))
    pairs = ((code, unicodedata.normalize("NFKC", chr(code))) for start, end in ranges for code in range(start, end))
    return {code: meant for code, meant in pairs if meant != chr(code)}


def _gbk_private() -> dict[int, str]:
    """GBK's private-use characters E815 to E864 (FE50 to FEA0), as GB18030 reads the same bytes."""
    trails = [*range(0x50, 0x7F), *range(0x80, 0xA1)]
    pairs = ((0xE815 + place, bytes((0xFE, trail)).decode("gb18030")) for place, trail in enumerate(trails))
    return {code: meant for code, meant in pairs if ord(meant) != code}
