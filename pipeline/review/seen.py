"""What a person saw before deciding. A decision applies to that state only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pipeline.cohort import Cohort
from pipeline.errors import InputError, UsageError
from pipeline.review.chain import digest
from pipeline.review.decisions import KEY
from pipeline.review.review_snapshot import Student, people_of, records, student_name
from pipeline.run_folder import latest_run
from pipeline.tables import read_table

Seen = Mapping[str, str]
"""SCHOOL/NUMBER to the `basis` of that student at the moment of looking."""


def basis(row: Student) -> str:
    """Return the digest of what a decision on this student is made on: the counting submission, the registry row."""
    return digest(str(row["submission_id"]), str(row["registry_digest"]))


def seen_in(people: pd.DataFrame) -> dict[str, str]:
    """Return rows of a desk's people, or of a run's, as what was seen of them."""
    return {student_name(row): basis(row) for row in records(people[[*KEY, "submission_id", "registry_digest"]])}


def unseen(row: Student, seen: Seen | None) -> str:
    """Return why a decision on this student would be made unseen, or the empty string.

    Args:
        row: the student on the desk of this moment.
        seen: what was looked at; None where nobody says.
    """
    if seen is None or seen.get(student_name(row)) == basis(row):
        return ""
    if student_name(row) in seen:
        return "您看过之后，提交或学籍又有改动，请重新查看"
    return "还没有看过，请先查看"


def seen_in_run(cohort: Cohort, run_id: str) -> dict[str, str]:
    """Return every student as an earlier run shows him; `review list` names its run in the last line.

    Raises:
        UsageError: there is no such run (any more).
    """
    runs = cohort.reports_folder / "runs"
    if run_id not in {path.name for path in runs.glob("[!.]*")}:
        raise UsageError(f"没有运行 {run_id}", where="--seen", remedy="运行编号见 mingce review list 的最后一行")
    return seen_in(_people_in(cohort, runs / run_id))


def seen_in_latest(cohort: Cohort, numbers: set[str] | None = None) -> dict[str, str] | None:
    """Return the students (of these numbers) as the run in `latest.txt` shows them; None where none was made yet.

    That is what the office has seen where it says nothing else.
    """
    latest = latest_run(cohort.reports_folder)
    if latest is None:
        return None
    try:
        people = _people_in(cohort, latest[0])
    except InputError:  # somebody has spoilt it: `run` makes a new one
        return None
    return seen_in(people if numbers is None else people[people["student_number"].isin(list(numbers))])


def _people_in(cohort: Cohort, run: Path) -> pd.DataFrame:
    schools = {school.code: school.name for school in cohort.schools}
    return people_of(read_table(run, "roster"), read_table(run, "registry"), schools)
