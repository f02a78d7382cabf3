"""Rows of Python text turned into Arrow columns, where there are many: a tenth of the memory."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false
from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pyarrow as pa

from pipeline.collect.collected import Cell, Grid
from pipeline.collect.header import LOOK_DOWN
from pipeline.collect.overlay import Overlay, lay_over
from pipeline.collect.text import Value, text_rows

HEAD = LOOK_DOWN + 24  # rows that stay Python lists: the header is among them
_CHUNK = 50_000


def whole_rows(grid: Grid) -> list[list[str]]:
    """Return all rows of a grid as lists of text, those kept as columns among them."""
    if grid.table is None:
        return grid.values
    columns = [column.to_pylist() for column in grid.table.columns]
    return [*grid.values, *(list(row) for row in zip(*columns, strict=True))]


def values_in_portions(
    rows: Iterator[list[Value]], overlay: Overlay
) -> tuple[list[list[str]], list[Cell], pa.Table | None]:
    """Return the first rows as lists of text, the cells of all rows that were no text, and the rest as columns."""
    head: list[list[str]] = []
    cells: list[Cell] = []
    batches: list[pa.Table] = []
    start, last = 0, max((row for row, _ in overlay), default=-1)
    while portion := list(islice(rows, _CHUNK if start else HEAD)) or _blank_rows(start, last):
        end = start + len(portion)
        values, found = text_rows(portion)
        mine = {(r - start, c): (text, cell._replace(row=r - start)) for (r, c), (text, cell) in overlay.items()
                if start <= r < end}  # fmt: skip
        lay_over(values, found, mine)
        cells += [cell._replace(row=cell.row + start) for cell in found]
        if start:
            batches.append(columns_of(values))
        else:
            head = values
        start = end
    return head, cells, joined(batches)


def _blank_rows(start: int, last: int) -> list[list[Value]]:
    """Return blank rows for overlay cells below the last row that was read."""
    return [[] for _ in range(start, min(last + 1, start + _CHUNK))]


def columns_of(rows: list[list[str]]) -> pa.Table:
    """Return rows as a table of text columns; shorter rows are filled with blanks."""
    width = max(map(len, rows))
    padded = [row if len(row) == width else [*row, *[""] * (width - len(row))] for row in rows]
    blank = pa.array([""] * len(rows), pa.large_string())
    columns = (pa.array([row[at] for row in padded], pa.large_string()) for at in range(width))
    kept = [column if column.nbytes > blank.nbytes else blank for column in columns]  # blanks are one column
    return pa.table(kept, names=[str(at) for at in range(width)])


def blank_column(rows: int) -> pa.ChunkedArray:
    """Return a text column of blanks."""
    return pa.chunked_array([pa.array([""] * rows, pa.large_string())])


def widened(table: pa.Table, width: int) -> pa.Table:
    """Return the table with blank columns on the right up to `width`; all of them are one and cost as much."""
    more = width - table.num_columns
    if more <= 0:
        return table
    columns = [*table.columns, *[blank_column(table.num_rows)] * more]
    return pa.table(columns, names=[str(at) for at in range(width)])


def filled_columns(table: pa.Table) -> list[int]:
    """Return the columns of text that have any (or only may have: those with nulls); the others are blank."""
    return [at for at, column in enumerate(table.columns) if column.nbytes > 8 * len(column)]  # more than its offsets


def joined(batches: list[pa.Table]) -> pa.Table | None:
    """Return the batches as one table; narrower ones are filled with blanks."""
    if not batches:
        return None
    width = max(batch.num_columns for batch in batches)
    return pa.concat_tables([widened(batch, width) for batch in batches])
