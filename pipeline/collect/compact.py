"""Rows of Python text as Arrow columns, which take a tenth of the memory."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportUnnecessaryIsInstance=false
from __future__ import annotations

from operator import itemgetter

import numpy as np
import pyarrow as pa

from pipeline.collect.cell_text import Overlay, Value, lay_over, text_rows
from pipeline.collect.collected import Cell, Grid
from pipeline.collect.header import LOOK_DOWN

HEAD = LOOK_DOWN + 24  # rows that stay Python lists, the header among them

Portion = list[list[Value]] | pa.Table
"""Rows of a worksheet: as lists, or where all of them are text as columns."""


def table_of(width: int, data: bytes, between: str) -> pa.Table:
    """Return a table from cells in `data`, `width` a row, separated by `between`."""
    read = np.frombuffer(data, np.uint8)
    apart = read == ord(between)
    ends = np.append(np.flatnonzero(apart), len(read))
    starts = np.append(0, ends - np.arange(len(ends)))  # offsets without the separators
    cells = pa.LargeStringArray.from_buffers(len(ends), pa.py_buffer(starts), pa.py_buffer(read[~apart]))
    rows = np.arange(0, len(ends), width)
    return _table([cells.take(pa.array(rows + at)) for at in range(width)], len(rows))


def rows_in(portion: Portion) -> list[list[Value]]:
    """Return the rows of a portion as lists."""
    if isinstance(portion, list):
        return portion
    return [list(row) for row in zip(*(column.to_pylist() for column in portion.columns), strict=True)]


def whole_rows(grid: Grid) -> list[list[str]]:
    """Return all rows of a grid as lists of text, including those of its table."""
    if grid.table is None:
        return grid.values
    return [*grid.values, *rows_in(grid.table)]  # pyright: ignore[reportReturnType] - all of them are text


def text_and_columns(portions: list[Portion], overlay: Overlay) -> tuple[list[list[str]], list[Cell], pa.Table | None]:
    """Return the first rows as text, all non-text cells, and the other rows as a table. The first portion is a list."""
    if overlay:
        portions = [[row for portion in portions for row in rows_in(portion)]]
    head: list[list[str]] = []
    cells: list[Cell] = []
    tables: list[pa.Table] = []
    start = 0
    for portion in portions:
        if isinstance(portion, list):
            values, found = text_rows(portion)
            lay_over(values, found, overlay)
            cells += [cell._replace(row=cell.row + start) for cell in found]
            head, values = (head, values) if start else (values[:HEAD], values[HEAD:])
            tables += [text_table(values, max(map(len, values)))] if values else []
        else:
            tables.append(portion)
        start += len(portion)
    return head, cells, joined_table(tables)


def text_table(rows: list[list[str]], width: int) -> pa.Table:
    """Return rows as a table of `width` text columns, padded with blanks. Blank columns share one array."""
    if any(len(row) < width for row in rows):
        rows = [row if len(row) == width else [*row, *[""] * (width - len(row))] for row in rows]
    return _table([pa.array(list(map(itemgetter(at), rows)), pa.large_string()) for at in range(width)], len(rows))


def _table(columns: list[pa.Array], rows: int) -> pa.Table:
    blank = pa.array([""] * rows, pa.large_string())
    kept = [column if column.nbytes > blank.nbytes else blank for column in columns]
    return pa.table(kept, names=[str(at) for at in range(len(columns))])


def blank_column(rows: int) -> pa.ChunkedArray:
    """Return a text column of blanks."""
    return pa.chunked_array([pa.array([""] * rows, pa.large_string())])


def widened(table: pa.Table, width: int) -> pa.Table:
    """Return the table padded to `width` with blank columns, which share one array."""
    more = width - table.num_columns
    if more <= 0:
        return table
    columns = [*table.columns, *[blank_column(table.num_rows)] * more]
    return pa.table(columns, names=[str(at) for at in range(width)])


def filled_columns(table: pa.Table) -> list[int]:
    """Return the text columns that hold any text. A column with nulls counts as filled."""
    return [at for at, column in enumerate(table.columns) if column.nbytes > 8 * len(column)]  # more than its offsets


def joined_table(batches: list[pa.Table]) -> pa.Table | None:
    """Return the batches as one table, narrower ones padded with blanks."""
    if not batches:
        return None
    width = max(batch.num_columns for batch in batches)
    return pa.concat_tables([widened(batch, width) for batch in batches])
