"""The review stage: what the ledger's decisions and exceptions mean for today's data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from pipeline.cohort import Cohort
from pipeline.match.matched import Matched
from pipeline.review.decisions import decision_states, registry_digest, standing_decisions
from pipeline.review.desk import RunTables
from pipeline.review.exceptions import apply_exceptions, standing_exceptions
from pipeline.review.ledger import open_ledger
from pipeline.review.worksheet import import_decisions, missing_file, read_decision_rows, summary_lines
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


def import_from_file(
    cohort: Cohort, run_id: str, matched: Matched, reviewed: Reviewed, as_of: date, *, trial: bool = False
) -> Imported:
    """Take the decisions that stand in the cohort's file or worksheet into the ledger.

    A `trial` of single rules takes none: its findings are too few to refuse an approval by.

    Raises:
        InputError: the file or worksheet cannot be read.
    """
    rows = None if trial else read_decision_rows(cohort)
    if rows is None or rows.empty:
        return Imported([] if trial else missing_file(cohort), changed=False)
    students = reviewed.students
    people = students.assign(**{str(name): reviewed.decisions[name] for name in reviewed.decisions.columns})
    schools = {school.code: school.name for school in cohort.schools}
    tables = RunTables(run_id, people, matched.submissions, reviewed.findings, schools)
    with open_ledger(cohort) as ledger:
        before = ledger.head()
        report = import_decisions(tables, ledger, rows, cohort.review.decisions or "", as_of)
        return Imported(summary_lines(report), changed=ledger.head() != before)


def review(matched: Matched, findings: Frame, standing: pd.Series, entries: Frame, as_of: date) -> Reviewed:
    """Apply the ledger's entries to today's findings and students.

    Args:
        matched: submissions and registry.
        findings: the check's findings.
        standing: by registry position, the index of the submission that stands there.
        entries: of the ledger.
        as_of: the day for which exceptions are judged.
    """
    registry = matched.registry
    submission = pd.Series("", index=registry.index, dtype="str")
    submission.iloc[standing.index.to_numpy()] = matched.counting["submission_id"].loc[standing.to_numpy()].to_numpy()
    students = registry.assign(submission_id=submission, registry_digest=registry_digest(registry))
    present = matched.submissions[matched.submissions["superseded_by"] != "withdrawn"]
    decisions = decision_states(students, present["submission_id"], standing_decisions(entries), submissions=present)
    return Reviewed(students, decisions, apply_exceptions(findings, standing_exceptions(entries), as_of), entries)
