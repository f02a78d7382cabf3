"""Repairs of single values that hold for every kind of field: width, spaces, invisible characters.

Every function takes a text and returns a text, and changes nothing when applied to its own result.
"""

from __future__ import annotations

import re
import unicodedata

# Only width: NFKC would also turn ² and ① into digits, which nobody typed as such (traps.md).
_WIDTH = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {0x3000: " "}
_ALPHANUMERIC_WIDTH = {wide: narrow for wide, narrow in _WIDTH.items() if narrow.isalnum()}
_DASHES = re.compile("[‐‑‒–—―−﹣－﹘]")
_HAN = r"\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_HAN_SPACE = re.compile(rf"(?<=[{_HAN}]) +| +(?=[{_HAN}])")
_VARIATION = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def visible(text: str) -> str:
    """Remove invisible and control characters; every kind of white space becomes one plain space, ends trimmed."""
    kept = text if text.isprintable() else "".join(map(_shown, text))  # printable: no white space but plain ones
    return re.sub(r" {2,}", " ", _VARIATION.sub("", kept)).strip(" ")


def _shown(char: str) -> str:
    return " " if _is_space(char) else "" if _is_invisible(char) else char


def _is_space(char: str) -> bool:
    return char in "\t\n\r\v\f\x85" or unicodedata.category(char) in ("Zs", "Zl", "Zp")


def _is_invisible(char: str) -> bool:
    return unicodedata.category(char) in ("Cf", "Cc")


def trimmed(text: str) -> str:
    """Remove white space and invisible characters at both ends only."""
    start, end = 0, len(text)
    while start < end and (_is_space(text[start]) or _is_invisible(text[start])):
        start += 1
    while end > start and (_is_space(text[end - 1]) or _is_invisible(text[end - 1])):
        end -= 1
    return text[start:end]


def half_width(text: str) -> str:
    """Turn full-width ASCII into half-width."""
    return text.translate(_WIDTH)


def half_width_letters(text: str) -> str:
    """Turn full-width letters and digits into half-width; Chinese punctuation stays."""
    return text.translate(_ALPHANUMERIC_WIDTH)


def without_han_spaces(text: str) -> str:
    """Remove spaces beside Chinese characters."""
    return _HAN_SPACE.sub("", text)


def without_spaces(text: str) -> str:
    """Remove every plain space."""
    return text.replace(" ", "")


def plain_dashes(text: str) -> str:
    """Turn every kind of dash into a hyphen."""
    return _DASHES.sub("-", text)


def without_apostrophe(text: str) -> str:
    """Remove an apostrophe that a spreadsheet left before a number."""
    return re.sub(r"^['’‘`]+(?=[0-9A-Za-z])", "", text)


# Possessive, and one way to read each character: a cell of a million letters must cost no more than its length.
_LABEL = re.compile(
    r"^(?:[\u4e00-\u9fff]++(?:[(（][\u4e00-\u9fff]*+[)）])?+[:： ]*+"
    r"|(?:id|no|number|passport)\b[.:： ]*+|qq[:： ]*+|q[:：] *+)++"
    r"(?=[0-9A-Za-z])",
    re.IGNORECASE,
)
_REMARK = re.compile(
    r"(?<=[0-9A-Za-z]) *+(?:[(（](?=[^()（）0-9]*[\u4e00-\u9fff])[^()（）0-9]*+[)）]|[\u4e00-\u9fff]++)$"
)


# A question mark or a star may stand for a place that is lost, a plus belongs to a telephone's country.
_EDGES = re.compile(r"^[^\w+*?？(（\[【×✕✖╳]++(?=\w.*[0-9]{4})|(?<=\w)[^\w*?？)）\]】×✕✖╳]++$")
_BRACKETS = re.compile(r"[(（\[【](\w+)[)）\]】]")


def without_edges(text: str) -> str:
    """Return a number without punctuation and signs around it: “13800138000”。"""
    bare = _EDGES.sub("", text) if re.search("[0-9]{4}", text) else text
    whole = _BRACKETS.fullmatch(bare)
    return whole[1] if whole and re.search("[0-9]{4}", bare) else bare


def without_label(text: str) -> str:
    """Return a number without the words before it: 身份证：, QQ号 or ID: say which number it is."""
    return _LABEL.sub("", text)


def without_remark(text: str) -> str:
    """Return a number without the words behind it, such as （本人）."""
    return _REMARK.sub("", text)


def joined_id(text: str) -> str:
    """Return an ID number that was written in groups, 430302-19950314-9018, as its eighteen places."""
    bare = re.sub(r"[-./_ ·•]", "", text)
    if re.fullmatch(r"[A-Za-z]{1,3}-[0-9]{5,}", text):  # a passport's letters
        return bare
    return bare if re.fullmatch(r"[0-9]{17}[0-9A-Za-zⅩⅹХхΧχ×✕✖╳*]", bare) else text


# What else stands for the check character X: Roman ten, Cyrillic and Greek letters, the times sign, an asterisk.
_X = re.compile(r"(?<=^[0-9]{17})[xⅩⅹХхΧχ×✕✖╳*]$")


def joined_digits(text: str) -> str:
    """Return a number that is made of digits alone without the hyphens between its groups."""
    return text.replace("-", "") if re.fullmatch(r"[0-9]+(?:-[0-9]+)+", text) else text


def upper_x(text: str) -> str:
    """Return an ID number with a capital X as its check character, look-alikes included (last of 18 places only)."""
    return _X.sub("X", text)


def letters_upper(text: str) -> str:
    """Return `text` with ASCII letters in capitals."""
    return text.upper() if text.isascii() else text


def names_in_cell(text: str) -> list[str]:
    """Return the names that stand in one cell, parted by ； or ;."""
    return [name for part in re.split("[;；]", text) if (name := part.strip())]


def comparable(text: str) -> str:
    """Return the form in which two texts are compared: one width, one case, no spaces, one kind of dash and bracket."""
    return plain_dashes(unicodedata.normalize("NFKC", text)).replace(" ", "").casefold()
