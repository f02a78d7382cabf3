"""What calamine does not tell of an ods worksheet: errors, percentages, truth values, padded zeros, hidden rows."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree

from pipeline.collect.collected import Cell, Kind

_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_CALC = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"
_WORTH = re.compile(rb'value-type="(?:percentage|boolean|float|error|currency)"|table:visibility=|table:formula=')
_PADDED = re.compile(r"0[0-9]+")
_ERROR = re.compile(r"#[A-Z/0!?]+|Err:[0-9]+|#N/A")
_FAR = 1_000_000


@dataclass
class OdsFacts:
    """Of one worksheet: cells with the text that was shown, and hidden rows and columns; all places 0-based."""

    cells: dict[tuple[int, int], tuple[str, Cell]] = field(default_factory=dict[tuple[int, int], tuple[str, Cell]])
    hidden_rows: list[int] = field(default_factory=list[int])
    hidden_columns: int = 0


def ods_facts(content: bytes) -> dict[str, OdsFacts]:
    """Return worksheet name → facts from `content.xml`; nothing where a quick search finds nothing to tell."""
    if not _WORTH.search(content) or b"<!DOCTYPE" in content[:4096]:
        return {}
    found: dict[str, OdsFacts] = {}
    try:
        _walk(content, found)
    except ElementTree.ParseError:
        return {}
    return found


def _walk(content: bytes, found: dict[str, OdsFacts]) -> None:
    facts, row = OdsFacts(), 0
    for event, element in ElementTree.iterparse(io.BytesIO(content), events=("start", "end")):
        if event == "start":
            if element.tag == f"{_TABLE}table":
                facts, row = OdsFacts(), 0
                found[element.get(f"{_TABLE}name", "")] = facts
        elif element.tag == f"{_TABLE}table-row":
            row += _take_row(element, row, facts)
            element.clear()
        elif element.tag == f"{_TABLE}table-column" and _is_hidden(element):
            facts.hidden_columns += min(_repeats(element, "columns"), 200)


def _is_hidden(element: ElementTree.Element) -> bool:
    return element.get(f"{_TABLE}visibility") in ("collapse", "filter")


def _repeats(element: ElementTree.Element, what: str) -> int:
    text = element.get(f"{_TABLE}number-{what}-repeated", "1")
    return int(text) if text.isdigit() else 1


def _take_row(element: ElementTree.Element, row: int, facts: OdsFacts) -> int:
    """Take the cells of one row that are worth it, and return how many rows it stands for."""
    count = _repeats(element, "rows")
    column, filled = 0, False
    for cell in element:
        if cell.tag not in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            continue
        times = _repeats(cell, "columns")
        filled = filled or cell.get(f"{_OFFICE}value-type") is not None
        if told := _told(cell):
            for at_row, at_column in _places(row, count, column, times):
                text, kind, raw = told
                facts.cells[at_row, at_column] = text, Cell(at_row, at_column, kind, raw)
        column += times
    if filled and _is_hidden(element):
        facts.hidden_rows += range(row, row + min(count, 1000))
    return count


def _places(row: int, rows: int, column: int, columns: int) -> Iterator[tuple[int, int]]:
    if rows * columns <= _FAR:
        yield from ((r, c) for r in range(row, row + rows) for c in range(column, column + columns))


def _told(cell: ElementTree.Element) -> tuple[str, Kind, str] | None:
    """Return text, kind and stored content of a cell whose shown text is more than its value."""
    kind = cell.get(f"{_CALC}value-type") or cell.get(f"{_OFFICE}value-type")
    formula = cell.get(f"{_TABLE}formula")
    if kind is None or (kind == "string" and formula is None):
        return None
    shown = "\n".join("".join(part.itertext()) for part in cell.findall(f"{_TEXT}p"))
    if kind == "error" or (formula is not None and _ERROR.fullmatch(shown)):
        return shown, "error", shown
    if kind == "boolean":
        return cell.get(f"{_OFFICE}boolean-value", shown).upper(), "boolean", shown
    value = cell.get(f"{_OFFICE}value", "")
    if kind == "percentage" or _PADDED.fullmatch(shown):
        return (shown, "number", value) if shown else None
    return (shown, "formula", f"={formula}") if kind == "string" else None
