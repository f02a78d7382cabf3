"""What collect returns: worksheets as read (`Grid`), and the submitted and registry rows as given."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
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
    """Every row of a worksheet, of a source, or of a registry, as given.

    `rows`: file, sheet, the 1-based `row`, `why` and fields, as text, "" if the source lacks the column. `why` says why
    a row with a number looks like no person's; the registry decides (`skipping.with_people`). `cells`: non-text cells
    of `rows`, at position `at`. `extras`: filled cells of unknown columns. `skipped`: rows that are no person's, with
    the reason and their first number. `columns`: of each worksheet with a header. `pictures`: images from cells, by the
    name in `rows.photo`.
    """

    rows: pd.DataFrame
    cells: pd.DataFrame
    extras: pd.DataFrame
    skipped: pd.DataFrame
    notes: list[Note]
    inputs: list[Input] = field(default_factory=list[Input])
    columns: tuple[SourceColumns, ...] = ()
    pictures: dict[str, bytes] = field(default_factory=dict[str, bytes])
    school: str = ""
    """The one school that its rows can be of, where the source says so (`school` in `from`)."""


def combine(parts: Sequence[Collected], columns: list[str] | None = None) -> Collected:
    """Return several parts as one, with these `columns` of rows (None: those of submissions)."""
    starts = accumulate((len(part.rows) for part in parts), initial=0)
    cells = [part.cells.assign(at=part.cells["at"] + start) for part, start in zip(parts, starts, strict=False)]
    filled = [frame for frame in cells if len(frame)]
    return Collected(
        rows=concat_frames([part.rows for part in parts], columns or ["file", "sheet", "row", "why", *fields.names()]),
        cells=pd.concat(filled, ignore_index=True) if filled else text_frame(CELLS, numbers=["at"]),
        extras=concat_frames([part.extras for part in parts], EXTRAS),
        skipped=concat_frames([part.skipped for part in parts], SKIPPED),
        notes=[note for part in parts for note in part.notes],
        inputs=[each for part in parts for each in part.inputs],
        columns=tuple(each for part in parts for each in part.columns),
        pictures={name: data for part in parts for name, data in part.pictures.items()},
    )


def text_frame(
    columns: Iterable[str], rows: Iterable[tuple[object, ...]] = (), numbers: Iterable[str] = ()
) -> pd.DataFrame:
    """Return `rows`, possibly none, as a frame of text columns; those in `numbers` are int64."""
    items, integers = list(rows), set(numbers)
    kinds = {name: "int64" if name in integers else "str" for name in columns}
    return pd.DataFrame(
        {name: pd.Series([row[at] for row in items], dtype=kind) for at, (name, kind) in enumerate(kinds.items())}
    )


def concat_frames(frames: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """Concatenate frames of text columns; `row` stays a number."""
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return text_frame(columns, numbers=["row"])
    joined = pd.concat(filled, ignore_index=True)[columns].astype({name: "str" for name in columns if name != "row"})
    if len(filled) == 1:
        return joined
    return pa.Table.from_pandas(joined, preserve_index=False).combine_chunks().to_pandas()


def table_cells(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Concatenate the cells of columns or portions to one `Grid.table_cells` frame."""
    kinds = {"row": "int64", "column": "int64", "kind": "str", "raw": "str"}
    cells = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=pd.Index(kinds))
    return cells.astype(kinds)
