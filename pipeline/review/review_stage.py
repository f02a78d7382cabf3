"""The review stage: applies the ledger's decisions and exceptions to today's data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from pipeline.cohort import Cohort
from pipeline.match.persons import WITHDRAWN
from pipeline.review.decision_rows import by_source
from pipeline.review.decisions import decision_states, registry_digest, standing_decisions
from pipeline.review.exceptions import apply_exceptions, lapsed_submissions, standing_exceptions
from pipeline.review.ledger import open_ledger
from pipeline.review.review_snapshot import RunTables, seen_in_latest
from pipeline.review.worksheet import import_decisions, summary_lines
from pipeline.tables import Frame


@dataclass(frozen=True)
class Reviewed:
    """The result of `review`. `decisions` has the columns of `decision_states` and the index of `students`."""

    students: Frame
    decisions: Frame
    findings: Frame
    entries: Frame


@dataclass(frozen=True)
class Imported:
    """Chinese lines about the rows of `[review] decisions`, and whether ledger entries were written."""

    lines: list[str]
    changed: bool


@dataclass(frozen=True)
class DeskRows:
    """Students to decide on, their submissions, and the findings of these."""

    students: Frame
    submissions: Frame
    findings: Frame


def desk_rows(students: Frame, submissions: Frame, findings: Frame, numbers: set[str], made_on: set[str]) -> DeskRows:
    """Return registry rows with these numbers, their submissions and findings, and the submissions `made_on`."""
    named = students[students["student_number"].isin(list(numbers))]
    theirs = submissions["submission_id"].isin([*named["submission_id"], *made_on])
    found = findings["submission_id"].isin(list(named["submission_id"])) & (findings["submission_id"] != "")
    return DeskRows(
        named.assign(registry_digest=registry_digest(named)).reset_index(drop=True),
        submissions[theirs].reset_index(drop=True),
        findings[found].reset_index(drop=True),
    )


def student_numbers(rows: Frame) -> set[str]:
    """Return the student numbers in rows of decisions, without school codes."""
    return {str(number).rpartition("/")[2].strip() for number in rows["学号"]}


def import_from_file(cohort: Cohort, run_id: str, rows: Frame, desk: list[DeskRows], as_of: date) -> Imported:
    """Import `rows` of files or the worksheet as decisions on the run `run_id`, with exceptions as of `as_of`."""
    schools = {school.code: school.name for school in cohort.schools}
    students, submissions, findings = (
        pd.concat([getattr(each, name) for each in desk], ignore_index=True)
        for name in ("students", "submissions", "findings")
    )
    with open_ledger(cohort) as ledger:
        before = ledger.head()
        tables = RunTables(run_id, students, submissions, findings, schools)
        seen = seen_in_latest(cohort, student_numbers(rows))
        lines: list[str] = []
        for source, own in by_source(rows, cohort.review.decisions or ""):
            lines += summary_lines(import_decisions(tables, ledger, own, source, as_of, seen), source)
        return Imported(lines, changed=ledger.head() != before)


def review(students: Frame, submissions: Frame, findings: Frame, entries: Frame, as_of: date) -> Reviewed:
    """Apply the ledger's entries as of `as_of`. `students`: registry rows with the counting `submission_id` or ""."""
    students = students.assign(registry_digest=registry_digest(students))
    present = submissions["submission_id"][submissions["superseded_by"] != WITHDRAWN]
    granted = standing_exceptions(entries)
    judged = apply_exceptions(findings, granted, as_of)
    lapsed = lapsed_submissions(judged, granted, as_of)
    decisions = decision_states(students, present, standing_decisions(entries), lapsed=lapsed)
    return Reviewed(students, decisions, judged, entries)
