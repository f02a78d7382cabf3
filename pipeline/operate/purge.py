"""`mingce purge`: deletes personal data past `[keep]`; with `--close`, all personal data of a finished cohort.

`inputs` days hold for kept inputs, old runs' tables of persons and the ledger's personal side, `mail` days for mail and
papers. The newest complete runs stay. The ledger records a deletion first, and the next purge continues a killed one.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.atomic_files import write_atomically
from pipeline.clock import SHANGHAI
from pipeline.cohort import Cohort
from pipeline.collect.inputs import files_of, is_database, is_gsheet
from pipeline.errors import InputError, RefusedError, UsageError
from pipeline.lock import cohort_lock
from pipeline.review.chain import Entry
from pipeline.review.decision_rows import decision_files
from pipeline.review.ledger import Ledger, open_ledger
from pipeline.review.signatures import college_states
from pipeline.run_folder import latest_run, newest_full_run, read_summary
from pipeline.tables import read_table, write_table

_COUNT_TABLES = ("headcount", "colleges", "course")  # tables without persons
_MARK = "purged.json"
_SUMMARY_KEYS = (
    "run_id", "command", "as_of", "started_at", "finished_at", "cohort", "versions", "counts", "colleges",
    "colleges_state", "complete", "partial", "ledger", "timings",
)  # fmt: skip
_KEPT_IN_REPORTS = ("runs", "latest.txt", "log")
_KEPT_IN_COHORT = ("signed", ".mingce", "cohort.toml")  # and the ledger


@dataclass(frozen=True)
class Removed:
    """The files and runs past their retention period, before or after their removal."""

    inputs: tuple[Path, ...]
    runs: tuple[Path, ...]
    mail: tuple[Path, ...]
    backups: tuple[Path, ...] = ()
    """Copies of the ledger with personal data that are purged now; `lost`: those that were moved or deleted."""
    lost: tuple[Path, ...] = ()
    ledger: int = 0
    """Entries whose personal side was emptied."""


@dataclass(frozen=True)
class Closed:
    """The numbers of removed items. `remaining` lists what the office must remove itself."""

    files: int
    runs: int
    backups: int
    ledger: int
    remaining: tuple[str, ...]


def overdue(cohort: Cohort, now: datetime) -> Removed:
    """Return the files that `purge` would remove now."""
    root = cohort.reports_folder
    limit = now - timedelta(days=cohort.keep.inputs)
    runs = {run: read_summary(run) or {} for run in _entries_of(root / "runs") if run.is_dir()}
    started = {run: _started_at(run, summary) for run, summary in runs.items()}
    newest = {run[0] for run in (latest_run(root), newest_full_run(root)) if run}  # in use, or basis of decisions
    old = [
        run for run in runs if started[run] < limit and run not in newest and (_was_killed(run) or any(_personal(run)))
    ]
    by_start = sorted(runs, key=started.__getitem__)
    used = {entry.get("sha256"): started[run] for run in by_start for entry in _inputs(runs[run])}
    used |= {entry.get("sha256"): now for run in newest for entry in _inputs(runs[run])}
    files = [path for path in _entries_of(root / "inputs") if path.is_file()]
    inputs = [path for path in files if used.get(path.name, _last_written([path])) < limit]
    limit = now - timedelta(days=cohort.keep.mail)
    folders = [path for name in ("outbox", "papers") for path in _entries_of(root / name) if path.is_dir()]
    return Removed(tuple(inputs), tuple(old), tuple(path for path in folders if _last_written(path.rglob("*")) < limit))


def purge_cohort(cohort: Cohort, now: datetime, by: str, why: str = "") -> Removed:
    """Remove overdue data and list it in the ledger. Raises BusyError during a run or a sending."""
    with cohort_lock(cohort, now), cohort_lock(cohort, now, "send"), open_ledger(cohort, lambda: now) as ledger:
        removed = overdue(cohort, now)
        if removed.inputs or removed.mail or removed.runs:
            data = {name: [path.name for path in getattr(removed, name)] for name in ("inputs", "runs", "mail")}
            ledger.append(Entry("purge", action="files", by=by, why=why, data=data))
        _remove([*removed.inputs, *removed.mail])
        for run in removed.runs:
            _reduce_to_counts(run, now)
        before = (now - timedelta(days=cohort.keep.inputs)).astimezone(SHANGHAI).isoformat(timespec="seconds")
        emptied = ledger.purge(before=before, by=by, why=why or "保存期已过")
        backups, missing = _copies(ledger, "backup", before=before)  # all their personal data are past the limit
        _remove(backups)
    return replace(removed, backups=tuple(backups), lost=tuple(missing) if emptied else (), ledger=emptied)


def _copies(ledger: Ledger, *kinds: str, before: str = "9999") -> tuple[list[Path], list[Path]]:
    """Return the copies that the ledger lists: existing ones, and missing ones."""
    entries = ledger.entries(*kinds)
    listed = [Path(str(json.loads(text).get("path", ""))) for text in entries["data"][entries["at"] < before]]
    found = list(dict.fromkeys(path for path in listed if path.name))
    return [path for path in found if path.is_file()], [path for path in found if not path.is_file()]


def _reduce_to_counts(run: Path, now: datetime) -> None:
    """Reduce an old run to its summary and tables of counts. Delete a killed run."""
    if _was_killed(run):
        shutil.rmtree(run)
        return
    (run / _MARK).write_text(json.dumps({"at": now.isoformat(timespec="seconds")}), encoding="utf-8")
    _remove(list(_personal(run)))


def _was_killed(run: Path) -> bool:
    return run.name.startswith(".")  # our lock excludes a running one


def _personal(run: Path) -> Iterator[Path]:
    for path in run.iterdir():
        if path.name == "tables" and path.is_dir():
            yield from (table for table in path.iterdir() if table.stem not in _COUNT_TABLES)
        elif path.name not in ("summary.json", _MARK):
            yield path


def _started_at(run: Path, summary: dict[str, Any]) -> datetime:
    try:
        started = datetime.fromisoformat(str(summary.get("started_at", "")))
    except ValueError:
        return _last_written(run.rglob("*"))
    return started if started.tzinfo else started.replace(tzinfo=SHANGHAI)


def _inputs(summary: dict[str, Any]) -> list[dict[str, Any]]:
    listed = summary.get("inputs")
    return [entry for entry in (listed if isinstance(listed, list) else []) if isinstance(entry, dict)]


def _last_written(paths: Iterable[Path]) -> datetime:
    """Return when the newest file was written (no files: 1970). A folder's own time changes as it empties."""
    times = [path.stat().st_mtime for path in paths if path.is_file()]
    return datetime.fromtimestamp(max(times, default=0), SHANGHAI)


