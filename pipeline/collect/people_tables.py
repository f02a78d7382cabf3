"""The tables of the people responsible: colleges and counselors."""

from __future__ import annotations

import pandas as pd

from pipeline.cohort import Cohort
from pipeline.collect.collected import text_frame
from pipeline.collect.compact import whole_rows
from pipeline.collect.formats import read_table_file
from pipeline.collect.headings import clean_heading
from pipeline.collect.inputs import read_content
from pipeline.errors import ConfigurationError, InputError

COLLEGES = {"school": "学校名称", "college": "院系", "aliases": "别名", "secretary": "副书记", "email": "邮箱"}
COUNSELORS = {"school": "学校名称", "college": "院系", "class_name": "班级", "name": "姓名", "email": "邮箱"}
_OPTIONAL = {"aliases", "secretary", "email"}


def read_people(cohort: Cohort) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return colleges and counselors, with the columns of `COLLEGES` and `COUNSELORS`.

    Raises:
        InputError: a table cannot be read.
        ConfigurationError: a table lacks a column, or names a school that the cohort does not have.
    """
    mistakes: list[str] = []
    colleges = _read(cohort, cohort.people.colleges, COLLEGES, mistakes)
    counselors = _read(cohort, cohort.people.counselors, COUNSELORS, mistakes)
    for path, table in ((cohort.people.colleges, colleges), (cohort.people.counselors, counselors)):
        mistakes += _unknown_schools(cohort, path, table)
    if mistakes:
        raise ConfigurationError(mistakes, where="[people]")
    return colleges, counselors


def _unknown_schools(cohort: Cohort, path: str, table: pd.DataFrame) -> list[str]:
    """Return a line where a table names schools that the cohort does not have: nobody would get their mail."""
    known = [school.name for school in cohort.schools]
    strange = [name for name in dict.fromkeys(table["school"]) if name and name not in known]
    if not strange:
        return []
    return [
        f"{path}：学校名称 {'、'.join(strange[:5])} 不在 cohort.toml 里（有 {'、'.join(known[:5])}），请改成一样的写法"
    ]


def _read(cohort: Cohort, path: str, columns: dict[str, str], mistakes: list[str]) -> pd.DataFrame:
    reading = read_table_file(read_content(cohort.path(path), cohort.folder))
    grid = next((grid for grid in reading.grids if any(any(row) for row in grid.values)), None)
    if grid is None:
        raise InputError("是空表", where=path, remedy=f"请写上列名（{'、'.join(columns.values())}）和内容")
    values = whole_rows(grid)
    start = next((n for n, row in enumerate(values) if clean_heading(columns["college"]) in map(clean_heading, row)), 0)
    labels = [clean_heading(label) for label in values[start]]
    missing = [label for name, label in columns.items() if clean_heading(label) not in labels and name not in _OPTIONAL]
    if missing:
        mistakes.append(f"{path}：缺少 {'、'.join(missing)} 列，请补上（应有 {'、'.join(columns.values())}）")
        return text_frame(columns)
    places = {
        name: labels.index(clean_heading(label)) for name, label in columns.items() if clean_heading(label) in labels
    }
    rows = [
        tuple(row[places[name]].strip() if name in places and places[name] < len(row) else "" for name in columns)
        for row in values[start + 1 :]
        if any(cell.strip() for cell in row)
    ]
    return text_frame(columns, rows)
