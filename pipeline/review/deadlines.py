"""Deadlines and chase lists: who is waited for, by class and counselor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from pipeline.cohort import Window

# status → list; `returned` students must mend like those with findings of their own
CHASE = {
    "missing": "未登记",
    "correct": "待学生更正",
    "returned": "待学生更正",
    "counselor": "待辅导员核实",
    "registrar": "待教务更正",
    "not_checked": "未核验",
    "stale": "待审核",
    "awaiting": "待审核",
}


@dataclass(frozen=True)
class Deadline:
    """Where a day stands: `phase` in before, open, review, late; days left until students' and colleges' last day."""

    phase: str
    days_to_close: int
    days_to_due: int


def deadline(window: Window, as_of: date) -> Deadline:
    """Return the phase and the days left (both days inclusive; negative: days past)."""
    phases = (
        (window.opens > as_of, "before"),
        (as_of <= window.closes, "open"),
        (as_of <= window.college_due, "review"),
    )
    phase = next((name for holds, name in phases if holds), "late")
    return Deadline(phase, (window.closes - as_of).days, (window.college_due - as_of).days)


def late_days(finished: str, due: date, as_of: date) -> int:
    """Return by how many days a hand-in was late: `finished` is an ISO timestamp, or "" where still open today."""
    day = date.fromisoformat(finished[:10]) if finished else as_of
    return max((day - due).days, 0)


def chase_lists(roster: pd.DataFrame) -> pd.DataFrame:
    """Return the students somebody waits for: `list` (Chinese), then the roster's columns, by counselor and class.

    Order: school, college, counselor, class, list in the order of the work, student number.
    """
    waiting = roster[roster["status"].isin(list(CHASE))]
    order = {name: at for at, name in enumerate(dict.fromkeys(CHASE.values()))}
    named = waiting.assign(list=waiting["status"].map(CHASE).astype("str"))
    named = named.assign(_order=named["list"].map(order).astype("int64"))
    by = ["school", "college", "counselor", "class_name", "_order", "student_number"]
    return named.sort_values(by, kind="stable")[["list", *roster.columns]].reset_index(drop=True)
