"""A school's registry, the comparison of two registry exports, and the tables of colleges and counselors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from pipeline import fields
from pipeline.cohort import FILE_NAME, Cohort
from pipeline.cohort_sections import School
from pipeline.collect.cell_text import all_rows
from pipeline.collect.collected import Collected, Reading, combine, text_frame
from pipeline.collect.formats import read_file
from pipeline.collect.headings import clean_heading
from pipeline.collect.inputs import files_of, is_database
from pipeline.collect.rows import REGISTRY, rows_of_grid
from pipeline.collect.source_columns import undeclared
from pipeline.errors import ConfigurationError, InputError

COLLEGES = {"school": "学校名称", "college": "院系", "aliases": "别名", "secretary": "副书记", "email": "邮箱"}
COUNSELORS = {"school": "学校名称", "college": "院系", "class_name": "班级", "name": "姓名", "email": "邮箱"}
DIFFERENCES = ["school", "student_number", "name", "change", "field", "old", "new"]
CHANGES = {"added": "新增", "removed": "减少", "changed": "改动"}
_OPTIONAL = {"aliases", "secretary", "email"}
_ROW_KEY = ["school", "student_number", "turn"]


def read_registry(school: School, cohort: Cohort, copies: Path | None, reading: Reading | None = None) -> Collected:
    """Return one school's registry as given: `rows` are school_code, school, file, row, the registry's fields, email.

    `reading` is of its sources, if they have been read.

    Raises:
        InputError: if any part cannot be read, because half a registry would make known students unknown.
        ConfigurationError: if a column that `cohort.toml` declares is missing.
    """
    reading = reading or read_sources(school.registry, cohort.folder, copies)
    wanted = [*fields.registry_columns(), "email"]  # which is compared with nothing: invitations go there
    parts = [rows_of_grid(grid, wanted, school.columns, REGISTRY) for grid in reading.grids]
    registry = combine(parts, list(dict.fromkeys(["school", "file", "row", *wanted])))
    mistakes = undeclared(school.columns, registry.columns, f"[schools.columns]（{school.name}）")
    if mistakes:
        raise ConfigurationError(mistakes, where=FILE_NAME)
    notes = reading.notes + registry.notes
    errors = [note for note in notes if note.level == "error"]
    if errors:
        raise InputError(f"学籍库不完整（{errors[0]}）", where=school.name, remedy="请改正后再运行")
    if registry.rows.empty:
        raise InputError("学籍库里没有学生", where=f"{school.name} {school.registry}", remedy="请核对文件或表名")
    registry.rows.insert(0, "school_code", pd.Series(school.code, index=registry.rows.index, dtype="str"))
    return replace(registry, notes=notes, inputs=reading.inputs)


def read_sources(source: str, folder: Path, copies: Path | None) -> Reading:
    """Read a registry's file, glob or database. Relative paths start at `folder`."""
    if is_database(source):
        from pipeline.collect.arrow_tables import read_database

        return read_database(source, folder, copies)
    paths, notes = files_of(source, folder)
    read = [read_file(path, folder, copies) for path in paths]
    grids = [grid for one in read for grid in one.grids]
    notes += [note for one in read for note in one.notes]
    return Reading(grids, notes, [each for one in read for each in one.inputs])


