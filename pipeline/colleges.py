"""Lookup of colleges and schools. College names repeat across schools, so a school code may precede them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from pipeline.cohort import Cohort
from pipeline.cohort_sections import School
from pipeline.errors import UsageError
from pipeline.knowledge.text_columns import among
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

    Raises:
        UsageError: no college matches, or several do; the candidates are listed.
    """
    code, _, rest = text.partition("/")
    school = cohort.school_of_code(code.strip()) if rest else None
    wanted = comparable(rest if school else text)
    codes = {school.name: school.code for school in cohort.schools}
    rows = [
        (College(codes.get(of, ""), of, name), {comparable(each) for each in (name, *names_in_cell(aliases)) if each})
        for of, name, aliases in colleges[["school", "college", "aliases"]].itertuples(index=False, name=None)
    ]
    matching = [one for one, names in rows if wanted in names and (school is None or one.school == school.name)]
    found = list(dict.fromkeys(matching))  # one college has a row per secretary
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"有 {len(found)} 个院系叫 {text}", remedy=f"请写明学校：{'、'.join(map(str, found))}")
    raise UsageError(f"没有院系 {text}", remedy=_choice(list(dict.fromkeys(str(one) for one, _ in rows))))


def find_school(text: str, cohort: Cohort) -> School:
    """Return the school with this code or name. Raises UsageError with similar names, or else all."""
    wanted = comparable(text)
    for school in cohort.schools:
        if text.strip() == school.code or wanted == comparable(school.name):
            return school
    near = [school for school in cohort.schools if wanted and wanted in comparable(school.name)] or cohort.schools
    raise UsageError(f"没有学校 {text}", remedy=_choice([f"{school.code} {school.name}" for school in near]))


def _choice(known: Sequence[str]) -> str:
    if not known:
        return "院系表里还没有院系，请先填写"
    return f"可选：{'、'.join(known[:_LISTED])}{' 等' if len(known) > _LISTED else ''}"


_OF_COLLEGES = {
    "findings", "roster", "headcount", "colleges", "course", "outside", "registry", "registry_findings",
}  # fmt: skip


def only_colleges(tables: dict[str, Frame], chosen: Sequence[College]) -> dict[str, Frame]:
    """Return the tables with the rows of the chosen colleges only. No choice means all."""
    if not chosen:
        return tables
    wanted = [f"{college.school}\x1f{college.name}" for college in chosen]
    kept = dict(tables)
    for name in _OF_COLLEGES & tables.keys():
        kept[name] = tables[name][_named(tables[name], wanted)].reset_index(drop=True)
    if "submissions" not in tables:
        return kept
    claimed = tables["submissions"]["submission_id"][_named(tables["submissions"], wanted)]
    ids = {*kept["roster"]["submission_id"], *kept["findings"]["submission_id"], *claimed} - {""}
    for name in ("submissions", "certifications", "changes"):
        kept[name] = tables[name][among(tables[name]["submission_id"], ids)].reset_index(drop=True)
    return kept


def _named(frame: Frame, wanted: list[str]) -> pd.Series:
    return (frame["school"] + "\x1f" + frame["college"]).isin(wanted)
