"""The options of a run, and its folder, which appears complete or not at all and never changes afterwards."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.atomic_files import flush_to_disk, read_object, remove_drafts, sha256_of, write_atomically
from pipeline.cohort import Cohort
from pipeline.progress import Reporter
from pipeline.tables import Frame, write_table

_PARTIAL = ".part"
_FILES = "files.json"
_ATTEMPT = "attempt.txt"
"""In the reports folder: the id of a run that has begun and not finished."""
JOURNAL = "made.jsonl"
"""In a run folder: the products that the next run may reuse (`pipeline.cache`)."""


@dataclass(frozen=True)
class RenderOptions:
    """Options of pages. `jobs` 0: by cores. `cold`: new kernels. `force`: no reuse. `schools`: codes (none: all)."""

    notebooks: bool = True
    jobs: int = 0
    cold: bool = False
    force: bool = False
    schools: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunOptions:
    """The options of a run. Days are counted to `as_of`; `now` is the start of the run."""

    as_of: date
    now: datetime
    command: str = "run"
    colleges: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    render: RenderOptions = field(default_factory=RenderOptions)
    reporter: Reporter = field(default_factory=Reporter)

    @property
    def full(self) -> bool:
        """Whether the run covers every rule, college and page."""
        some = self.colleges or self.rules or self.render.schools
        return self.command == "run" and self.render.notebooks and not some


@dataclass(frozen=True)
class RunOutcome:
    """A finished run's folder and summary."""

    folder: Path
    summary: dict[str, Any]

    @property
    def incomplete(self) -> bool:
        """Whether an input could not be read or a page could not be made."""
        return not self.summary["complete"]


@dataclass(frozen=True)
class RunFolder:
    """A run in progress. `path` is a hidden folder that is renamed when the run is complete."""

    root: Path
    run_id: str
    killed: RunFolder | None = None
    """The last run that was killed while it rendered pages. The new run reuses its products."""

    @property
    def path(self) -> Path:
        """The hidden folder."""
        return self.root / "runs" / f".{self.run_id}{_PARTIAL}"

    @property
    def final(self) -> Path:
        """The folder of the complete run."""
        return self.root / "runs" / self.run_id

    @property
    def inputs(self) -> Path:
        """The folder of input copies, one per content."""
        return self.root / "inputs"

    def write_tables(self, tables: dict[str, Frame]) -> None:
        """Write tables to `tables/`."""
        folder = self.path / "tables"
        folder.mkdir(mode=0o700, exist_ok=True)
        for name, frame in tables.items():
            write_table(folder, name, frame)

    def write_validations(self, results: list[dict[str, Any]]) -> None:
        """Write `validations.json`, the results of Great Expectations for `mingce docs`."""
        write_atomically(self.path / "validations.json", json.dumps(results, ensure_ascii=False) + "\n")

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write `summary.json`."""
        lines = (f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in summary.items())
        write_atomically(self.path / "summary.json", "{\n" + ",\n".join(lines) + "\n}\n")

    def finish(self, *, latest: bool) -> Path:
        """Flush all files to the disk, rename the folder and return it. `latest` updates `latest.txt` too."""
        remove_drafts(self.path / "tables")  # drafts of lost workers
        write_atomically(self.path / _FILES, json.dumps(_seal(self.path), ensure_ascii=False) + "\n")
        flush_to_disk(self.path)
        self.path.rename(self.final)
        flush_to_disk(self.final.parent)
        if latest:
            write_atomically(self.root / "latest.txt", self.run_id + "\n")
            flush_to_disk(self.root)
        (self.root / _ATTEMPT).unlink(missing_ok=True)
        return self.final

    def discard(self) -> None:
        """Delete an unfinished run."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self.killed:
            self.killed.discard()


