"""Reads every submitted row from all sources of the cohort."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import fields
from pipeline.atomic_files import sha256_of
from pipeline.cohort import FILE_NAME, Cohort
from pipeline.cohort_sections import Source
from pipeline.collect.collected import Collected, Grid, Note, Reading, combine
from pipeline.collect.formats import DocumentError, read_file
from pipeline.collect.inputs import files_of, is_gsheet, name_of
from pipeline.collect.rows import SUBMISSION, rows_of_grid
from pipeline.collect.source_columns import SourceColumns, undeclared
from pipeline.errors import ConfigurationError, InputError


def refuse_unread(columns: Sequence[SourceColumns], notes: list[Note]) -> None:
    """Raise `InputError` if no worksheet could be read."""
    if all(source.refused for source in columns):
        errors = "；".join(str(note) for note in notes if note.level == "error") or "；".join(map(str, notes))
        raise InputError(f"没有一个能读的提交文件（{errors}）", remedy="请按提示处理后再运行")


@dataclass(frozen=True)
class Unit:
    """One file (a `copy` is not read), or a Google Sheet (no `path`). One of `registries` (SHA-256) is refused."""

    source: Source
    path: Path | None
    notes: tuple[Note, ...] = ()
    registries: frozenset[str] = frozenset()
    copy: bool = False


def submission_units(cohort: Cohort) -> list[Unit]:
    """Return the units of `[submissions]` in reading order. A source without files becomes a unit with an error."""
    units: list[Unit] = []
    read: dict[str, Path] = {}  # by content
    for source in cohort.submissions.sources:
        if is_gsheet(source.path):
            units.append(Unit(source, None))
            continue
        try:
            paths, notes = files_of(source.path, cohort.folder)
        except InputError as error:
            units.append(Unit(source, cohort.folder / source.path, (_error_note(error),)))
            continue
        for at, path in enumerate(paths):
            told, original = tuple(notes) if not at else (), read.setdefault(_content_key(path), path)
            if copy := original != path and not original.samefile(path):  # two globs may name one file
                message = f"与 {name_of(original, cohort.folder)} 内容相同，只读那一份；多余的请删去，放错的请换掉"
                told = (*told, Note("warning", name_of(path, cohort.folder), "", 0, message))
            if original is path or told:
                units.append(Unit(source, path, told, copy=copy))
    return units


def _content_key(path: Path) -> str:
    with suppress(OSError):  # its reader reports it
        return sha256_of(path) if path.is_file() else str(path)
    return str(path)


def read_unit(unit: Unit, cohort: Cohort, copies: Path | None) -> Reading:
    """Return the worksheets of one unit, or an error note if it cannot be read. A document or picture is an info."""
    if unit.copy or any(note.level == "error" for note in unit.notes):
        return Reading([], list(unit.notes))
    try:
        if unit.path is None:
            from pipeline.collect.google.read import read_sheet

            reading = read_sheet(unit.source.path, cohort, copies)
        else:
            reading = read_file(unit.path, cohort.folder, copies, unit.registries)
    except DocumentError as error:
        reading = Reading([], [Note("info", error.where, "", 0, f"{error.what}，未读取")])
    except InputError as error:
        reading = Reading([], [_error_note(error)])
    return replace(reading, notes=[*unit.notes, *reading.notes])


def _error_note(error: InputError) -> Note:
    remedy = f"。{error.remedy}" if error.remedy else ""
    return Note("error", error.where, "", 0, f"{error.what}{remedy}")


def collect_unit(unit: Unit, cohort: Cohort, copies: Path | None) -> Collected:
    """Return the rows of one unit, or an error note if it cannot be read."""
    reading = read_unit(unit, cohort, copies)
    declared, required = cohort.submissions.declared(unit.source), () if unit.source.amends else SUBMISSION
    sheets = [rows_of_grid(grid, fields.names(), declared, required) for grid in reading.grids]
    collected, school = combine(sheets), cohort.school_of_code(unit.source.school or "")
    notes = reading.notes + collected.notes
    notes = notes + _unused_files(reading.grids, collected, notes)
    return replace(collected, notes=notes, inputs=reading.inputs, school=school.name if school else "")


def refuse_undeclared(cohort: Cohort, read: Sequence[tuple[Source, Sequence[SourceColumns]]]) -> None:
    """Raise `ConfigurationError` for columns that `cohort.toml` declares and no worksheet of their source has."""
    mistakes = undeclared(
        cohort.submissions.columns, [each for _, has in read for each in has], "[submissions.columns]"
    )
    for source in cohort.submissions.sources:
        columns = [each for declared, has in read if declared == source for each in has]
        mistakes += undeclared(source.columns, columns, f"[submissions] from {source.path} 的 columns")
    if mistakes:
        raise ConfigurationError(mistakes, where=FILE_NAME)


def _unused_files(grids: list[Grid], collected: Collected, notes: list[Note]) -> list[Note]:
    with_form = {each.file for each in collected.columns if not each.refused}
    with_error = {note.file for note in notes if note.level == "error"}
    message = "没有找到登记表（没有一行认得出姓名、身份证号码、学号这些列名），整个文件没有用到"
    files = dict.fromkeys(grid.file for grid in grids)
    return [Note("info", file, "", 0, message) for file in files if file not in with_form and file not in with_error]
