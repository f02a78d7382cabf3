"""The text of cells as a person saw it: non-text cells, overlays of what calamine does not report, Arrow columns."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportUnnecessaryIsInstance=false
from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Context, Decimal
from itertools import chain
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.clock import SHANGHAI
from pipeline.collect.collected import Cell, Grid, Kind, Note
from pipeline.collect.header import SEARCHED_ROWS

HEAD_ROWS = SEARCHED_ROWS + 24  # rows that stay Python lists, the header among them
EXACT_BELOW = 10**15  # below it a spreadsheet's number keeps every digit
_CUT_TO_15 = Context(prec=15, rounding=ROUND_DOWN)
_ROUND_TO_15 = Context(prec=15)
Value = int | float | Decimal | str | bool | dt.time | dt.date | dt.datetime | dt.timedelta
Portion = list[list[Value]] | pa.Table
"""Rows of a worksheet: as lists, or where all of them are text as columns."""


class Affix(NamedTuple):
    """What a text format writes around a cell's text: `@"班"` writes 班 after 3."""

    before: str
    after: str


Overlay = dict[tuple[int, int], tuple[str | Affix | None, Cell]]
"""0-based place → text (None: the text that calamine gave stands, an affix: with this around it) and the cell."""


@dataclass
class OverlayFacts:
    """What calamine does not report of a worksheet. All places are 0-based."""

    cells: Overlay = field(default_factory=Overlay)
    hidden_rows: list[int] = field(default_factory=list[int])
    hidden_columns: int = 0
    pictures: dict[str, bytes] = field(default_factory=dict[str, bytes])


def number_text(value: float) -> str:
    """Return a number as a person would type it, from 16 digits on in scientific form with 15 digits.

    A spreadsheet keeps 15 digits: later ones were never in the cell (traps.md, 18-digit numbers). They are cut and not
    rounded, so that the 15 digits are the typed ones.
    """
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    exact = Decimal(value) if isinstance(value, int) else Decimal(repr(value))
    if abs(exact) >= EXACT_BELOW:
        return _scientific(exact)
    if exact == exact.to_integral_value():
        return str(int(exact))
    short = _ROUND_TO_15.plus(exact).normalize()
    return f"{short:f}" if short.adjusted() >= -5 else _scientific(short)


def _scientific(number: Decimal) -> str:
    short = _CUT_TO_15.plus(number).normalize()
    digits = "".join(map(str, short.as_tuple().digits))
    exponent = short.adjusted()
    mantissa = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits
    return f"{'-' if short < 0 else ''}{mantissa}E{'+' if exponent >= 0 else '-'}{abs(exponent):02d}"


def _date_text(value: dt.datetime | dt.date | dt.time | dt.timedelta) -> str:
    if isinstance(value, dt.datetime):
        with suppress(OverflowError):  # the last hours of the year 9999
            value = value.astimezone(SHANGHAI) if value.tzinfo else value
        value = value.replace(microsecond=0)
        if value.time() == dt.time():
            return value.date().isoformat()
        return value.strftime("%Y-%m-%d %H:%M:%S" if value.second else "%Y-%m-%d %H:%M")
    if isinstance(value, dt.time):
        return value.strftime("%H:%M:%S" if value.second else "%H:%M")
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def cell_text(value: Value) -> tuple[str, Kind | None, str]:
    """Return a cell's text, kind (None for text) and stored content."""
    if isinstance(value, str):
        return value, None, value
    if isinstance(value, bool):
        return str(value).upper(), "boolean", str(value).upper()
    if isinstance(value, Decimal):  # every digit is there
        return f"{value:f}" if value != value.to_integral_value() else str(int(value)), "number", str(value)
    if isinstance(value, int | float):
        return number_text(value), "number", repr(value)
    return _date_text(value), "date", str(value)


def text_rows(rows: list[list[Value]]) -> tuple[list[list[str]], list[Cell]]:
    """Return rows of text, and their non-text cells. Rows that are all text are returned as they are."""
    if set(map(type, chain.from_iterable(rows))) <= {str}:
        return rows, []  # pyright: ignore[reportReturnType]
    values: list[list[str]] = []
    cells: list[Cell] = []
    for number, row in enumerate(rows):
        out: list[str] = []
        for column, value in enumerate(row):
            text, kind, raw = (value, None, "") if type(value) is str else cell_text(value)
            if kind:
                cells.append(Cell(number, column, kind, raw))
            out.append(text)
        values.append(out)
    return values, cells


def padded_size(overlay: Overlay) -> int:
    """Return the number of cells of the overlay's rows, each padded to its last overlaid cell."""
    widths: dict[int, int] = {}
    for row, column in overlay:
        widths[row] = max(widths.get(row, 0), column + 1)
    return max(widths, default=0) + sum(widths.values())


def apply_overlay(values: list[list[str]], cells: list[Cell], overlay: Overlay) -> None:
    """Write the texts and cells of `overlay` into `values` and `cells`."""
    if not overlay:
        return
    for (row, column), (text, _) in overlay.items():
        while len(values) <= row:
            values.append([])
        values[row].extend([""] * (column + 1 - len(values[row])))
        if isinstance(text, Affix):
            values[row][column] = values[row][column] and f"{text.before}{values[row][column]}{text.after}"
        elif text is not None:
            values[row][column] = text
    # A formula's number stays a number, because it can be damaged like a typed one.
    cells[:] = [c for c in cells if (c.row, c.column) not in overlay or overlay[c.row, c.column][1].kind == "formula"]
    present = {(cell.row, cell.column) for cell in cells}
    cells += [cell for place, (text, cell) in overlay.items() if place not in present and not isinstance(text, Affix)]