def start_run(cohort: Cohort, now: datetime) -> RunFolder:
    """Create a new run's hidden folder, under the lock. Of killed runs only the last one with pages is kept."""
    root = cohort.reports_folder
    for folder in (root, root / "runs", root / "inputs"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    killed = _clear_killed(root)
    remove_drafts(root)
    remove_drafts(root / "inputs")
    run = RunFolder(root, f"{_start_time(root / 'runs', now):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}", killed)
    run.path.mkdir(mode=0o700)
    write_atomically(root / _ATTEMPT, run.run_id + "\n")
    return run


def _clear_killed(root: Path) -> RunFolder | None:
    """Delete the folders of killed runs, except the last one with a journal. Return that one."""
    killed = sorted((root / "runs").glob(f".*{_PARTIAL}"), key=lambda path: path.stat().st_mtime)
    last = next((path for path in reversed(killed) if (path / JOURNAL).is_file()), None)
    for path in killed:
        if path != last:
            shutil.rmtree(path, ignore_errors=True)
    return RunFolder(root, last.name.removeprefix(".").removesuffix(_PARTIAL)) if last else None


def _start_time(runs: Path, now: datetime) -> datetime:
    """Return `now`, or one second after the last run if that is later: ids stay ordered if the clock is set back."""
    times = [path.name[:15] for path in runs.iterdir() if re.fullmatch(r"[0-9]{8}-[0-9]{6}-[0-9a-f]+", path.name)]
    try:
        last = datetime.strptime(max(times, default=""), "%Y%m%d-%H%M%S").replace(tzinfo=now.tzinfo)
    except ValueError:
        return now
    return max(now, last + timedelta(seconds=1))


def _seal(run: Path) -> dict[str, str]:
    """Set folders to 0700 and files to 0600, flush them to the disk, and return SHA-256 by path."""
    sealed: dict[str, str] = {}
    for path in [*run.rglob("*"), run]:
        path.chmod(0o700 if path.is_dir() else 0o600)
        flush_to_disk(path)
        if path.is_file():
            sealed[path.relative_to(run).as_posix()] = sha256_of(path)
    return sealed


def finished_files(run: Path) -> dict[str, str]:
    """Return SHA-256 by path of a finished run's files; empty for runs of versions that stored sizes only."""
    digests = read_object(run / _FILES) or {}
    return digests if all(isinstance(digest, str) for digest in digests.values()) else {}


def read_summary(run: Path) -> dict[str, Any] | None:
    """Return a run's summary, or None if the folder has no readable one."""
    return read_object(run / "summary.json")


def latest_folder(root: Path) -> Path | None:
    """Return the run folder that `latest.txt` in the reports folder `root` names, or None."""
    try:
        name = (root / "latest.txt").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    return root / "runs" / Path(name).name


def latest_run(root: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the latest run and its summary; None without a run, or if a user edited or damaged it."""
    run = latest_folder(root)
    summary = read_summary(run) if run else None
    return (run, summary) if run and summary else None


def runs_with_roster(root: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Return the latest run and its summary. As long as a registry was unread, also those of the runs before it."""
    latest = latest_run(root)
    if latest is None:
        return []
    found, runs = [latest], (root / "runs").glob("[!.]*")
    earlier = full_runs(path for path in runs if path.name < latest[0].name)
    while (found[-1][1].get("unread") or {}).get("registries") and (previous := next(earlier, None)):
        found.append(previous)
    return found


def previous_run(cohort: Cohort) -> Path | None:
    """Return the latest complete run of last year's cohort (`previous`), or None."""
    if not cohort.cohort.previous:
        return None
    summaries = cohort.path(cohort.cohort.previous).glob("*/*/runs/[!.]*/summary.json")
    complete = (run for run, summary in full_runs(path.parent for path in summaries) if not summary.get("partial"))
    return next(complete, None)


def full_runs(runs: Iterable[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the full runs (`is_full_run`) among these folders, with their summaries. Newest first, by id."""
    for run in sorted(runs, key=lambda path: path.name, reverse=True):
        summary = read_summary(run)
        if summary is not None and is_full_run(summary):
            yield run, summary


def newest_full_run(root: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the newest full run or check and its summary, or None."""
    return next(full_runs((root / "runs").glob("[!.]*")), None)


def is_full_run(summary: Mapping[str, Any]) -> bool:
    """Return whether a run or check covers all colleges and rules, and is no partial run of an old version."""
    covers_all = summary.get("colleges") == "all" and summary.get("rules", "all") == "all"
    outdated = bool(summary.get("partial")) and "unread" not in summary
    return covers_all and not outdated and summary.get("command", "run") in ("run", "check")


def unread_of(summary: Mapping[str, Any], code: str, college: str) -> str:
    """Return in Chinese a college's unread inputs, which bar signing, mail and hand-in."""
    unread = summary.get("unread") or {}
    registries, sources = unread.get("registries", []), unread.get("sources", [])
    names = ["学籍库" for registry in registries if registry["code"] == code]
    names += [source["name"] for source in sources if f"{code}/{college}" in source["colleges"]]
    return f"未能读取{'、'.join(names)}" if names else ""


def newer_runs(root: Path, run_id: str) -> list[str]:
    """Return the ids of finished runs in the reports folder `root` after this one."""
    return [path.name for path in (root / "runs").glob("[!.]*") if path.name > run_id]


def newer_attempt(root: Path, run_id: str) -> str:
    """Return a Chinese sentence if a newer run did not become the latest, else a blank."""
    newer = newer_runs(root, run_id)
    with suppress(OSError, ValueError):
        newer.append((root / _ATTEMPT).read_text(encoding="utf-8").strip())
    attempt = max(newer, default="")
    if attempt <= run_id:
        return ""
    summary = read_summary(root / "runs" / attempt)
    outcome = "没有完成，或还在进行" if summary is None else "只核验了一部分或没有生成全部页面"
    return f"注意：这里用的是 {_time_of(run_id)} 的运行结果；{_time_of(attempt)} 的那次{outcome}"


def _time_of(run_id: str) -> str:
    day, _, rest = run_id.partition("-")
    return f"{day[:4]}-{day[4:6]}-{day[6:8]} {rest[:2]}:{rest[2:4]}" if len(day) == 8 else run_id
