"""`mingce purge --close`: of a finished cohort, all personal data go; who decided and signed what, and counts, stay.

What stays: `cohort.toml`, the ledger without its personal side, the signed headcounts, and of each run its counts.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.cohort import Cohort
from pipeline.collect.inputs import files_of, is_database, is_gsheet
from pipeline.errors import InputError, RefusedError, UsageError
from pipeline.lock import cohort_lock
from pipeline.operate.purge import leave_counts, was_killed
from pipeline.review.chain import Entry
from pipeline.review.ledger import Ledger, open_ledger
from pipeline.review.signatures import college_states
from pipeline.review.worksheet import decision_files
from pipeline.run_folder import read_summary, write_atomically
from pipeline.tables import read_table, write_table

_KEPT_IN_SUMMARY = (
    "run_id", "command", "as_of", "started_at", "finished_at", "cohort", "versions", "counts", "colleges",
    "colleges_state", "complete", "partial", "ledger", "timings",
)  # fmt: skip
_KEPT_IN_REPORTS = ("runs", "latest.txt", "log")
_OWN = ("signed", ".mingce", "cohort.toml")
"""What stays in the cohort folder beside the ledger."""


@dataclass(frozen=True)
class Closed:
    """What was removed (`files`, `runs`, `backups`, entries of the ledger), and what the office must remove itself."""

    files: int
    runs: int
    backups: int
    ledger: int
    left: tuple[str, ...]


def close(cohort: Cohort, now: datetime, by: str, why: str) -> Closed:
    """Remove all personal data of a finished cohort.

    Raises:
        RefusedError: colleges may still hand in.
        UsageError: some college was never accepted, and nobody says why the cohort is finished all the same.
        BusyError: a run or a sending is going on.
    """
    if now.date() <= cohort.window.college_due:
        raise RefusedError("这一届还没有结束", where=str(cohort.window.college_due), remedy="上报截止以后才能清除全部")
    with cohort_lock(cohort, now), cohort_lock(cohort, now, "send"), open_ledger(cohort, lambda: now) as ledger:
        _finished_or_told(cohort, ledger, why)
        copies, gone = _copies(ledger)
        sources, outside = _sources(cohort)
        backups = [path for path in copies if path.is_file()]
        data = {"closed": True, "backups": [path.name for path in backups], "left": len(gone) + len(outside)}
        ledger.append_all([Entry("purge", action="close", by=by, why=why, data=data)])
        removed = _remove([*sources, *_results(cohort)])
        runs = _strip_runs(cohort, now)
        for path in backups:
            path.unlink()
        emptied = ledger.purge(before="9999", by=by, why="")
    left = [*(f"备份 {path}" for path in gone), *outside, *_unknown(cohort)]
    return Closed(removed, runs, len(backups), emptied, tuple(left))


def _finished_or_told(cohort: Cohort, ledger: Ledger, why: str) -> None:
    states = college_states(ledger.entries("signature", "acceptance"))
    accepted = set(zip(states["school_code"], states["college"], strict=True)) if len(states) else set[Any]()
    open_ones = states[states["accepted_at"] == ""] if len(states) else states
    if (not accepted or len(open_ones)) and not why.strip():
        raise UsageError("还有院系没有接收，要写明为什么可以清除", where="--why")


def _copies(ledger: Ledger) -> tuple[list[Path], list[Path]]:
    """Return the copies of the ledger that it lists: those that are where they were made, and those that are not."""
    listed = [Path(str(json.loads(text).get("path", ""))) for text in ledger.entries("backup", "restore")["data"]]
    found = list(dict.fromkeys(path for path in listed if path.name))
    return [path for path in found if path.is_file()], [path for path in found if not path.is_file()]


def _sources(cohort: Cohort) -> tuple[list[Path], list[str]]:
    """Return what the cohort file names inside its folder, and in words what stands elsewhere."""
    named = [*(source.path for source in cohort.submissions.sources), *(school.registry for school in cohort.schools)]
    files: list[Path] = decision_files(cohort)
    elsewhere = [one for one in named if is_gsheet(one) or is_database(one)]
    for one in named:
        if one not in elsewhere:
            with suppress(InputError):  # gone already
                files += files_of(one, cohort.folder)[0]
    files += [cohort.path(cohort.people.colleges), cohort.path(cohort.people.counselors)]
    files += [cohort.photos_folder] if cohort.photos_folder else []
    mine = [path for path in files if path.resolve().is_relative_to(cohort.folder)]
    others = [str(path) for path in files if path not in mine and path.exists()]
    old = [path for path in cohort.folder.glob("ledger-????????-??????.sqlite*") if path.is_file()]
    return [*mine, *old, cohort.folder / "desk"], [*elsewhere, *others]


def _results(cohort: Cohort) -> list[Path]:
    """Return all in the reports folder but runs: inputs, mail, papers, files for the upper system."""
    root = cohort.reports_folder
    return [path for path in root.iterdir() if path.name not in _KEPT_IN_REPORTS] if root.is_dir() else []


def _strip_runs(cohort: Cohort, now: datetime) -> int:
    runs = [path for path in (cohort.reports_folder / "runs").glob("*") if path.is_dir()]
    for run in runs:
        leave_counts(run, now)
        if not was_killed(run):
            _tell_counts_alone(run)
    return len(runs)


def _tell_counts_alone(run: Path) -> None:
    """Leave in a summary, and in the headcount, no words of anybody: names of files, places of rows, majors typed."""
    summary = read_summary(run) or {}
    kept = {name: summary[name] for name in _KEPT_IN_SUMMARY if name in summary}
    kept["inputs"] = [{"sha256": one.get("sha256", ""), "size": one.get("size", 0)} for one in _dicts(summary)]
    write_atomically(run / "summary.json", json.dumps(kept, ensure_ascii=False, indent=1) + "\n")
    if (run / "tables" / "headcount.parquet").is_file():
        table = read_table(run, "headcount")
        strangers = table["registered"] == 0
        write_table(run / "tables", "headcount", table.assign(major=table["major"].mask(strangers, "（名单外）")))


def _dicts(summary: dict[str, Any]) -> Iterator[dict[str, Any]]:
    listed = summary.get("inputs")
    yield from (one for one in (listed if isinstance(listed, list) else []) if isinstance(one, dict))


def _remove(paths: Iterable[Path]) -> int:
    count = 0
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.exists() or path.is_symlink():
            path.unlink()
        else:
            continue
        count += 1
    return count


def _unknown(cohort: Cohort) -> list[str]:
    """Return what is left in the cohort folder that is none of ours: nobody here knows what stands in it."""
    root = cohort.reports_folder
    ours = {path.resolve() for path in (root, *root.parents)}
    return [
        path.name
        for path in sorted(cohort.folder.iterdir())
        if path.name not in _OWN
        and not path.name.startswith("ledger.sqlite")
        and path.resolve() not in ours
        and not (path.is_dir() and not any(path.iterdir()))
    ]
