"""The days before a run: how many students of each college were approved on each of them.

Every earlier run says it in its summary. These are read once a run, into a table of the run, so that a page of the
sixtieth night costs what one of the first did.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.errors import InputError
from pipeline.run_folder import counts, read_summary
from pipeline.tables import Frame, read_table

TABLE = "history"
COLUMNS = ["school_code", "college", "run", "as_of", "approved"]
_MOST = 400  # runs looked back on: more than a season of daily runs


@dataclass(frozen=True)
class Day:
    """An earlier complete run: its id, its date, and the students approved by `school code/college`."""

    run: str
    as_of: date
    approved: dict[str, int]


def read_days(runs: Path, before: str, as_of: date) -> list[Day]:
    """Return the complete `run`s of all colleges before one, oldest first, one a day (the day's last).

    Args:
        runs: the folder of all runs.
        before: the id of the run that looks back; it may still have a hidden name.
        as_of: its date: later ones are no course that led to it.
    """
    names = sorted(path.name for path in runs.iterdir() if path.is_dir() and not path.name.startswith("."))
    earlier = [name for name in names if name < before][-_MOST:]
    days = {day.as_of: day for name in earlier if (day := _day(runs / name))}
    return [days[each] for each in sorted(days) if each <= as_of]


def to_table(days: Iterable[Day]) -> Frame:
    """Return the days as a table, `COLUMNS`, by school: a page reads its own school's rows."""
    rows = [
        (*key.partition("/")[::2], day.run, day.as_of.isoformat(), number)
        for day in days
        for key, number in day.approved.items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS).sort_values(COLUMNS[:2], kind="stable", ignore_index=True)


def from_table(rows: Frame) -> list[Day]:
    """Return the days that rows of the table tell of, oldest first."""
    keys = rows["school_code"] + "/" + rows["college"]
    told: dict[tuple[str, str], dict[str, int]] = {}
    for key, run, as_of, approved in zip(keys, rows["run"], rows["as_of"], rows["approved"], strict=True):
        told.setdefault((as_of, run), {})[key] = int(approved)
    return [Day(run, date.fromisoformat(as_of), told[as_of, run]) for as_of, run in sorted(told)]


def statuses_of(path: Path, summary: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Return students per status of each `school code/college`, as a run's summary counts them, or else its roster."""
    states = summary.get("colleges_state") or {}
    known = {key: state["statuses"] for key, state in states.items() if isinstance(state, dict) and "statuses" in state}
    if not known and (path / "tables" / "roster.parquet").is_file():
        codes = {school["name"]: school["code"] for school in summary["cohort"]["schools"]}
        known = count_statuses(read_table(path, "roster", ["school", "college", "status"]), codes)
    return known


def count_statuses(roster: Frame, codes: dict[str, str]) -> dict[str, dict[str, int]]:
    """Return students per status of each `school code/college`.

    Args:
        roster: the columns school, college, status of the table.
        codes: school name to code.
    """
    counts: dict[str, dict[str, int]] = {}
    for row in roster.groupby(["school", "college", "status"]).size().reset_index(name="n").to_dict("records"):
        school = str(row["school"])
        key = f"{codes.get(school, school)}/{row['college']}"
        counts.setdefault(key, {})[str(row["status"])] = int(row["n"])
    return counts


def _day(path: Path) -> Day | None:
    summary = read_summary(path)
    if not summary or not _counts(summary):
        return None
    try:
        approved = {key: int(statuses.get("approved", 0)) for key, statuses in statuses_of(path, summary).items()}
        return Day(path.name, date.fromisoformat(summary["as_of"]), approved)
    except (AttributeError, KeyError, TypeError, ValueError, InputError):  # a spoilt one is no day, and stops no run
        return None


def _counts(summary: dict[str, Any]) -> bool:
    """Return whether a run is a day of the course: whole, and of every college (of some it says nothing of others)."""
    return counts(summary) and not summary.get("partial") and summary.get("command", "run") == "run"
