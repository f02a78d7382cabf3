"""The course of a class to its deadline: how many had submitted and how many were approved by each day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from pipeline.cohort_sections import Window
from pipeline.tables import Frame


@dataclass(frozen=True)
class Course:
    """Students by the end of each day from the opening to `as_of`, and the dates that bind."""

    submitted: list[tuple[date, int]]
    approved: list[tuple[date, int]]
    total: int
    as_of: date
    opens: date
    closes: date
    college_due: date

    def approved_by(self, day: date) -> int:
        """Return how many were approved by the end of `day`."""
        return max((number for at, number in self.approved if at <= day), default=0)


def course_of(rows: Frame, total: int, as_of: date, window: Window) -> Course:
    """Return the course of some students.

    Args:
        rows: their rows of the table `course`. What has no day, or one before the opening, counts from the opening;
            what has a later day than `as_of` counts on `as_of`: the last numbers are those of the tables.
        total: how many students there are.
        as_of: the last day.
        window: of the cohort.
    """
    opens = min(window.opens, as_of)
    days = [opens + timedelta(days=n) for n in range((as_of - opens).days + 1)]
    first, last = opens.isoformat(), as_of.isoformat()
    at = rows["day"].mask(rows["day"] < first, first).mask(rows["day"] > last, last)
    by_day = rows[["submitted", "approved"]].groupby(at).sum().cumsum()
    by_day = by_day.reindex([day.isoformat() for day in days]).ffill().fillna(0).astype("int64")
    submitted, approved = (list(zip(days, by_day[name].tolist(), strict=True)) for name in ("submitted", "approved"))
    return Course(submitted, approved, total, as_of, opens, window.closes, window.college_due)
