"""Lookup of colleges and schools. College names repeat across schools, so a school code may precede them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from pipeline.cohort import Cohort
from pipeline.cohort_sections import School
from pipeline.errors import UsageError
from pipeline.knowledge.text_columns import is_in
from pipeline.normalise.text_repairs import comparable, names_in_cell
from pipeline.tables import Frame

_LISTED = 40  # candidates named in one message


@dataclass(frozen=True)
class College:
    """One college, with the code and name of its school."""

    code: str
    school: str
    name: str

    def __str__(self) -> str:
        """Return the unambiguous form: 10534/土木工程学院."""
        return f"{self.code}/{self.name}"

    def rows_of(self, table: Frame) -> Frame:
        """Return the college's rows of a table with the columns `school` and `college`."""
        return table[(table["school"] == self.school) & (table["college"] == self.name)]


def find_college(text: str, cohort: Cohort, colleges: Frame) -> College:
    """Return the college named by `text`: `土木工程学院`, a former name, or `10534/土木工程学院`.

    Raises UsageError, with the candidates, if no college matches or several do.
    """
    code, _, college = text.partition("/")
    school = cohort.school_of_code(code.strip()) if college else None
    wanted = comparable(college if school else text)
    codes = {school.name: school.code for school in cohort.schools}
    rows = [
        (College(codes.get(home, ""), home, name), set(map(comparable, filter(None, (name, *names_in_cell(aliases))))))
        for home, name, aliases in colleges[["school", "college", "aliases"]].itertuples(index=False, name=None)
    ]
    matching = [row for row, names in rows if wanted in names and (school is None or row.school == school.name)]
    distinct = list(dict.fromkeys(matching))  # one college has a row per secretary
    if len(distinct) == 1:
        return distinct[0]
    if distinct:
        raise UsageError(f"有 {len(distinct)} 个院系叫 {text}", remedy=f"请写明学校：{'、'.join(map(str, distinct))}")
    raise UsageError(f"没有院系 {text}", remedy=_list_choices(list(dict.fromkeys(str(college) for college, _ in rows))))


def find_school(text: str, cohort: Cohort) -> School:
    """Return the school with this code or name. Raises UsageError with similar names, or else all."""
    wanted = comparable(text)
    for school in cohort.schools:
        if text.strip() == school.code or wanted == comparable(school.name):
            return school
    similar = [school for school in cohort.schools if wanted and wanted in comparable(school.name)] or cohort.schools
    raise UsageError(f"没有学校 {text}", remedy=_list_choices([f"{school.code} {school.name}" for school in similar]))


def _list_choices(known: Sequence[str]) -> str:
    if not known:
        return "院系表里还没有院系，请先填写"
    return f"可选：{'、'.join(known[:_LISTED])}{' 等' if len(known) > _LISTED else ''}"


_COLLEGE_TABLES = {
    "findings", "roster", "headcount", "colleges", "course", "outside", "registry", "registry_findings",
}  # fmt: skip


def only_colleges(tables: dict[str, Frame], chosen: Sequence[College]) -> dict[str, Frame]:
    """Return the tables with the rows of the chosen colleges only. No choice means all."""
    if not chosen:
        return tables
    keys = [f"{college.school}\x1f{college.name}" for college in chosen]
    filtered = dict(tables)
    for name in _COLLEGE_TABLES & tables.keys():
        filtered[name] = tables[name][_is_in(tables[name], keys)].reset_index(drop=True)
    if "submissions" not in tables:
        return filtered
    claimed = tables["submissions"]["submission_id"][_is_in(tables["submissions"], keys)]
    ids = {*filtered["roster"]["submission_id"], *filtered["findings"]["submission_id"], *claimed} - {""}
    for name in ("submissions", "certifications", "changes"):
        filtered[name] = tables[name][is_in(tables[name]["submission_id"], ids)].reset_index(drop=True)
    return filtered


def _is_in(frame: Frame, keys: list[str]) -> pd.Series:
    return (frame["school"] + "\x1f" + frame["college"]).isin(keys)
