"""What calamine does not report of an ods worksheet: errors, percentages, booleans, padded zeros, hidden rows."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree

from pipeline.collect.cell_text import OverlayFacts, whole_number
from pipeline.collect.collected import Cell, Kind

_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_CALC = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"
_WORTH = re.compile(rb'value-type="(?:percentage|boolean|float|error|currency)"|table:visibility=|table:formula=')
_PADDED = re.compile(r"0[0-9]+")
_ERROR = re.compile(r"#[A-Z/0!?]+|Err:[0-9]+|#N/A")
_BEYOND_ROWS, _BEYOND_COLUMNS = 1_000, 64  # margins around the cells read, because calamine leaves out error values
_MOST = 3_000_000  # reported cells of a workbook


def ods_facts(content: bytes, sizes: Mapping[str, tuple[int, int]]) -> dict[str, OverlayFacts]:
    """Return worksheet → facts of `content.xml` within `sizes` (rows, columns): a cell may claim 10⁹ repeats."""
    if not _WORTH.search(content) or b"<!DOCTYPE" in content:
        return {}
    walk = _Walk(sizes)
    try:
        walk.through(content)
    except ElementTree.ParseError:
        return {}
    return walk.found


class _Walk:
    def __init__(self, sizes: Mapping[str, tuple[int, int]]) -> None:
        self.found: dict[str, OverlayFacts] = {}
        self._sizes = sizes
        self._facts, self._row, self._size = OverlayFacts(), 0, (0, 0)
        self._told = 0

    def through(self, content: bytes) -> None:
        above: list[ElementTree.Element] = []
        for event, element in ElementTree.iterparse(io.BytesIO(content), events=("start", "end")):
            if event == "start":
                above.append(element)
                self._enter(element)
                continue
            above.pop()
            if element.tag == f"{_TABLE}table-row":
                self._row += self._take_row(element)
                if above:
                    above[-1].clear()
            elif element.tag == f"{_TABLE}table-column" and _is_hidden(element):
                self._facts.hidden_columns += min(_repeats(element, "columns"), 200)

    def _enter(self, element: ElementTree.Element) -> None:
        if element.tag == f"{_TABLE}table":
            name = element.get(f"{_TABLE}name", "")
            self._facts, self._row = OverlayFacts(), 0
            rows, columns = self._sizes.get(name, (0, 0))
            self._size = rows + _BEYOND_ROWS, columns + _BEYOND_COLUMNS
            self.found[name] = self._facts

    def _take_row(self, element: ElementTree.Element) -> int:
        count = _repeats(element, "rows")
        column, filled = 0, False
        for cell in element:
            if cell.tag not in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
                continue
            times = _repeats(cell, "columns")
            filled = filled or cell.get(f"{_OFFICE}value-type") is not None
            if told := _told(cell):
                for at_row, at_column in self._places(count, column, times):
                    text, kind, raw = told
                    self._facts.cells[at_row, at_column] = text, Cell(at_row, at_column, kind, raw)
            column += times
        if filled and _is_hidden(element):
            self._facts.hidden_rows += range(self._row, min(self._row + min(count, 1000), self._size[0]))
        return count

    def _places(self, rows: int, column: int, columns: int) -> Iterator[tuple[int, int]]:
        for row in range(self._row, min(self._row + rows, self._size[0])):
            for at in range(column, min(column + columns, self._size[1])):
                self._told += 1
                if self._told > _MOST:
                    return
                yield row, at


def _is_hidden(element: ElementTree.Element) -> bool:
    return element.get(f"{_TABLE}visibility") in ("collapse", "filter")


def _repeats(element: ElementTree.Element, what: str) -> int:
    return whole_number(element.get(f"{_TABLE}number-{what}-repeated", "1")) or 1


def _told(cell: ElementTree.Element) -> tuple[str, Kind, str] | None:
    """Return text, kind and stored content of a cell whose displayed text says more than its value."""
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
