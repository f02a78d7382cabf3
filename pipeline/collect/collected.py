"""What collect hands on: worksheets as read (`Grid`), and the submitted and registry rows as they were given."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import pandas as pd
import pyarrow as pa

from pipeline import fields
from pipeline.collect.source_columns import SourceColumns
from pipeline.errors import one_line

Level = Literal["error", "warning", "info"]
Kind = Literal["number", "date", "boolean", "error", "formula", "picture"]

CELLS = ["at", "field", "kind", "raw"]
EXTRAS = ["file", "sheet", "row", "column", "value"]
SKIPPED = ["file", "sheet", "row", "why", "number"]


@dataclass(frozen=True)
class Note:
    """One thing to tell about an input: Chinese, with the remedy. `row` is 0 where it is about no row in particular."""

    level: Level
    file: str
    sheet: str
    row: int
    message: str

    def __str__(self) -> str:
        """Return the place and the message in one line."""
        where = [self.file, f"工作表 {self.sheet}" if self.sheet else "", f"第 {self.row} 行" if self.row else ""]
        place = " ".join(part for part in where if part)
        return one_line(f"{place}：{self.message}" if place else self.message)  # a file's name may be anything


@dataclass(frozen=True)
class Input:
    """One input as it was read: `detail` says in Chinese how (format, encoding, delimiter)."""

    name: str
    sha256: str
    size: int
    detail: str


class Cell(NamedTuple):
    """A cell that was not plain text: 0-based place in `Grid.values`, what it was, and its stored content."""

    row: int
    column: int
    kind: Kind
    raw: str


@dataclass(frozen=True)
class Grid:
    """One worksheet as read, every cell the text that a person saw.

    `values` are its rows, which may be ragged. Big sources of whole columns (parquet, big csv, a database) put only
    their first rows into `values` and the rows below them into `table`, whose columns are all text and stand in the
    header's order. `merged` are 0-based ranges within `values` (top, left, bottom, right, inclusive). `file`, `sheet`
    are what messages call it; a file without worksheets has the sheet "".
    """

    file: str
    sheet: str
    values: list[list[str]]
    cells: list[Cell] = field(default_factory=list[Cell])
    merged: list[tuple[int, int, int, int]] = field(default_factory=list[tuple[int, int, int, int]])
    notes: list[Note] = field(default_factory=list[Note])
    pictures: dict[str, bytes] = field(default_factory=dict[str, bytes])
    table: pa.Table | None = None
    table_cells: pd.DataFrame | None = None
    """With `table`: its cells that were not text, as columns row (0-based in `table`), column (0-based), kind, raw."""


@dataclass(frozen=True)
class Reading:
    """What one source gave: its worksheets, what is to be said about it, and the inputs that were kept."""

    grids: list[Grid]
    notes: list[Note] = field(default_factory=list[Note])
    inputs: list[Input] = field(default_factory=list[Input])


@dataclass(frozen=True)
class Collected:
    """Every submitted row as it was given.

    `rows`: file, sheet, row (1-based), `why` and every field of `fields.csv` as text, "" where the source has no such
    column. `why` says why a row looks like no person's although it gives a student's or ID number: whoever knows the
    registry decides (`skipping.with_people`).
    `cells`: the cells of `rows` that were not plain text: at (position in `rows`), field, kind, raw.
    `extras`: filled cells of unknown columns. `skipped`: rows that are no submission, with the reason and the first
    number in them. `columns`: what each worksheet with a header has. `pictures`: images taken out of cells, by the name
    that `rows.photo` holds.
    """

    rows: pd.DataFrame
    cells: pd.DataFrame
    extras: pd.DataFrame
    skipped: pd.DataFrame
    notes: list[Note]
    inputs: list[Input]
    columns: tuple[SourceColumns, ...]
    pictures: dict[str, bytes] = field(default_factory=dict[str, bytes])
    school: str = ""
    """The one school that its rows can be of, where the source says so (`school` in `from`)."""


@dataclass(frozen=True)
class Registry:
    """One school's registry as it was given.

    `rows`: school_code, school, row (1-based), file and `fields.in_registry()` as text. `cells` as in `Collected`.
    """

    rows: pd.DataFrame
    notes: list[Note]
    inputs: list[Input]
    cells: pd.DataFrame
    columns: tuple[SourceColumns, ...]


def text_frame(
    columns: Iterable[str], rows: Iterable[tuple[object, ...]] = (), numbers: Iterable[str] = ()
) -> pd.DataFrame:
    """Return a frame of text columns (and of whole `numbers`) from `rows`; also where there are none."""
    names = list(columns)
    frame = pd.DataFrame(list(rows), columns=pd.Index(names))
    whole = set(numbers)
    return frame.astype({name: "int64" if name in whole else "str" for name in names})


def joined_frames(frames: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """Return frames of text columns, and of the number `row`, as one."""
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return text_frame(columns, numbers=["row"])
    whole = pd.concat(filled, ignore_index=True)[columns]
    return whole.astype({name: "str" for name in columns if name != "row"})


def cell_frame(rows: Iterable[tuple[object, ...]] = ()) -> pd.DataFrame:
    """Return `rows` of (at, field, kind, raw) as the frame `Collected.cells`."""
    return text_frame(CELLS, rows, numbers=["at"])


def table_cells(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the cells of several columns, or portions, as one frame `Grid.table_cells`."""
    kinds = {"row": "int64", "column": "int64", "kind": "str", "raw": "str"}
    cells = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=pd.Index(kinds))
    return cells.astype(kinds)


def row_columns() -> list[str]:
    """Return the columns of `Collected.rows`."""
    return ["file", "sheet", "row", "why", *fields.names()]
