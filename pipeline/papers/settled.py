"""What a new registry export settles of the errata that wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from pipeline import fields
from pipeline.check.logic import compared_form
from pipeline.cohort import Cohort
from pipeline.collect.school_tables import read_people
from pipeline.knowledge.regions import load_regions
from pipeline.normalise.normalise_rows import normalise_registry
from pipeline.normalise.vocabulary import vocabulary
from pipeline.papers.errata import KIND, Erratum, errata_of
from pipeline.review.ledger import open_ledger
from pipeline.tables import Frame
from pipeline.view.run_tables import load_run

SETTLED, OTHERWISE, SAME, GONE, UNKNOWN = "已更正", "已改动，与学生提交的不同", "没有改", "没有这个学号", "没有比较"
_OUTCOMES = (SETTLED, OTHERWISE, SAME, GONE, UNKNOWN)


def waiting(cohort: Cohort, run: Path, schools: set[str]) -> list[Erratum]:
    """Return the errata of a run, of the schools with these names (none: of all)."""
    opened = load_run(run)
    with open_ledger(cohort) as ledger:
        entries = ledger.entries(KIND)
    wanted = [school for school in cohort.schools if not schools or school.name in schools]
    return [row for school in wanted for row in errata_of(opened, school, entries)]


def outcomes(cohort: Cohort, run: Path, export: Frame) -> list[tuple[Erratum, str]]:
    """Return for each waiting erratum what became of it in the new export (rows of `read_export`)."""
    rows = normalise_registry(export, vocabulary(cohort, read_people(cohort)[0]), load_regions())
    named = {str(name) for name in rows["school"].unique()} & {school.name for school in cohort.schools}
    held = rows.drop_duplicates("student_number").set_index("student_number", drop=False)
    return [(row, _outcome(row, held)) for row in waiting(cohort, run, named)]


def _outcome(row: Erratum, held: Frame) -> str:
    if row.field not in held.columns:
        return UNKNOWN
    if row.student_number not in held.index:
        return GONE
    now = str(held.loc[row.student_number, row.field])
    if _same(now, row.held, row.field):
        return SAME
    return SETTLED if not row.given or _same(now, row.given, row.field) else OTHERWISE


def _same(one: str, other: str, name: str) -> bool:
    left, right = compared_form(pd.Series([one, other], dtype="str"), name)
    return bool(left == right)


def settled_lines(found: list[tuple[Erratum, str]]) -> Iterator[str]:
    """Yield lines for people: how many of each outcome, then each row; no values."""
    counts = Counter(outcome for _, outcome in found)
    each = [f"{outcome} {counts[outcome]} 处" for outcome in _OUTCOMES if counts[outcome]]
    yield f"勘误 {len(found)} 处：{'，'.join(each)}" if found else "没有等待更正的勘误"
    for row, outcome in found:
        yield f"  {row.code}/{row.student_number} {fields.label(row.field)}：{outcome}"
