"""What collect returns: worksheets as read (`Grid`), and the submitted and registry rows as given."""

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
    """One message about an input, in Chinese with the remedy. `row` is 0 if it concerns no single row."""

    level: Level
    file: str
    sheet: str
    row: int
    message: str

    def __str__(self) -> str:
        where = [self.file, f"工作表 {self.sheet}" if self.sheet else "", f"第 {self.row} 行" if self.row else ""]
        place = " ".join(part for part in where if part)
        return one_line(f"{place}：{self.message}" if place else self.message)  # a file's name may hold line breaks


@dataclass(frozen=True)
class Input:
    """One input as read. `detail` says in Chinese how (format, encoding, delimiter)."""

    name: str
    sha256: str
    size: int
    detail: str


class Cell(NamedTuple):
    """A cell that was not plain text: 0-based place in `Grid.values`, kind and stored content."""

    row: int
    column: int
    kind: Kind
    raw: str


@dataclass(frozen=True)
class Grid:
    """One worksheet as read; every cell is the text that a person saw.

    `values` are its rows, possibly ragged. Sources of whole columns (Parquet, big CSV, database) put the first rows
    into `values` and the rows below into `table`, all text columns in the header's order. `merged` are 0-based
    inclusive ranges (top, left, bottom, right). `sheet` is "" for a file without worksheets.
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
    """One source's worksheets, notes and stored inputs."""

    grids: list[Grid]
    notes: list[Note] = field(default_factory=list[Note])
    inputs: list[Input] = field(default_factory=list[Input])


@dataclass(frozen=True)
class Collected:
    """Every submitted row as given.

    `rows`: `row_columns()`, text except the 1-based `row`, "" if the source lacks the column. `why` says why a row with
    a number looks like no person's; the registry decides (`skipping.with_people`). `cells`: non-text cells of `rows`,
    at position `at`. `extras`: filled cells of unknown columns. `skipped`: rows that are no submission, with the reason
    and their first number. `pictures`: images from cells, by the name in `rows.photo`.
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
    """One school's registry as given: `rows` has school_code, school, file, row and `fields.in_registry()` as text."""

    rows: pd.DataFrame
    notes: list[Note]
    inputs: list[Input]
    cells: pd.DataFrame
    columns: tuple[SourceColumns, ...]


def text_frame(
    columns: Iterable[str], rows: Iterable[tuple[object, ...]] = (), numbers: Iterable[str] = ()
) -> pd.DataFrame:
    """Return `rows`, possibly none, as a frame of text columns; those in `numbers` are int64."""
    names = list(columns)
    frame = pd.DataFrame(list(rows), columns=pd.Index(names))
    whole = set(numbers)
    return frame.astype({name: "int64" if name in whole else "str" for name in names})


def joined_frames(frames: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """Concatenate frames of text columns; `row` stays a number."""
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return text_frame(columns, numbers=["row"])
    whole = pd.concat(filled, ignore_index=True)[columns]
    return whole.astype({name: "str" for name in columns if name != "row"})


def cell_frame(rows: Iterable[tuple[object, ...]] = ()) -> pd.DataFrame:
    """Return rows of (at, field, kind, raw) as a `Collected.cells` frame."""
    return text_frame(CELLS, rows, numbers=["at"])


def table_cells(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Concatenate the cells of columns or portions to one `Grid.table_cells` frame."""
    kinds = {"row": "int64", "column": "int64", "kind": "str", "raw": "str"}
    cells = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=pd.Index(kinds))
    return cells.astype(kinds)


def row_columns() -> list[str]:
    """Return the columns of `Collected.rows`."""
    return ["file", "sheet", "row", "why", *fields.names()]
