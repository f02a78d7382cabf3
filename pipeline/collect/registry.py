"""A school's registry: files of every readable kind, or a table of a database."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline import fields
from pipeline.cohort import Cohort, School
from pipeline.collect.collected import Reading, Registry, cell_frame, text_frame
from pipeline.collect.formats import read_table_file
from pipeline.collect.inputs import files_of, keep_bytes, read_content
from pipeline.collect.rows import SheetRows, rows_of_grid
from pipeline.errors import InputError


def read_registry(school: School, cohort: Cohort, keep: Path | None) -> Registry:
    """Return the registry of one school as it was given.

    Raises:
        InputError: it cannot be read, whole: half a registry would call students unknown who are not.
    """
    readings = _read(school.registry, cohort, keep)
    wanted = fields.in_registry()
    parts = [(grid.file, rows_of_grid(grid, wanted, school.columns)) for reading in readings for grid in reading.grids]
    notes = [note for reading in readings for note in reading.notes] + [n for _, part in parts for n in part.notes]
    faults = [note for note in notes if note.level == "error"]
    if faults:
        raise InputError(f"学籍库不完整（{faults[0]}）", where=school.name, remedy="请改正后再运行")
    rows = _rows(school, parts, wanted)
    if not len(rows):
        raise InputError("学籍库里没有学生", where=f"{school.name} {school.registry}", remedy="请核对文件或表名")
    columns = {name for _, part in parts for name in part.columns}
    inputs = [each for reading in readings for each in reading.inputs]
    return Registry(rows, notes, inputs, _cells([part for _, part in parts]), columns)


def _read(source: str, cohort: Cohort, keep: Path | None) -> list[Reading]:
    paths, notes = files_of(source, cohort.folder)
    readings = [Reading([], notes)]
    for path in paths:
        content = read_content(path, cohort.folder)
        keep_bytes(content, keep)
        readings.append(read_table_file(content))
    return readings


def _rows(school: School, parts: list[tuple[str, SheetRows]], wanted: list[str]) -> pd.DataFrame:
    columns = ["school_code", "school", "file", "row", *wanted[: wanted.index("school")], *wanted]
    columns = list(dict.fromkeys(columns))
    frames = [part.rows.assign(file=file) for file, part in parts if len(part.rows)]
    if not frames:
        return text_frame(columns, numbers=["row"])
    whole = pd.concat(frames, ignore_index=True)
    whole = whole.assign(school_code=school.code, school=whole["school"].where(whole["school"] != "", school.name))
    return whole[columns].astype({name: "str" for name in columns if name != "row"})


def _cells(parts: list[SheetRows]) -> pd.DataFrame:
    frames: list[pd.DataFrame] = []
    start = 0
    for part in parts:
        frames.append(part.cells.assign(at=part.cells["at"] + start))
        start += len(part.rows)
    return pd.concat(frames, ignore_index=True) if frames else cell_frame()
