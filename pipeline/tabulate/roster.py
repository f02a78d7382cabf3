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
    status = statuses(registry.assign(submission_id=submissions), decisions["decision_state"], findings)
    asking = findings[~findings["excepted"] & (findings["severity"] != "info") & (findings["submission_id"] != "")]
    open_count = submissions.map(asking["submission_id"].value_counts()).fillna(0).astype("int64")
    names = counselors.drop_duplicates(_CLASS).set_index(_CLASS)["name"]
    counselor = pd.Series("", index=registry.index, dtype="str")
    if not registry.empty:  # no student and no counselor: pandas cannot join two such tables of texts
        counselor = registry[_CLASS].join(names, on=_CLASS)["name"].fillna("").astype("str")
    return conform(
        pd.DataFrame(
            {
                **{name: registry[name] for name in _FROM_REGISTRY},
                "submission_id": submissions,
                "status": status,
                # without a submission there is the one finding cohort.missing, or the registrar's
                "open_findings": open_count.where(submissions != "", 1),
                "counselor": counselor,
                "decided_by": decisions["decided_by"],
                "decided_at": decisions["decided_at"],
            }
        ),
        "roster",
    )


def make_course(roster: Frame, submissions: Frame) -> Frame:
    """Return `course`: first submissions and approvals per class and day. `day` is blank when it is unknown."""
    # the earliest time of a person's submissions, by the id of the one that counts
    counting = submissions["superseded_by"].where(submissions["superseded_by"] != "", submissions["submission_id"])
    dated = submissions["submitted_at"].where(_day(submissions["submitted_at"]) != "", "9999")
    first = roster["submission_id"].map(dated.groupby(counting).min().replace("9999", "").astype("str"))
    kept = {
        "submitted": (roster["submission_id"] != "", first),
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
