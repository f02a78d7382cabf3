"""The course: on which day each class's students first submitted, and on which the approved were approved."""

from __future__ import annotations

import pandas as pd

from pipeline.tables import Frame, conform

_KEYS = ["school", "college", "class_name", "day"]
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"


def make_course(roster: Frame, submissions: Frame) -> Frame:
    """Return `course`: students by class and day. `day` is blank where it is not known.

    Args:
        roster: the roster.
        submissions: `submission_id, superseded_by, submitted_at` of the table.
    """
    first = roster["submission_id"].map(_first_submitted(submissions))
    kept = {
        "submitted": (roster["status"] != "missing", first),
        "approved": (roster["status"] == "approved", roster["decided_at"]),
    }
    marks = [
        roster.loc[counts, _KEYS[:3]].assign(day=_day(moments[counts]), **{each: int(each == name) for each in kept})
        for name, (counts, moments) in kept.items()
    ]
    return conform(pd.concat(marks, ignore_index=True).groupby(_KEYS, as_index=False).sum(), "course")


def _day(moments: pd.Series) -> pd.Series:
    days = moments.astype("str").fillna("").str.slice(0, 10)
    return days.where(days.str.fullmatch(_DAY), "")


def _first_submitted(submissions: Frame) -> pd.Series:
    """Return the earliest `submitted_at` of each person's submissions, by the id of the one that counts."""
    counts = submissions["superseded_by"].where(submissions["superseded_by"] != "", submissions["submission_id"])
    dated = submissions["submitted_at"].where(_day(submissions["submitted_at"]) != "", "9999")
    return dated.groupby(counts).min().replace("9999", "").astype("str")