def overlay_notes(file: str, sheet: str, cells: Sequence[Cell], facts: OverlayFacts, *, hidden: bool) -> list[Note]:
    """Return notes on formulas without a stored result, error values and hidden parts, which are all read."""
    notes: list[Note] = []
    uncached = sum(1 for text, cell in facts.cells.values() if cell.kind == "formula" and text == cell.raw)
    if uncached:
        message = f"有 {uncached} 个公式没有存下结果，按公式原文读取。请用 Excel 或 WPS 打开并保存一次"
        notes.append(Note("warning", file, sheet, 0, message))
    errors = [cell for cell in cells if cell.kind == "error"]
    if errors:
        message = f"有 {len(errors)} 个单元格是错误值（如 {min(errors).raw}），请改成文字"
        notes.append(Note("warning", file, sheet, min(errors).row + 1, message))
    if hidden:
        notes.append(Note("info", file, sheet, 0, "是隐藏的工作表，照样读取"))
    if rows := facts.hidden_rows:
        notes.append(Note("info", file, sheet, rows[0] + 1, f"有 {len(rows)} 行被隐藏或被筛选掉，照样读取"))
    if facts.hidden_columns:
        notes.append(Note("info", file, sheet, 0, f"有 {facts.hidden_columns} 列被隐藏，照样读取"))
    return notes


def table_of_bytes(width: int, data: bytes, separator: str) -> pa.Table:
    """Return a table from cells in `data`, `width` a row, separated by `between`."""
    content = np.frombuffer(data, np.uint8)
    separators = content == ord(separator)
    ends = np.append(np.flatnonzero(separators), len(content))
    starts = np.append(0, ends - np.arange(len(ends)))  # offsets without the separators
    cells = pa.LargeStringArray.from_buffers(len(ends), pa.py_buffer(starts), pa.py_buffer(content[~separators]))
    rows = np.arange(0, len(ends), width)
    return _table([cells.take(pa.array(rows + at)) for at in range(width)], len(rows))


def row_lists(portion: Portion) -> list[list[Value]]:
    """Return the rows of a portion as lists."""
    if isinstance(portion, list):
        return portion
    return [list(row) for row in zip(*(column.to_pylist() for column in portion.columns), strict=True)]


def all_rows(grid: Grid) -> list[list[str]]:
    """Return all rows of a grid as lists of text, including those of its table."""
    if grid.table is None:
        return grid.values
    return [*grid.values, *row_lists(grid.table)]  # pyright: ignore[reportReturnType] - all of them are text


def text_and_columns(portions: list[Portion], overlay: Overlay) -> tuple[list[list[str]], list[Cell], pa.Table | None]:
    """Return the first rows as text, all non-text cells, and the other rows as a table. The first portion is a list."""
    if overlay:
        portions = [[row for portion in portions for row in row_lists(portion)]]
    head: list[list[str]] = []
    cells: list[Cell] = []
    tables: list[pa.Table] = []
    start = 0
    for portion in portions:
        if isinstance(portion, list):
            values, found = text_rows(portion)
            apply_overlay(values, found, overlay)
            cells += [cell._replace(row=cell.row + start) for cell in found]
            head, values = (head, values) if start else (values[:HEAD_ROWS], values[HEAD_ROWS:])
            tables += [text_table(values, max(map(len, values)))] if values else []
        else:
            tables.append(portion)
        start += len(portion)
    return head, cells, joined_table(tables)


def text_table(rows: list[list[str]], width: int) -> pa.Table:
    """Return rows as a table of `width` text columns, padded with blanks. Blank columns share one array."""
    if any(len(row) < width for row in rows):
        rows = [row if len(row) == width else [*row, *[""] * (width - len(row))] for row in rows]
    columns = zip(*rows, strict=True) if rows else [()] * width
    return _table([pa.array(column, pa.large_string()) for column in columns], len(rows))


def _table(columns: list[pa.Array], rows: int) -> pa.Table:
    blank = pa.array([""] * rows, pa.large_string())
    shared = [column if column.nbytes > blank.nbytes else blank for column in columns]
    return pa.table(shared, names=[str(at) for at in range(len(columns))])


def blank_column(rows: int) -> pa.ChunkedArray:
    """Return a text column of blanks."""
    return pa.chunked_array([pa.array([""] * rows, pa.large_string())])


def padded_table(table: pa.Table, width: int) -> pa.Table:
    """Return the table padded to `width` with blank columns, which share one array."""
    added = width - table.num_columns
    if added <= 0:
        return table
    columns = [*table.columns, *[blank_column(table.num_rows)] * added]
    return pa.table(columns, names=[str(at) for at in range(width)])


def filled_columns(table: pa.Table) -> list[int]:
    """Return the text columns that hold any text. A column with nulls counts as filled."""
    return [at for at, column in enumerate(table.columns) if column.nbytes > 8 * len(column)]  # more than its offsets


def joined_table(batches: list[pa.Table]) -> pa.Table | None:
    """Return the batches as one table, narrower ones padded with blanks."""
    if not batches:
        return None
    width = max(batch.num_columns for batch in batches)
    return pa.concat_tables([padded_table(batch, width) for batch in batches])
