"""What calamine does not tell of an xlsx worksheet: formulas, error values, hidden rows, formats, size.

openpyxl tells it too, at 17 times the price (7 s against 0.4 s for 8,000 x 36), so the sheet's XML is looked at
itself, and only where a quick search says that there is something to find.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape

_P = rb"(?:[A-Za-z_][\w.-]*:)?"  # some programs write <x:row>
_ROW = re.compile(rb"<" + _P + rb"row\b([^>]*?)(?:/>|>(.*?)</" + _P + rb"row\s*>)", re.DOTALL)
_CELL = re.compile(rb"<" + _P + rb"c\b([^>]*?)(?:/>|>(.*?)</" + _P + rb"c\s*>)", re.DOTALL)
_FORMULA = re.compile(rb"<" + _P + rb"f\b([^>]*?)(?:/>|>(.*?)</" + _P + rb"f\s*>)", re.DOTALL)
_VALUE = re.compile(rb"<" + _P + rb"v\b[^>]*?(?:/>|>(.*?)</" + _P + rb"v\s*>)", re.DOTALL)
_CONTENT = re.compile(rb"<" + _P + rb"(?:v|is|f)\b")
_COL = re.compile(rb"<" + _P + rb"col\b([^>]*)>")
_ATTRIBUTE = re.compile(rb'([\w:]+)\s*=\s*(?:"([^"]*)"|\'([^\']*)\')')
_HIDDEN = re.compile(rb"\bhidden\s*=\s*[\"'](?:1|true)[\"']")
# The quick searches begin with fixed characters (a search for those takes 1 ms per MB); prefixed names go the slow way.
_ROW_NUMBER = re.compile(rb"<row [^>]*?\br\s*=\s*[\"']([0-9]{1,7})")
_FAR = re.compile(rb" r=\"(?:[A-Za-z]{3}|[A-Za-z]+[0-9]{6})")
_BEYOND_AZ = re.compile(rb" r=\"[B-Zb-z][A-Za-z]")
_QUICK_FORMULA = re.compile(rb"<f[\s>/]")
_QUICK_ERROR = re.compile(rb" t=(?:\"e\"|'e')")
_SLOW_ROW_NUMBER = re.compile(rb"<" + _P + rb"row\b[^>]*?\br\s*=\s*[\"']([0-9]{1,7})")
_SLOW_FAR = re.compile(rb"\br\s*=\s*[\"'](?:[A-Za-z]{3}|[A-Za-z]+[0-9]{6})")
_SLOW_FORMULA = re.compile(rb"<" + _P + rb"f[\s>/]")
_SLOW_ERROR = re.compile(rb"\bt\s*=\s*[\"']e[\"']")
_QUICK_HIDDEN = re.compile(rb"hidden\s*=\s*[\"'](?:1|true)")

Attributes = dict[str, str]


@dataclass(frozen=True)
class Formula:
    """A cell with a formula: its text, and the cached value as XML text (None where there is none)."""

    row: int
    column: int
    formula: str
    cached: str | None
    kind: str


@dataclass
class SheetFacts:
    """What was found: all places 0-based."""

    formulas: list[Formula] = field(default_factory=list[Formula])
    errors: list[tuple[int, int, str]] = field(default_factory=list[tuple[int, int, str]])
    styled: list[tuple[int, int, str, int]] = field(default_factory=list[tuple[int, int, str, int]])
    hidden_rows: list[int] = field(default_factory=list[int])
    hidden_columns: list[int] = field(default_factory=list[int])


def section(xml: bytes) -> tuple[bytes, bytes]:
    """Return the part before the rows, and the rows."""
    start = xml.find(b"sheetData")
    end = xml.rfind(b"sheetData")
    return (xml, b"") if start < 0 else (xml[:start], xml[start : end if end > start else len(xml)])


def facts(xml: bytes, styles: Mapping[int, str]) -> SheetFacts:
    """Return what calamine does not tell of this worksheet; `styles` are the styles whose format adds something."""
    before, rows = section(xml)
    found = SheetFacts(hidden_columns=list(_hidden_columns(before)))
    plain = _is_plain(rows)
    formulas = (_QUICK_FORMULA if plain else _SLOW_FORMULA).search(rows)
    errors = (_QUICK_ERROR if plain else _SLOW_ERROR).search(rows)
    telling = {str(style) for style in styles if re.search(rb"s=[\"']%d[\"']" % style, rows)}
    inside = bool(telling or formulas or errors)
    if inside or _QUICK_HIDDEN.search(rows):
        _look_at_rows(rows, telling, found, inside=inside)
    return found


def _is_plain(rows: bytes) -> bool:
    """Say whether rows and cells are written the usual way, `<row r="1">` and `<c r="A1"`."""
    return rows.find(b"<row ", 0, 4096) >= 0 and rows.find(b'<c r="', 0, 65536) >= 0


def _hidden_columns(before: bytes) -> Iterator[int]:
    if not _HIDDEN.search(before):
        return
    for match in _COL.finditer(before):
        given = _attributes(match[1])
        first, last = given.get("min", ""), given.get("max", "")
        if _HIDDEN.search(match[1]) and first.isdigit() and last.isdigit():
            yield from range(int(first) - 1, min(int(last), int(first) + 200))


def _look_at_rows(rows: bytes, styles: set[str], found: SheetFacts, *, inside: bool) -> None:
    number = -1
    for match in _ROW.finditer(rows):
        given = _attributes(match[1])
        number = int(given["r"]) - 1 if given.get("r", "").isdigit() else number + 1
        body = match[2] or b""
        if _HIDDEN.search(match[1]) and body:
            found.hidden_rows.append(number)
        if inside and body:
            _look_at_cells(number, body, styles, found)


def _look_at_cells(row: int, body: bytes, styles: set[str], found: SheetFacts) -> None:
    column = -1
    for match in _CELL.finditer(body):
        given = _attributes(match[1])
        column = column_number(given["r"]) if given.get("r") else column + 1
        inner = match[2] or b""
        kind = given.get("t", "n")
        formula = _FORMULA.search(inner)
        value = _VALUE.search(inner)
        if formula:
            cached = None if value is None else _text(value[1] or b"")
            text = _text(formula[2] or b"")
            found.formulas.append(Formula(row, column, text, cached, kind))
        if kind == "e":
            found.errors.append((row, column, _text(value[1] or b"") if value else "#N/A"))
        elif kind == "n" and value and given.get("s") in styles:
            found.styled.append((row, column, _text(value[1] or b""), int(given["s"])))


def _attributes(text: bytes) -> Attributes:
    return {m[1].decode(): (m[2] or m[3] or b"").decode(errors="replace") for m in _ATTRIBUTE.finditer(text)}


def _text(xml: bytes) -> str:
    return unescape(xml.decode("utf-8", errors="replace"))


def column_number(reference: str) -> int:
    """Return the 0-based column of a reference such as AB12."""
    number = 0
    for letter in reference:
        if not letter.isalpha():
            break
        number = number * 26 + ord(letter.upper()) - 64
    return number - 1


def extent(xml: bytes, most: int) -> int:
    """Return how many cells a dense table of this sheet would have: a cheap upper bound, exact once past `most`."""
    _, rows = section(xml)
    plain = _is_plain(rows)
    numbers = [int(number) for number in (_ROW_NUMBER if plain else _SLOW_ROW_NUMBER).findall(rows)]
    height = max(numbers, default=rows.count(b"row>"))
    far = (_FAR if plain else _SLOW_FAR).search(rows)
    if height * 702 <= most and not far:
        return height * 702
    if plain and height * 52 <= most and not far and not _BEYOND_AZ.search(rows):  # a college's thousands of rows
        return height * 52
    return _exact_extent(rows)


def _exact_extent(rows: bytes) -> int:
    """Return rows times columns of the cells with content, as calamine lays them out: by the cells' own references."""
    places: list[tuple[int, int]] = []
    row = -1
    for match in _ROW.finditer(rows):
        given = _attributes(match[1])
        row = int(given["r"]) - 1 if given.get("r", "").isdigit() else row + 1
        for cell in _CELL.finditer(match[2] or b""):
            if cell[2] and _CONTENT.search(cell[2]):
                places.append(_place(_attributes(cell[1]).get("r", ""), row))
    if not places:
        return 0
    high, wide = (max(place[at] for place in places) for at in (0, 1))
    low, narrow = (min(place[at] for place in places) for at in (0, 1))
    return (high - low + 1) * (wide - narrow + 1)


def _place(reference: str, row: int) -> tuple[int, int]:
    """Return the 0-based place that a reference names; without one the row's first cell."""
    digits = reference.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    return (int(digits[:20]) - 1 if digits.isdigit() else row, max(0, column_number(reference)))
