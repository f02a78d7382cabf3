"""What calamine does not tell of an xlsx worksheet: formulas, error values, hidden rows, formats.

openpyxl tells it too, at 17 times the price (7 s against 0.4 s for 8,000 x 36), so the sheet's XML is looked at
itself, and only where a quick search says that there is something to find.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape

# Anybody can write these bytes: no pattern may look at one stretch twice. So a tag ends before the next `<` (XML has
# none inside a tag), and an element ends where the next of its kind begins, whether it was closed or not.
_P = rb"<(?:[A-Za-z_][\w.-]{0,40}:)?"  # some programs write <x:row>
_ROW = re.compile(_P + rb"row\b([^<>]*)>")
_CELL = re.compile(_P + rb"c\b([^<>]*)>")
_FORMULA = re.compile(_P + rb"f\b([^<>]*)>([^<]*)")
_VALUE = re.compile(_P + rb"v\b[^<>]*>([^<]*)")
_COL = re.compile(_P + rb"col\b([^<>]*)>")
_ATTRIBUTE = re.compile(rb'(?<![\w:])([\w:]+)\s*=\s*(?:"([^"]*)"|\'([^\']*)\')')
_HIDDEN = re.compile(rb"\bhidden\s*=\s*[\"'](?:1|true)[\"']")
_STYLE = re.compile(rb"s=[\"']([0-9]{1,9})[\"']")
# Quick searches for what may be there: each begins with a fixed character, which takes 1 ms per MB. What they find
# in a text makes the sheet be looked at for nothing, and changes nothing.
_FORMULAS = (re.compile(rb"<f[\s>/]"), re.compile(rb":f[\s>/]"))
_ERRORS = (re.compile(rb'"e"'), re.compile(rb"'e'"))
_QUICK_HIDDEN = re.compile(rb"hidden\s*=\s*[\"'](?:1|true)")
_BEYOND = 1 << 40  # a row or column that no sheet has

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
    texts: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])
    hidden_rows: list[int] = field(default_factory=list[int])
    hidden_columns: list[int] = field(default_factory=list[int])


@dataclass(frozen=True)
class SheetXml:
    """A worksheet's XML: the part before the rows, and the rows."""

    before: bytes
    rows: bytes


def split(xml: bytes) -> SheetXml:
    """Return a worksheet's XML in its two parts."""
    start = xml.find(b"sheetData")
    end = xml.rfind(b"sheetData")
    return SheetXml(xml, b"") if start < 0 else SheetXml(xml[:start], xml[start : end if end > start else len(xml)])


def facts(sheet: SheetXml, styles: Mapping[int, str]) -> SheetFacts:
    """Return what calamine does not tell of this worksheet; `styles` are the styles whose format adds something."""
    rows = sheet.rows
    found = SheetFacts(hidden_columns=list(_hidden_columns(sheet.before)))
    formulas = any(each.search(rows) for each in _FORMULAS)
    errors = any(each.search(rows) for each in _ERRORS)
    used = {int(style) for style in _STYLE.findall(rows)} if styles else set[int]()
    telling = {str(style) for style in styles if style in used}
    inside = bool(telling or formulas or errors)
    if inside or _QUICK_HIDDEN.search(rows):
        _look_at_rows(rows, telling, found, inside=inside)
    return found


def _hidden_columns(before: bytes) -> Iterator[int]:
    if not _HIDDEN.search(before):
        return
    for match in _COL.finditer(before):
        given = _attributes(match[1])
        first, last = whole(given.get("min", "")), whole(given.get("max", ""))
        if _HIDDEN.search(match[1]) and first is not None and last is not None:
            yield from range(first - 1, min(last, first + 200))


def _elements(pattern: re.Pattern[bytes], xml: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each element's attributes and what follows it up to the next of its kind; nothing follows an empty one."""
    given: bytes | None = None
    start = 0
    for match in pattern.finditer(xml):
        if given is not None:
            yield given, xml[start : match.start()]
        given, start = match[1], len(xml) if match[1].endswith(b"/") else match.end()
    if given is not None:
        yield given, xml[start:]


def _look_at_rows(rows: bytes, styles: set[str], found: SheetFacts, *, inside: bool) -> None:
    number = -1
    for tag, body in _elements(_ROW, rows):
        said = whole(_attributes(tag).get("r", ""))
        number = number + 1 if said is None else said - 1
        if body and _HIDDEN.search(tag):
            found.hidden_rows.append(number)
        if inside and body:
            _look_at_cells(number, body, styles, found)


def _look_at_cells(row: int, body: bytes, styles: set[str], found: SheetFacts) -> None:
    at, column = row, -1
    for tag, inner in _elements(_CELL, body):
        given = _attributes(tag)
        at, column = _place(given.get("r", ""), row, column + 1)
        kind = given.get("t", "n")
        formula = _FORMULA.search(inner)
        value = _VALUE.search(inner)
        if formula:
            cached = None if value is None else _text(value[1])
            found.formulas.append(Formula(at, column, _text(formula[2]), cached, kind))
        if kind == "e" and (value or formula):
            found.errors.append((at, column, _text(value[1]) if value else "#N/A"))
        elif kind == "n" and value and given.get("s") in styles:
            found.styled.append((at, column, _text(value[1]), int(given["s"])))
        elif kind in ("s", "inlineStr") and given.get("s") in styles:
            found.texts.append((at, column, int(given["s"])))


def _attributes(text: bytes) -> Attributes:
    return {m[1].decode(): (m[2] or m[3] or b"").decode(errors="replace") for m in _ATTRIBUTE.finditer(text)}


def _text(xml: bytes) -> str:
    return unescape(xml.decode("utf-8", errors="replace"))


def whole(text: str) -> int | None:
    """Return the whole number that `text` writes in plain digits, or None; one beyond every sheet is just that."""
    if not (text.isascii() and text.isdigit()):
        return None
    return int(text) if len(text) <= 10 else _BEYOND


def column_number(reference: str) -> int:
    """Return the 0-based column of a reference such as AB12."""
    number = 0
    for letter in reference[:8].upper():  # a sheet has three letters at most
        if not "A" <= letter <= "Z":
            break
        number = number * 26 + ord(letter) - 64
    return number - 1


def _place(reference: str, row: int, column: int) -> tuple[int, int]:
    """Return the 0-based place that a reference names; `row` and `column` where it names none."""
    letters = reference.rstrip("0123456789")
    number = whole(reference[len(letters) :])
    named = column_number(letters)
    return row if number is None else max(number - 1, 0), column if named < 0 else named
