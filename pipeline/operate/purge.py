"""`mingce purge`: personal data past its time, by `[keep]`; what was removed is an entry of the ledger.

Kept inputs, old runs' tables of persons and the ledger's personal side go after `inputs` days, mail and papers after
`mail` days. An old run keeps its summary and its tables of counts; the newest complete ones are never touched.

What goes is written down first, and an old run is known by what it still holds: a purge that was killed is gone on
with by the next one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.clock import SHANGHAI
from pipeline.cohort import Cohort
from pipeline.errors import RefusedError
from pipeline.lock import cohort_lock
from pipeline.review.chain import Entry
from pipeline.review.ledger import Ledger, open_ledger
from pipeline.review.review_snapshot import newest_run
from pipeline.run_folder import latest_run, read_summary

COUNTS = ("headcount", "colleges", "course")  # tables without persons
MARK = "purged.json"


@dataclass(frozen=True)
class Removed:
    """What is (or was) past its time."""

    inputs: tuple[Path, ...]
    runs: tuple[Path, ...]
    mail: tuple[Path, ...]
    backups: tuple[Path, ...] = ()
    """Copies of the ledger with the personal side that is purged now; `lost`: those that are not where they were."""
    lost: tuple[str, ...] = ()
    ledger: int = 0
    """Entries whose personal side was emptied."""


def overdue(cohort: Cohort, now: datetime) -> Removed:
    """Return what `purge` would remove now (files only)."""
    root = cohort.reports_folder
    before = now - timedelta(days=cohort.keep.inputs)
    runs = {run: read_summary(run) or {} for run in _folders(root / "runs")}
    made = {run: _made(run, summary) for run, summary in runs.items()}
    newest = _newest(cohort)
    old = [run for run in runs if made[run] < before and run not in newest and _holds_persons(run)]
    used = {sha: made[run] for run in sorted(runs, key=made.__getitem__) for sha in _inputs(runs[run])}
    used |= {sha: now for run in newest for sha in _inputs(runs[run])}
    inputs = [path for path in _files(root / "inputs") if used.get(path.name, _modified(path)) < before]
    posted = now - timedelta(days=cohort.keep.mail)
    mail = [one for name in ("outbox", "papers") for one in _folders(root / name) if _written(one) < posted]
    return Removed(tuple(inputs), tuple(old), tuple(mail))


def _newest(cohort: Cohort) -> set[Path]:
    """Return the runs that people work with: the one that `latest.txt` names, and the one that decisions look at."""
    latest = latest_run(cohort.reports_folder)
    found = {latest[0]} if latest else set[Path]()
    with suppress(RefusedError):  # there is none yet
        found.add(newest_run(cohort))
    return found


def purge_cohort(cohort: Cohort, now: datetime, by: str, why: str = "") -> Removed:
    """Remove what is past its time and write down in the ledger what that was.

    Raises:
        BusyError: a run or a sending is going on.
    """
    with cohort_lock(cohort, now), cohort_lock(cohort, now, "send"), open_ledger(cohort, lambda: now) as ledger:
        found = overdue(cohort, now)
        if found.inputs or found.mail or found.runs:
            data = {
                "inputs": [path.name for path in found.inputs],
                "runs": [path.name for path in found.runs],
                "mail": [path.name for path in found.mail],
            }
            ledger.append_all([Entry("purge", action="files", by=by, why=why, data=data)])
        for path in found.inputs:
            path.unlink(missing_ok=True)
        for folder in found.mail:
            shutil.rmtree(folder)
        for run in found.runs:
            leave_counts(run, now)
        before = (now - timedelta(days=cohort.keep.inputs)).astimezone(SHANGHAI).isoformat(timespec="seconds")
        emptied = ledger.purge(before=before, by=by, why=why or "保存期已过")
        listed = _backups_before(ledger, before)
        backups = [path for path in listed if path.is_file()]
        for path in backups:
            path.unlink()
    lost = [str(path) for path in listed if path not in backups] if emptied else []
    return Removed(found.inputs, found.runs, found.mail, tuple(backups), tuple(lost), emptied)


def _backups_before(ledger: Ledger, before: str) -> list[Path]:
    """Return the copies of the ledger that were made so long ago: all their personal side is past its time."""
    entries = ledger.entries("backup")
    old = entries["data"][entries["at"] < before]
    return list(dict.fromkeys(Path(str(json.loads(text)["path"])) for text in old))


def leave_counts(run: Path, now: datetime) -> None:
    """Leave of an old run its summary and its tables of counts; of one that was killed, nothing."""
    if was_killed(run):
        shutil.rmtree(run)
        return
    (run / MARK).write_text(json.dumps({"at": now.isoformat(timespec="seconds")}), encoding="utf-8")
    for path in list(_personal(run)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def was_killed(run: Path) -> bool:
    """Return whether this is what a killed run left."""
    return run.name.startswith(".")  # nobody runs: the lock is held


def _holds_persons(run: Path) -> bool:
    return was_killed(run) or any(_personal(run))


def _personal(run: Path) -> Iterator[Path]:
    """Yield what in a run's folder is neither its summary nor a count."""
    for path in run.iterdir():
        if path.name == "tables" and path.is_dir():
            yield from (table for table in path.iterdir() if table.stem not in COUNTS)
        elif path.name not in ("summary.json", MARK):
            yield path


def _made(run: Path, summary: dict[str, Any]) -> datetime:
    """Return when a run was made: as its summary says, else as its files do."""
    try:
        made = datetime.fromisoformat(str(summary.get("started_at", "")))
    except ValueError:
        return _written(run)
    return made if made.tzinfo else made.replace(tzinfo=SHANGHAI)


def _inputs(summary: dict[str, Any]) -> Iterator[str]:
    listed = summary.get("inputs")
    for one in listed if isinstance(listed, list) else []:
        if isinstance(one, dict):
            yield str(one.get("sha256", ""))


def _modified(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, SHANGHAI)


def _written(folder: Path) -> datetime:
    """Return when the newest file of a folder was written (of an empty one: long ago)."""
    times = [path.stat().st_mtime for path in folder.rglob("*") if path.is_file()]
    return datetime.fromtimestamp(max(times, default=0), SHANGHAI)  # the folder's own changes as it is emptied


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
