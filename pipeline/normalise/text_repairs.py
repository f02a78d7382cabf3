"""Repairs of single values, and each field's repairs in order, with the reason in `changes`.

Every repair is idempotent: it changes nothing in its own result.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from operator import methodcaller
from typing import NamedTuple

from pipeline import fields
from pipeline.knowledge.contacts import telephones
from pipeline.knowledge.text_columns import clean_text
from pipeline.normalise.dates import moment, month, study_years

# Only width: NFKC would also turn ² and ① into digits (traps.md).
_WIDTH = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {0x3000: " "}
_ALPHANUMERIC_WIDTH = {wide: narrow for wide, narrow in _WIDTH.items() if narrow.isalnum()}
_HAN = r"\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"


def trimmed(text: str) -> str:
    """Remove white space and invisible characters at both ends only."""
    positions = [place for place, char in enumerate(text) if clean_text(char)]
    return text[positions[0] : positions[-1] + 1] if positions else ""


Repair = Callable[[str], str]
half_width: Repair = methodcaller("translate", _WIDTH)
half_width_letters: Repair = methodcaller("translate", _ALPHANUMERIC_WIDTH)  # Chinese punctuation stays
without_spaces: Repair = methodcaller("replace", " ", "")
without_han_spaces: Repair = partial(re.compile(rf"(?<=[{_HAN}]) +| +(?=[{_HAN}])").sub, "")
plain_dashes: Repair = partial(re.compile("[‐‑‒–—―−﹣－﹘]").sub, "-")
without_apostrophe: Repair = partial(re.compile(r"^['’‘`]+(?=[0-9A-Za-z])").sub, "")  # a spreadsheet's text mark
# 身份证： or QQ号 before a number, （本人） behind it; possessive: a cell of a million letters must cost linear time
without_label: Repair = partial(
    re.compile(
        r"^(?:[\u4e00-\u9fff]++(?:[(（][\u4e00-\u9fff]*+[)）])?+[:： ]*+"
        r"|(?:id|no|number|passport)\b[.:： ]*+|qq[:： ]*+|q[:：] *+)++"
        r"(?=[0-9A-Za-z])",
        re.IGNORECASE,
    ).sub,
    "",
)
without_remark: Repair = partial(
    re.compile(
        r"(?<=[0-9A-Za-z]) *+(?:[(（](?=[^()（）0-9]*[\u4e00-\u9fff])[^()（）0-9]*+[)）]|[\u4e00-\u9fff]++)$"
    ).sub,
    "",
)
# the last of 18 characters: Roman ten, Cyrillic and Greek letters, the times sign, an asterisk
upper_x: Repair = partial(re.compile(r"(?<=^[0-9]{17})[xⅩⅹХхΧχ×✕✖╳*]$").sub, "X")

# ? and * may stand for a lost digit, + belongs to a country code
_EDGES = re.compile(r"^[^\w+*?？(（\[【×✕✖╳]++(?=\w.*[0-9]{4})|(?<=\w)[^\w*?？)）\]】×✕✖╳]++$")
_DECIMAL = re.compile(r"[1-9](?:[0-9]{3,14}\.0+|[0-9]{0,2}(?:,[0-9]{3}){1,4}(?:\.0+)?|\.[0-9]{3,14}[Ee]\+?[0-9]{1,2})")
_BRACKETS = re.compile(r"[(（\[【](\w+)[)）\]】]")


def without_edges(text: str) -> str:
    """Return a number without surrounding punctuation and signs: “13800138000”。"""
    bare = _EDGES.sub("", text) if re.search("[0-9]{4}", text) else text
    bracketed = _BRACKETS.fullmatch(bare)
    return bracketed[1] if bracketed and re.search("[0-9]{4}", bare) else bare


def joined_id_number(text: str) -> str:
    """Return an ID number written in groups, 430302-19950314-9018, without separators."""
    bare = re.sub(r"[-./_ ·•]", "", text)
    if re.fullmatch(r"[A-Za-z]{1,3}-[0-9]{5,}", text):  # a passport's letters
        return bare
    return bare if re.fullmatch(r"[0-9]{17}[0-9A-Za-zⅩⅹХхΧχ×✕✖╳*]", bare) else text


def plain_number(text: str) -> str:
    """Return a number without decimal notation (1305030101.0, 1.305030101E+09) if no digit is lost."""
    if not _DECIMAL.fullmatch(text):
        return text
    number = Decimal(text.replace(",", ""))
    return f"{number:.0f}" if number.as_tuple().exponent in range(-14, 1) and number == int(number) else text


def letters_upper(text: str) -> str:
    """Return ASCII text in capitals."""
    return text.upper() if text.isascii() else text


def joined_digits(text: str) -> str:
    """Return a number of digits without the hyphens between its groups."""
    return text.replace("-", "") if re.fullmatch(r"[0-9]+(?:-[0-9]+)+", text) else text


def names_in_cell(text: str) -> list[str]:
    """Return the names in one cell, separated by ； or ;."""
    return [name for part in re.split("[;；]", text) if (name := part.strip())]


def comparable(text: str) -> str:
    """Return the comparison key of a text: one width, case, kind of dash and bracket, and no spaces."""
    return plain_dashes(unicodedata.normalize("NFKC", text)).replace(" ", "").casefold()


_REASONS: dict[Repair, str] = {
    clean_text: "去掉空格和不可见字符",
    trimmed: "去掉首尾空格",
    half_width: "全角改半角",
    half_width_letters: "全角字母数字改半角",
    without_spaces: "去掉空格",
    without_han_spaces: "去掉汉字间空格",
    plain_dashes: "统一连接号",
    without_apostrophe: "去掉表格软件留下的撇号",
    without_label: "去掉号码前的文字",
    without_remark: "去掉号码后的说明",
    without_edges: "去掉号码前后的标点",
    telephones: "统一电话号码写法，去掉文字和分隔",
    joined_id_number: "去掉号码中的分隔",
    joined_digits: "去掉号码中的分隔",
    plain_number: "去掉小数和千分位的写法",
    letters_upper: "字母改大写",
    upper_x: "末位改为 X",
    moment: "统一时间写法",
    month: "统一为年-月",
    study_years: "统一为数字",
}


class Recipe(NamedTuple):
    """The repairs of one field. Values that match `plain` completely need none."""

    plain: str
    steps: tuple[Repair, ...]


_NUMBER = (
    clean_text, half_width, without_apostrophe, plain_number, without_edges, without_label, without_remark,
    without_edges, without_spaces, plain_dashes,
)  # fmt: skip
_TELEPHONE = Recipe(
    "1[0-9]{10}",
    (clean_text, half_width, without_apostrophe, plain_number, without_edges, telephones, without_spaces, plain_dashes),
)
_BASIC_HAN = "\u4e00-\u9fa5"  # the characters themselves: a regex escape slows Arrow's matching down
_ONLY_HAN = f"[{_BASIC_HAN}]*"
_RECIPES: dict[str, Recipe] = {  # by field, else by type
    # the address is only trimmed: full-width characters break email.format (rules.csv)
    "email": Recipe("[!-~]+", (trimmed,)),
    "id_number": Recipe("[0-9]{17}[0-9X]", (*_NUMBER, joined_id_number, letters_upper, upper_x)),
    "exam_number": Recipe("[0-9A-Za-z]+", (*_NUMBER, joined_digits)),
    "student_number": Recipe("[0-9A-Za-z]+", _NUMBER),
    "qq": Recipe("[0-9]+", _NUMBER),
    "phone": _TELEPHONE,
    "family_phone": _TELEPHONE,
    "postcode": Recipe("[0-9]{6}", _NUMBER),
    "photo": Recipe("[0-9A-Za-z_.-]+", (trimmed,)),
    "name": Recipe(f"[{_BASIC_HAN}]{{2,4}}", (clean_text, plain_dashes)),  # the rest: knowledge.names
    "datetime": Recipe(
        "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}(:[0-9]{2})?",
        (clean_text, half_width, moment),
    ),
    "month": Recipe("(19|20)[0-9]{2}-(0[1-9]|1[0-2])", (clean_text, half_width, plain_dashes, month)),
    "number": Recipe("[1-9]", (clean_text, half_width, study_years)),
    "code": Recipe(_ONLY_HAN, (clean_text, half_width, without_han_spaces)),
    "region": Recipe(_ONLY_HAN, (clean_text, without_han_spaces)),
    "text": Recipe(f"[0-9A-Za-z{_BASIC_HAN}]*", (clean_text, half_width_letters, without_han_spaces)),
    "file": Recipe("[0-9A-Za-z_.-]*", (trimmed,)),
}


def recipe(name: str) -> Recipe:
    """Return the repairs of the field `name`."""
    return _RECIPES.get(name) or _RECIPES[fields.fields()[name].type]


def repair(name: str, repaired: str) -> tuple[str, str]:
    """Return the repaired value of the field `name`, and the reasons. Repairing twice changes nothing."""
    repaired, reasons = repaired, list[str]()
    for step in recipe(name).steps:
        before, repaired = repaired, step(repaired)
        if repaired != before:
            reasons.append(_REASONS[step])
    return repaired, "；".join(reasons)