def read_people(cohort: Cohort) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return colleges and counselors, with the columns of `COLLEGES` and `COUNSELORS`.

    Raises:
        InputError: if a table cannot be read.
        ConfigurationError: if a table lacks a column, or names a school that the cohort does not have.
    """
    mistakes: list[str] = []
    colleges = _read_people(cohort, cohort.people.colleges, COLLEGES, mistakes)
    counselors = _read_people(cohort, cohort.people.counselors, COUNSELORS, mistakes)
    known = [school.name for school in cohort.schools]
    for path, table in ((cohort.people.colleges, colleges), (cohort.people.counselors, counselors)):
        unknown = [name for name in dict.fromkeys(table["school"]) if name and name not in known]
        if unknown:  # nobody would get their mail
            what = f"学校名称 {'、'.join(unknown[:5])} 不在 cohort.toml 里（有 {'、'.join(known[:5])}）"
            mistakes.append(f"{path}：{what}，请改成一样的写法")
    if mistakes:
        raise ConfigurationError(mistakes, where="[people]")
    return colleges, counselors


def _read_people(cohort: Cohort, path: str, columns: dict[str, str], mistakes: list[str]) -> pd.DataFrame:
    reading = read_file(cohort.path(path), cohort.folder)
    grid = next((grid for grid in reading.grids if any(any(row) for row in grid.values)), None)
    if grid is None:
        raise InputError("是空表", where=path, remedy=f"请写上列名（{'、'.join(columns.values())}）和内容")
    values = all_rows(grid)
    start = next((n for n, row in enumerate(values) if clean_heading(columns["college"]) in map(clean_heading, row)), 0)
    labels = [clean_heading(label) for label in values[start]]
    missing = [label for name, label in columns.items() if clean_heading(label) not in labels and name not in _OPTIONAL]
    if missing:
        mistakes.append(f"{path}：缺少 {'、'.join(missing)} 列，请补上（应有 {'、'.join(columns.values())}）")
        return text_frame(columns)
    indexes = {
        name: labels.index(clean_heading(label)) for name, label in columns.items() if clean_heading(label) in labels
    }
    rows = [
        tuple(row[indexes[name]].strip() if name in indexes and indexes[name] < len(row) else "" for name in columns)
        for row in values[start + 1 :]
        if any(cell.strip() for cell in row)
    ]
    return text_frame(columns, rows)


def read_export(source: str) -> pd.DataFrame:
    """Return the rows of a registry export (`fields.in_registry()`, trimmed) from a file, glob or database."""
    reading, wanted = read_sources(source, Path.cwd(), None), fields.in_registry()
    parts = [rows_of_grid(grid, wanted) for grid in reading.grids]
    errors = [str(note) for read in (reading, *parts) for note in read.notes if note.level == "error"]
    if errors:
        raise InputError(errors[0], where=source, remedy="请改正后再比较")
    rows = combine(parts, ["row", *wanted]).rows[wanted]
    if not len(rows):
        raise InputError("没有学生", where=source, remedy="请核对文件")
    return rows.assign(**{name: rows[name].str.strip() for name in wanted})


def compare_registries(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each added or removed student and each changed field, by student number within school.

    Columns: `DIFFERENCES`. `change` is added, removed or changed. For added or removed students `field` is "", and
    `new` or `old` is college and class. A student with a new student number is one student.
    """
    old_rows, new_rows = _with_row_key(renumbered(old, new)), _with_row_key(new.assign(was=new["student_number"]))
    common = old_rows.index.intersection(new_rows.index)
    parts = [
        _added_or_removed(new_rows.loc[new_rows.index.difference(old_rows.index)], "added", "new"),
        _added_or_removed(old_rows.loc[old_rows.index.difference(new_rows.index)], "removed", "old"),
    ]
    sides = {"old": old_rows.loc[common].stack(), "new": new_rows.loc[common].stack()}
    changed = pd.concat(sides, axis=1).rename_axis([*_ROW_KEY, "field"]).query("old != new").reset_index()
    changed = changed.assign(field=changed["field"].replace("was", "student_number"), change="changed")
    parts.append(changed.join(new_rows["name"], on=_ROW_KEY)[DIFFERENCES])
    rows = pd.concat([part for part in parts if len(part)], ignore_index=True) if any(map(len, parts)) else parts[0]
    order = rows["field"].map({name: at for at, name in enumerate(["", *fields.names()])})
    rows = rows.assign(order=order).sort_values(["school", "student_number", "order"], kind="stable")
    return rows[DIFFERENCES].astype("str").reset_index(drop=True)


def renumbered(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return `old` with the student numbers of `new`, matched by unique ID numbers. `was` holds the old numbers."""
    removed, added = _rows_missing_in(old, new), _rows_missing_in(new, old)
    pairs = removed.merge(added, on=["school", "id_number"], suffixes=("", "_now"))
    numbers = dict(zip(pairs["at"], pairs["student_number_now"], strict=True))
    numbers_now = [numbers.get(at, number) for at, number in zip(old.index, old["student_number"], strict=True)]
    return old.assign(was=old["student_number"], student_number=pd.Series(numbers_now, index=old.index, dtype="str"))


def _rows_missing_in(rows: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return key, ID number and index (`at`) of the rows that `others` lack, if their ID number is unique."""
    key = ["school", "student_number"]
    missing = ~pd.MultiIndex.from_frame(rows[key]).isin(pd.MultiIndex.from_frame(other[key]))
    candidates = rows[missing & (rows["id_number"] != "")][[*key, "id_number"]]
    candidates = candidates.assign(at=candidates.index, id_number=candidates["id_number"].str.upper())
    return candidates.drop_duplicates(["school", "id_number"], keep=False)


def _with_row_key(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(turn=rows.groupby(["school", "student_number"]).cumcount()).set_index(_ROW_KEY)


def _added_or_removed(rows: pd.DataFrame, change: str, side: str) -> pd.DataFrame:
    place = (rows["college"] + " " + rows["class_name"]).str.strip().to_numpy()
    columns = {"change": change, "field": "", "old": "", "new": ""} | {side: place}
    return rows.reset_index()[["school", "student_number", "name"]].assign(**columns)[DIFFERENCES]


def masked_differences(differences: pd.DataFrame) -> pd.DataFrame:
    """Mask ID numbers and exam numbers for the screen, except their first and last characters."""
    secret = differences["field"].isin(["id_number", "exam_number"])
    hidden = {
        side: differences[side].where(~secret, differences[side].str.replace(r"(?<=.{3}).(?=.{4})", "*", regex=True))
        for side in ("old", "new")
    }
    return differences.assign(**hidden)
