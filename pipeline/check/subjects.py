"""What rules are judged on: submissions that count, superseded ones, the registry's students, its own rows.

Each but the last has `told_school, told_college, told_class_name, told_student_number`: what a finding says of the
student, of the matched registry row where there is one.
"""

from __future__ import annotations

import pandas as pd

from pipeline.check.declared import Subject
from pipeline.check.table import check_table
from pipeline.match.matched import Matched
from pipeline.match.persons import WITHDRAWN
from pipeline.tables import Frame

_TOLD = ("school", "college", "class_name", "student_number")


def subject_tables(matched: Matched, standing: pd.Series) -> dict[Subject, Frame]:
    """Return the table of each subject.

    Args:
        matched: submissions, evidence and registry.
        standing: by registry position, the index of the submission that stands there.
    """
    return {
        "submissions": submissions_table(matched, matched.counting, matched.evidence, matched.marks, matched.photos),
        "superseded": _superseded(matched.submissions),
        "students": _told(matched.students_with(standing)),
        "registry": matched.registry,
    }


def submissions_table(
    matched: Matched, submissions: Frame, evidence: Frame, marks: Frame, photos: Frame | None
) -> Frame:
    """Return the check table of `submissions` with what a finding tells of each."""
    table = check_table(
        submissions, evidence, marks, matched.registry, matched.classes, frozenset(matched.unread), photos
    )
    told = {f"told_{name}": _taken(matched.registry[name], table["standing_row"], table[name]) for name in _TOLD}
    return table.assign(**told)


def _taken(registry: pd.Series, rows: pd.Series, otherwise: pd.Series) -> pd.Series:
    """Return the registry's values at `rows`, `otherwise` where there is no row."""
    if not len(registry):
        return otherwise
    taken = registry.take(rows.clip(lower=0).to_numpy()).set_axis(rows.index)
    return taken.where(rows >= 0, otherwise)


def _superseded(submissions: Frame) -> Frame:
    rows = submissions[~submissions["superseded_by"].isin(["", WITHDRAWN])]
    return _told(rows).reset_index(drop=True)


def _told(rows: Frame) -> Frame:
    return rows.assign(**{f"told_{name}": rows[name] for name in _TOLD})
