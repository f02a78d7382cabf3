"""The roster: one row per registry student, with the state of their verification."""

from __future__ import annotations

import pandas as pd

from pipeline.review.status import statuses
from pipeline.tables import Frame, conform

_FROM_REGISTRY = (
    "school", "college", "class_name", "major", "education_level", "student_number", "name", "gender",
)  # fmt: skip


def make_roster(registry: Frame, submissions: pd.Series, findings: Frame, decisions: Frame, counselors: Frame) -> Frame:
    """Return `roster`.

    Args:
        registry: normalised registry rows of the cohort.
        submissions: by registry index, the id of the submission that stands on the row, or blank.
        findings: all findings, exceptions applied.
        decisions: by registry index: `decision_state` (approved, stale, returned or blank),
            `decided_by`, `decided_at`.
        counselors: `school, college, class_name, name`.
    """
    status = statuses(submissions, decisions["decision_state"], findings)
    open_count = _open_findings(registry, submissions, findings)
    return conform(
        pd.DataFrame(
            {
                **{name: registry[name] for name in _FROM_REGISTRY},
                "submission_id": submissions,
                "status": status,
                "open_findings": open_count,
                "counselor": _counselor_names(registry, counselors),
                "decided_by": decisions["decided_by"],
                "decided_at": decisions["decided_at"],
            }
        ),
        "roster",
    )


def _open_findings(registry: Frame, submissions: pd.Series, findings: Frame) -> pd.Series:
    """Return how many open findings ask somebody to act: critical ones and warnings that no exception covers."""
    asking = findings[~findings["excepted"] & (findings["severity"] != "info")]
    of_submission = asking["submission_id"][asking["submission_id"] != ""].value_counts()
    counted = submissions.map(of_submission).fillna(0).astype("int64")
    return counted.where(submissions != "", 1)  # a missing student has the one finding cohort.missing


def _counselor_names(registry: Frame, counselors: Frame) -> pd.Series:
    keys = ["school", "college", "class_name"]
    if registry.empty:  # no student and no counselor: pandas cannot join two such tables of texts
        return pd.Series("", index=registry.index, dtype="str")
    names = counselors.drop_duplicates(keys).set_index(keys)["name"]
    return registry[keys].join(names, on=keys)["name"].fillna("").astype("str")
