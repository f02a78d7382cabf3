"""`mingce purge`: personal data past its time, by `[keep]`; what was removed is an entry of the ledger.

Kept inputs, old runs' tables of persons and the ledger's personal side go after `inputs` days, mail after `mail`
days. An old run keeps its summary and its tables of counts; the newest complete run is never touched.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pipeline.cohort import Cohort
from pipeline.lock import cohort_lock
from pipeline.review.chain import Entry
from pipeline.review.ledger import SHANGHAI, open_ledger

COUNTS = ("headcount", "colleges", "history")  # tables without persons
MARK = "purged.json"


@dataclass(frozen=True)
class Removed:
    """What is (or was) past its time."""

    inputs: tuple[Path, ...]
    runs: tuple[Path, ...]
    mail: tuple[Path, ...]
    ledger: int = 0
    """Entries whose personal side was emptied."""


def overdue(cohort: Cohort, now: datetime) -> Removed:
    """Return what `purge` would remove now (files only)."""
    root = cohort.reports_folder
    before = now - timedelta(days=cohort.keep.inputs)
    runs = {run: _made(run) for run in _folders(root / "runs") if (run / "summary.json").is_file()}
    latest = _latest(root)
    old = [run for run, made in runs.items() if made < before and run.name != latest]
    used = {sha: made for run, made in sorted(runs.items(), key=lambda item: item[1]) for sha in _inputs(run)}
    used |= dict.fromkeys(_inputs(root / "runs" / latest), now) if latest else {}
    inputs = [path for path in _files(root / "inputs") if used.get(path.name, _modified(path)) < before]
    mail = [
        folder for folder in _folders(root / "outbox") if _modified(folder) < now - timedelta(days=cohort.keep.mail)
    ]
    return Removed(tuple(inputs), tuple(run for run in old if not (run / MARK).is_file()), tuple(mail))


def purge(cohort: Cohort, now: datetime, by: str, why: str = "") -> Removed:
    """Remove what is past its time and write down in the ledger what that was.

    Raises:
        BusyError: a run or a sending is going on.
    """
    with cohort_lock(cohort, now), cohort_lock(cohort, now, "send"), open_ledger(cohort, lambda: now) as ledger:
        found = overdue(cohort, now)
        for path in found.inputs:
            path.unlink(missing_ok=True)
        for folder in found.mail:
            shutil.rmtree(folder)
        for run in found.runs:
            _strip(run, now)
        if found.inputs or found.mail or found.runs:
            data = {
                "inputs": [path.name for path in found.inputs],
                "runs": [path.name for path in found.runs],
                "mail": [path.name for path in found.mail],
            }
            ledger.append_all([Entry("purge", action="files", by=by, why=why, data=data)])
        before = (now - timedelta(days=cohort.keep.inputs)).astimezone(SHANGHAI).isoformat(timespec="seconds")
        emptied = ledger.purge(before=before, by=by, why=why or "保存期已过")
    return Removed(found.inputs, found.runs, found.mail, emptied)


def _strip(run: Path, now: datetime) -> None:
    """Leave of an old run its summary and its tables of counts."""
    (run / MARK).write_text(json.dumps({"at": now.isoformat(timespec="seconds")}), encoding="utf-8")
    for path in run.iterdir():
        if path.name == "tables":
            for table in path.iterdir():
                if table.stem not in COUNTS:
                    table.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
        elif path.name not in ("summary.json", MARK):
            path.unlink()


def _summary(run: Path) -> dict[str, object]:
    try:
        found = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}


def _made(run: Path) -> datetime:
    """Return when a run was made: as its summary says, else as its folder does."""
    try:
        made = datetime.fromisoformat(str(_summary(run).get("started_at", "")))
    except ValueError:
        return _modified(run)
    return made if made.tzinfo else made.replace(tzinfo=SHANGHAI)


def _inputs(run: Path) -> Iterator[str]:
    listed = _summary(run).get("inputs")
    for one in listed if isinstance(listed, list) else []:
        if isinstance(one, dict):
            yield str(one.get("sha256", ""))


def _latest(root: Path) -> str:
    try:
        return (root / "latest.txt").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _modified(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, SHANGHAI)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
