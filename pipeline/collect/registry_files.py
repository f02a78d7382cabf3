"""A school's registry: files of every readable kind, or a table of a database."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline import fields
from pipeline.cohort import FILE_NAME, Cohort
from pipeline.cohort_sections import School
from pipeline.collect.collected import Note, Reading, Registry, text_frame
from pipeline.collect.database import read_database
from pipeline.collect.formats import read_table_file
from pipeline.collect.inputs import files_of, is_database, keep_bytes, read_content
from pipeline.collect.rows import REGISTRY, SheetRows, cells_of, rows_of_grid
from pipeline.collect.source_columns import undeclared
from pipeline.errors import ConfigurationError, InputError

_SCIENTIFIC = r"[0-9](?:\.[0-9]+)?E\+[0-9]+"


def read_registry(school: School, cohort: Cohort, keep: Path | None) -> Registry:
    """Return the registry of one school as it was given.

    Raises:
        InputError: it cannot be read, whole: half a registry would call students unknown who are not.
        ConfigurationError: a column that `cohort.toml` declares is not there.
    """
    readings = read_sources(school.registry, cohort.folder, keep)
    wanted = fields.registry_columns()
    parts = [
        (grid.file, rows_of_grid(grid, wanted, school.columns, REGISTRY))
        for reading in readings
        for grid in reading.grids
    ]
    notes = [note for reading in readings for note in reading.notes] + [n for _, part in parts for n in part.notes]
    columns = tuple(part.columns for _, part in parts if part.columns)
    mistakes = undeclared(school.columns, columns, f"[schools.columns]（{school.name}）")
    if mistakes:
        raise ConfigurationError(mistakes, where=FILE_NAME)
    faults = [note for note in notes if note.level == "error"]
    if faults:
        raise InputError(f"学籍库不完整（{faults[0]}）", where=school.name, remedy="请改正后再运行")
    rows = _rows(school, parts, wanted)
    if not len(rows):
        raise InputError("学籍库里没有学生", where=f"{school.name} {school.registry}", remedy="请核对文件或表名")
    cells = cells_of([part for _, part in parts])
    notes += _damage(rows, cells)
    inputs = [each for reading in readings for each in reading.inputs]
    return Registry(rows, notes, inputs, cells, columns)


def _damage(rows: pd.DataFrame, cells: pd.DataFrame) -> list[Note]:
    """Return a note for each field whose cells were stored in a way that loses digits."""
    notes: list[Note] = []
    for name in ("id_number", "exam_number", "student_number"):
        lost = rows[rows[name].str.fullmatch(_SCIENTIFIC)]
        if len(lost):
            what = f"学籍库有 {len(lost)} 行的{fields.label(name)}存成了数字，末几位已丢失"
            message = f"{what}，这些学生会核对不上。请以文本格式重新导出"
            notes.append(Note("warning", lost["file"].iloc[0], "", int(lost["row"].iloc[0]), message))
    wrong = cells[cells["kind"].eq("error")]
    if len(wrong):
        first = rows.iloc[int(wrong["at"].iloc[0])]
        message = f"学籍库有 {len(wrong)} 个单元格是错误值（如 #N/A），请改正后重新导出"
        notes.append(Note("warning", str(first["file"]), "", int(first["row"]), message))
    return notes


def read_sources(source: str, folder: Path, keep: Path | None) -> list[Reading]:
    """Return what a file, a glob or a database of a registry gives; relative paths start at `folder`.

    Raises:
        InputError: one of them cannot be read.
    """
    if is_database(source):
        return [read_database(source, folder, keep)]
    paths, notes = files_of(source, folder)
    readings = [Reading([], notes)]
    for path in paths:
        content = read_content(path, folder)
        keep_bytes(content, keep)
        readings.append(read_table_file(content))
    return readings


def _rows(school: School, parts: list[tuple[str, SheetRows]], wanted: list[str]) -> pd.DataFrame:
    columns = list(dict.fromkeys(["school_code", "school", "file", "row", *wanted]))
    frames = [part.rows.assign(file=file) for file, part in parts if len(part.rows)]
    if not frames:
        return text_frame(columns, numbers=["row"])
    whole = pd.concat(frames, ignore_index=True)
    whole = whole.assign(school_code=school.code, school=whole["school"].where(whole["school"] != "", school.name))
    return whole[columns].astype({name: "str" for name in columns if name != "row"})
