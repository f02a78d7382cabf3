"""Numbers as their format showed them: percent, padded zeros, 4 shown as 4年."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from xml.etree import ElementTree

from pipeline.collect.overlay import Affix
from pipeline.collect.sheet_xml import whole

_BUILT_IN = {9: "0%", 10: "0.00%"}
_FORMAT = re.compile(r'^((?:"[^"]*"|\\.)*)(0+|#|#?0)(?:\.(0+))?(%?)((?:"[^"]*"|\\.|[\u4e00-\u9fff])*)$')
_TEXT = re.compile(r'^((?:"[^"]*"|\\.|[\u4e00-\u9fff])*)@((?:"[^"]*"|\\.|[\u4e00-\u9fff])*)$')
_LIMIT = 10**15
_LONGEST = 255  # characters of a format, as in Excel
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def telling_styles(styles: bytes) -> dict[int, str]:
    """Return the cell styles of `xl/styles.xml` whose number format adds something to the number, with the format."""
    if not styles or b"<!DOCTYPE" in styles:
        return {}
    try:
        root = ElementTree.fromstring(styles)
    except (ElementTree.ParseError, ValueError):
        return {}
    codes = dict(_BUILT_IN)
    for element in root.iter(f"{_MAIN}numFmt"):
        if (number := whole(element.get("numFmtId", ""))) is not None:
            parts = element.get("formatCode", "")[:_LONGEST].split(";")
            codes[number] = parts[3] if len(parts) > 3 and not _tells(parts[0]) else parts[0]  # the fourth is of texts
    telling = {number: code for number, code in codes.items() if _tells(code)}
    found = root.find(f"{_MAIN}cellXfs")
    used = [whole(style.get("numFmtId", "")) for style in found] if found is not None else []
    return {at: telling[number] for at, number in enumerate(used) if number in telling}


def _tells(code: str) -> bool:
    match = _FORMAT.match(code)
    return affix(code) is not None or bool(
        match and (match[1] or match[4] or match[5] or (len(match[2]) > 1 and match[2] != "#0"))
    )


def shown(number: str, code: str) -> str:
    """Return the stored number (its XML text) as the format showed it, or "" where the format does not tell."""
    if around := affix(code):
        return f"{around.before}{number}{around.after}" if number.isdigit() else ""
    match = _FORMAT.match(code)
    try:
        return _formatted(Decimal(number), match) if match else ""
    except ArithmeticError:  # no number, or more decimals asked for than a number has
        return ""


def affix(code: str) -> Affix | None:
    """Return what a text format (`@"班"`) writes around a text, or None where it writes nothing."""
    match = _TEXT.match(code)
    around = Affix(_literal(match[1]), _literal(match[2])) if match else Affix("", "")
    return around if any(around) else None


def _formatted(value: Decimal, match: re.Match[str]) -> str:
    if not value.is_finite() or abs(value) >= _LIMIT:
        return ""
    before, digits, decimals, percent, after = match.groups()
    places = len(decimals or "")
    scaled = (value * 100 if percent else value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    if scaled != (value * 100 if percent else value) and not percent:
        return ""  # rounding would hide digits that were typed
    plain = f"{abs(scaled):f}"
    padded = plain.zfill(len(digits) + (places + 1 if places else 0)) if digits.startswith("0") else plain
    return f"{'-' if scaled < 0 else ''}{_literal(before)}{padded}{percent}{_literal(after)}"


def _literal(text: str) -> str:
    return re.sub(r'"([^"]*)"|\\(.)', lambda m: m[1] or m[2] or "", text)
