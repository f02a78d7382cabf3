"""The tables `roster` (one row per registry student) and `course` (numbers by class and day)."""

from __future__ import annotations

import pandas as pd

from pipeline.review.decisions import statuses
from pipeline.tables import Frame, conform

_CLASS = ["school", "college", "class_name"]
_FROM_REGISTRY = (
    "school", "college", "class_name", "major", "education_level", "student_number", "name", "gender",
)  # fmt: skip


def make_roster(registry: Frame, submissions: pd.Series, findings: Frame, decisions: Frame, counselors: Frame) -> Frame:
    """Return `roster`. `submissions` (the matched id or blank) and `decisions` are by registry index.

    `registry` are normalised rows of the cohort, `findings` have exceptions applied. `decisions` has `decision_state`
    (approved, stale, returned, blank), `decided_by`, `decided_at`. `counselors` has `school, college, class_name,
    name`.
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
    """Count open findings per student: critical ones and warnings without an exception."""
    asking = findings[~findings["excepted"] & (findings["severity"] != "info")]
    of_submission = asking["submission_id"][asking["submission_id"] != ""].value_counts()
    counted = submissions.map(of_submission).fillna(0).astype("int64")
    return counted.where(submissions != "", 1)  # a missing student has the one finding cohort.missing


def _counselor_names(registry: Frame, counselors: Frame) -> pd.Series:
    if registry.empty:  # no student and no counselor: pandas cannot join two such tables of texts
        return pd.Series("", index=registry.index, dtype="str")
    names = counselors.drop_duplicates(_CLASS).set_index(_CLASS)["name"]
    return registry[_CLASS].join(names, on=_CLASS)["name"].fillna("").astype("str")


def make_course(roster: Frame, submissions: Frame) -> Frame:
    """Return `course`: first submissions and approvals per class and day. `day` is blank when it is unknown."""
    first = roster["submission_id"].map(_first_submitted(submissions))
    kept = {
        "submitted": (roster["status"] != "missing", first),
        "approved": (roster["status"] == "approved", roster["decided_at"]),
    }
    marks = [
        roster.loc[counts, _CLASS].assign(day=_day(moments[counts]), **{each: int(each == name) for each in kept})
        for name, (counts, moments) in kept.items()
    ]
    return conform(pd.concat(marks, ignore_index=True).groupby([*_CLASS, "day"], as_index=False).sum(), "course")


def _day(moments: pd.Series) -> pd.Series:
    days = moments.astype("str").fillna("").str.slice(0, 10)
    return days.where(days.str.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"), "")


def _first_submitted(submissions: Frame) -> pd.Series:
    """Return the earliest `submitted_at` of a person's submissions, by the id of the one that counts."""
    counts = submissions["superseded_by"].where(submissions["superseded_by"] != "", submissions["submission_id"])
    dated = submissions["submitted_at"].where(_day(submissions["submitted_at"]) != "", "9999")
    return dated.groupby(counts).min().replace("9999", "").astype("str")