def _entries_of(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


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


def close(cohort: Cohort, now: datetime, by: str, why: str) -> Closed:
    """Remove all personal data. Keeps `cohort.toml`, the purged ledger, signed headcounts and each run's counts.

    Raises:
        RefusedError: colleges may still hand in.
        UsageError: a college was never accepted and no reason was given.
        BusyError: a run or a sending is running.
    """
    if now.date() <= cohort.window.college_due:
        raise RefusedError("这一届还没有结束", where=str(cohort.window.college_due), remedy="上报截止以后才能清除全部")
    with cohort_lock(cohort, now), cohort_lock(cohort, now, "send"), open_ledger(cohort, lambda: now) as ledger:
        states = college_states(ledger.entries("signature", "acceptance"))
        if (states.empty or (states["accepted_at"] == "").any()) and not why.strip():
            raise UsageError("还有院系没有接收，要写明为什么可以清除", where="--why")
        backups, missing = _copies(ledger, "backup", "restore")
        sources, outside = _sources(cohort)
        data = {"closed": True, "backups": [path.name for path in backups], "left": len(missing) + len(outside)}
        ledger.append(Entry("purge", action="close", by=by, why=why, data=data))
        results = [path for path in _entries_of(cohort.reports_folder) if path.name not in _KEPT_IN_REPORTS]
        removed = _remove([*sources, *results])
        runs = [path for path in _entries_of(cohort.reports_folder / "runs") if path.is_dir()]
        for run in runs:
            _reduce_to_counts(run, now)
            if not _was_killed(run):
                _remove_free_text(run)
        _remove(backups)
        emptied = ledger.purge(before="9999", by=by, why="")
    remaining = [*(f"备份 {path}" for path in missing), *outside, *_foreign_files(cohort)]
    return Closed(removed, len(runs), len(backups), emptied, tuple(remaining))


def _sources(cohort: Cohort) -> tuple[list[Path], list[str]]:
    """Return the paths in the cohort folder that the cohort file names, and the names of sources elsewhere."""
    sources = [*(source.path for source in cohort.submissions.sources), *(school.registry for school in cohort.schools)]
    files = [*decision_files(cohort).values()]
    elsewhere = [path_or_sheet for path_or_sheet in sources if is_gsheet(path_or_sheet) or is_database(path_or_sheet)]
    for path_or_sheet in sources:
        if path_or_sheet not in elsewhere:
            with suppress(InputError):  # gone already
                files += files_of(path_or_sheet, cohort.folder)[0]
    files += [cohort.path(cohort.people.colleges), cohort.path(cohort.people.counselors)]
    files += [cohort.photos_folder] if cohort.photos_folder else []
    inside = [path for path in files if Path(os.path.realpath(path)).is_relative_to(cohort.folder)]
    foreign = [str(path) for path in files if path not in inside and path.exists()]
    old = [path for path in cohort.folder.glob("ledger-????????-??????.sqlite*") if path.is_file()]
    return [*inside, *old, cohort.folder / "desk"], [*elsewhere, *foreign]


def _remove_free_text(run: Path) -> None:
    """Remove free text from summary and headcount: names of files, places of rows, typed majors."""
    summary = read_summary(run) or {}
    reduced = {name: summary[name] for name in _SUMMARY_KEYS if name in summary}
    reduced["inputs"] = [{"sha256": file.get("sha256", ""), "size": file.get("size", 0)} for file in _inputs(summary)]
    write_atomically(run / "summary.json", json.dumps(reduced, ensure_ascii=False, indent=1) + "\n")
    if (run / "tables" / "headcount.parquet").is_file():
        table = read_table(run, "headcount")
        unregistered = table["registered"] == 0
        write_table(run / "tables", "headcount", table.assign(major=table["major"].mask(unregistered, "（名单外）")))


def _foreign_files(cohort: Cohort) -> list[str]:
    """Return the names of files in the cohort folder that mingce did not write."""
    root = cohort.reports_folder
    known = {path.resolve() for path in (root, *root.parents)}
    return [
        path.name
        for path in _entries_of(cohort.folder)
        if path.name not in _KEPT_IN_COHORT
        and not path.name.startswith("ledger.sqlite")
        and Path(os.path.realpath(path)) not in known
        and not (path.is_dir() and not any(path.iterdir()))
    ]
