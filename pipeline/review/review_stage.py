"""The review stage: what the ledger's decisions and exceptions mean for today's data."""

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
    """Today's students with their decisions.

    `students`: the registry rows with `registry_digest` and `submission_id` (of the submission that stands on each,
    or blank). `decisions`: by the same index, the columns of `decision_states`. `findings`: exceptions applied.
    `entries`: the ledger's.
    """

    students: Frame
    decisions: Frame
    findings: Frame
    entries: Frame


@dataclass(frozen=True)
class Imported:
    """What the decisions of `[review] decisions` became: lines for people, and whether the ledger has new entries."""

    lines: list[str]
    changed: bool


@dataclass(frozen=True)
class DeskRows:
    """What decisions on some students look at: they themselves, their submissions, the findings of these."""

    students: Frame
    submissions: Frame
    findings: Frame


def desk_rows(students: Frame, submissions: Frame, findings: Frame, numbers: set[str], made_on: set[str]) -> DeskRows:
    """Return what decisions on the students with these numbers, whichever school's, look at.

    `made_on`: ids of submissions that earlier decisions were made on; `students`: registry rows with `submission_id`.
    """
    named = students[students["student_number"].isin(list(numbers))]
    theirs = submissions["submission_id"].isin([*named["submission_id"], *made_on])
    found = findings["submission_id"].isin(list(named["submission_id"])) & (findings["submission_id"] != "")
    return DeskRows(
        named.assign(registry_digest=registry_digest(named)).reset_index(drop=True),
        submissions[theirs].reset_index(drop=True),
        findings[found].reset_index(drop=True),
    )


def student_numbers(rows: Frame) -> set[str]:
    """Return the student numbers that rows of decisions name, with or without the school's code before them."""
    return {str(number).rpartition("/")[2].strip() for number in rows["学号"]}


def import_from_file(cohort: Cohort, run_id: str, rows: Frame, desk: list[DeskRows], as_of: date) -> Imported:
    """Take the decisions that stand in the cohort's files or worksheet (`rows`) into the ledger.

    They are made on the run `run_id`; `desk` has the students that the rows name; exceptions hold as of `as_of`.
    """
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
    """Apply the ledger's entries to today's findings and students; exceptions hold as of `as_of`.

    `students` are registry rows with `submission_id`, of the submission that stands on each, or blank.
    """
    students = students.assign(registry_digest=registry_digest(students))
    present = submissions["submission_id"][submissions["superseded_by"] != WITHDRAWN]
    granted = standing_exceptions(entries)
    judged = apply_exceptions(findings, granted, as_of)
    lapsed = lapsed_submissions(judged, granted, as_of)
    decisions = decision_states(students, present, standing_decisions(entries), lapsed=lapsed)
    return Reviewed(students, decisions, judged, entries)
