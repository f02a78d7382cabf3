"""Rows of Python text turned into Arrow columns, where there are many: a tenth of the memory."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from pipeline.collect.cell_text import Value, text_rows
from pipeline.collect.collected import Cell, Grid
from pipeline.collect.header import LOOK_DOWN
from pipeline.collect.overlay import Overlay, lay_over

HEAD = LOOK_DOWN + 24  # rows that stay Python lists: the header is among them
_CHUNK = 50_000


class Columns(Protocol):
    """What is asked of an Arrow table, which has no types."""

    @property
    def num_columns(self) -> int:
        """How many columns there are."""
        ...

    @property
    def columns(self) -> Sequence[Any]:
        """The columns."""
        ...

    def __len__(self) -> int:
        """Return how many rows there are."""
        ...


Portion = list[list[Value]] | Columns
"""Rows of a worksheet: as lists, or where all of them are text as columns."""


def table_of(width: int, data: bytes, between: str) -> Columns:
    """Return a table of rows whose cells, `width` a row, stand one after the other in `data` with `between` between."""
    read = np.frombuffer(data, np.uint8)
    apart = read == ord(between)
    ends = np.append(np.flatnonzero(apart), len(read))
    starts = np.append(0, ends - np.arange(len(ends)))  # as if nothing stood between
    cells = pa.LargeStringArray.from_buffers(len(ends), pa.py_buffer(starts), pa.py_buffer(read[~apart]))
    rows = np.arange(0, len(ends), width)
    return _table([cells.take(pa.array(rows + at)) for at in range(width)], len(rows))


def rows_in(portion: Portion) -> list[list[Value]]:
    """Return the rows of a portion as lists."""
    if isinstance(portion, list):
        return portion
    return [list(row) for row in zip(*(column.to_pylist() for column in portion.columns), strict=True)]


def whole_rows(grid: Grid) -> list[list[str]]:
    """Return all rows of a grid as lists of text, those kept as columns among them."""
    if grid.table is None:
        return grid.values
    return [*grid.values, *rows_in(grid.table)]  # pyright: ignore[reportReturnType] - all of them are text


def values_in_portions(
    portions: Iterator[Portion], overlay: Overlay
) -> tuple[list[list[str]], list[Cell], pa.Table | None]:
    """Return the first rows as lists of text, the cells of all rows that were no text, and the rest as columns."""
    rest = _down_to(portions, max((row for row, _ in overlay), default=-1))
    first: list[list[Value]] = []
    while len(first) < HEAD and (portion := next(rest, None)) is not None:
        first += rows_in(portion)
    head, cells = _laid(first[:HEAD], 0, overlay)
    batches: list[pa.Table] = []
    start = len(head)
    for portion in chain([first[HEAD:]] if first[HEAD:] else [], rest):
        if isinstance(portion, list) or any(start <= row < start + len(portion) for row, _ in overlay):
            values, found = _laid(rows_in(portion), start, overlay)
            cells += found
            batches.append(text_table(values))
        else:
            batches.append(portion)
        start += len(portion)
    return head, cells, joined_table(batches)


def _laid(rows: list[list[Value]], start: int, overlay: Overlay) -> tuple[list[list[str]], list[Cell]]:
    """Return rows as text with the overlay laid on, and their cells that were no text; `start` is the first one's."""
    values, found = text_rows(rows)
    mine = {(r - start, c): (text, cell._replace(row=r - start)) for (r, c), (text, cell) in overlay.items()
            if start <= r < start + len(rows)}  # fmt: skip
    lay_over(values, found, mine)
    return values, [cell._replace(row=cell.row + start) for cell in found]


def _down_to(portions: Iterable[Portion], last: int) -> Iterator[Portion]:
    """Yield the portions, and blank rows for overlay cells below the last row that was read."""
    count = 0
    for portion in portions:
        count += len(portion)
        yield portion
    while count <= last:
        more = min(last + 1 - count, _CHUNK)
        count += more
        yield [[] for _ in range(more)]


def text_table(rows: list[list[str]]) -> pa.Table:
    """Return rows as a table of text columns; shorter rows are filled with blanks."""
    width = max(map(len, rows))
    padded = [row if len(row) == width else [*row, *[""] * (width - len(row))] for row in rows]
    return _table([pa.array([row[at] for row in padded], pa.large_string()) for at in range(width)], len(rows))


def _table(columns: list[pa.Array], rows: int) -> pa.Table:
    """Return a table of text columns; all blank ones are one column."""
    blank = pa.array([""] * rows, pa.large_string())
    kept = [column if column.nbytes > blank.nbytes else blank for column in columns]
    return pa.table(kept, names=[str(at) for at in range(len(columns))])


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


def joined_table(batches: list[pa.Table]) -> pa.Table | None:
    """Return the batches as one table; narrower ones are filled with blanks."""
    if not batches:
        return None
    width = max(batch.num_columns for batch in batches)
    return pa.concat_tables([widened(batch, width) for batch in batches])
