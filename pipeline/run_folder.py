"""The folder of one run. It appears complete or not at all, and does not change afterwards."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from pipeline.cohort import Cohort
from pipeline.tables import Frame, write_table
from pipeline.whole import appearing, settle_on_disk, sha256_of, sweep

_PARTIAL = ".part"
_FILES = "files.json"
_ATTEMPT = "attempt.txt"
"""In the reports folder: the id of a run that has begun and not finished."""
JOURNAL = "made.jsonl"
"""In a run: what of it the next one may take over (`pipeline.kept`)."""


@dataclass(frozen=True)
class RunFolder:
    """A run that is being written: `path` is a hidden folder that gets its name when it is complete."""

    root: Path
    run_id: str
    left: RunFolder | None = None
    """The last run that was killed while it made pages, for the next to go on from."""

    @property
    def path(self) -> Path:
        """Where the run is being written."""
        return self.root / "runs" / f".{self.run_id}{_PARTIAL}"

    @property
    def final(self) -> Path:
        """Where the run will stand."""
        return self.root / "runs" / self.run_id

    @property
    def inputs(self) -> Path:
        """Where inputs are kept, once per content."""
        return self.root / "inputs"

    def write_tables(self, tables: dict[str, Frame]) -> None:
        """Write the run's tables for programs."""
        folder = self.path / "tables"
        folder.mkdir(mode=0o700, exist_ok=True)
        for name, frame in tables.items():
            write_table(folder, name, frame)

    def write_validations(self, results: list[dict[str, Any]]) -> None:
        """Write `validations.json`: what Great Expectations counted, for `mingce docs`."""
        write_atomically(self.path / "validations.json", json.dumps(results, ensure_ascii=False) + "\n")

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write `summary.json`."""
        lines = (f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in summary.items())
        write_atomically(self.path / "summary.json", "{\n" + ",\n".join(lines) + "\n}\n")

    def finish(self, *, latest: bool) -> Path:
        """Give the run its name; where `latest`, `latest.txt` points to it from now on. Return its folder.

        All of it is on the disk before that.
        """
        sweep(self.path / "tables")  # a worker that was lost wrote here
        write_atomically(self.path / _FILES, json.dumps(_seal(self.path), ensure_ascii=False) + "\n")
        settle_on_disk(self.path)
        self.path.rename(self.final)
        settle_on_disk(self.final.parent)
        if latest:
            write_atomically(self.root / "latest.txt", self.run_id + "\n")
            settle_on_disk(self.root)
        (self.root / _ATTEMPT).unlink(missing_ok=True)
        return self.final

    def discard(self) -> None:
        """Remove what was written of an unfinished run."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self.left:
            self.left.discard()


def start_run(cohort: Cohort, now: datetime) -> RunFolder:
    """Return a new run's folder, hidden (the caller holds the lock).

    What killed runs left behind is removed; the last of them that had made pages stays until the new run has ended.
    """
    root = cohort.reports_folder
    for folder in (root, root / "runs", root / "inputs"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    left = _clear_killed(root)
    sweep(root)
    sweep(root / "inputs")
    run = RunFolder(root, f"{_after(root / 'runs', now):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}", left)
    run.path.mkdir(mode=0o700)
    write_atomically(root / _ATTEMPT, run.run_id + "\n")
    return run


def _clear_killed(root: Path) -> RunFolder | None:
    """Remove the folders of killed runs but the last one with a journal; return that one."""
    killed = sorted((root / "runs").glob(f".*{_PARTIAL}"), key=lambda path: path.stat().st_mtime)
    kept = next((path for path in reversed(killed) if (path / JOURNAL).is_file()), None)
    for path in killed:
        if path != kept:
            shutil.rmtree(path, ignore_errors=True)
    return RunFolder(root, kept.name.removeprefix(".").removesuffix(_PARTIAL)) if kept else None


def _after(runs: Path, now: datetime) -> datetime:
    """Return `now`, or one second after the last run if that is later: ids stay ordered if the clock is set back."""
    made = [path.name[:15] for path in runs.iterdir() if re.fullmatch(r"[0-9]{8}-[0-9]{6}-[0-9a-f]+", path.name)]
    try:
        last = datetime.strptime(max(made, default=""), "%Y%m%d-%H%M%S").replace(tzinfo=now.tzinfo)
    except ValueError:
        return now
    return max(now, last + timedelta(seconds=1))


def write_atomically(path: Path, text: str) -> None:
    """Write `text` to `path` so that a reader sees the old or the new content, never half of it."""
    with appearing(path) as draft, draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _seal(run: Path) -> dict[str, str]:
    """Let only the owner in (folders 0700, files 0600, whatever the umask was) and put all files on the disk.

    Returns the SHA-256 of each file by its path in the run.
    """
    sealed: dict[str, str] = {}
    for path in [*run.rglob("*"), run]:
        path.chmod(0o700 if path.is_dir() else 0o600)
        settle_on_disk(path)
        if path.is_file():
            sealed[path.relative_to(run).as_posix()] = sha256_of(path)
    return sealed


def finished_files(run: Path) -> dict[str, str]:
    """Return the SHA-256 of each file that a run was finished with, by its path in there; none where it is not told.

    What others put beside them (an open spreadsheet's lock file, a notebook's checkpoints) is none of them. A run of
    an earlier version told sizes only.
    """
    known = _object_in(run / _FILES) or {}
    return known if all(isinstance(digest, str) for digest in known.values()) else {}


def read_summary(run: Path) -> dict[str, Any] | None:
    """Return a run's summary, or None where the folder holds no readable one."""
    return _object_in(run / "summary.json")


def latest_folder(root: Path) -> Path | None:
    """Return the folder of the run that `latest.txt` of the reports folder `root` names; None where it names none."""
    try:
        name = (root / "latest.txt").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    return root / "runs" / Path(name).name


def latest_run(root: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the run that `latest.txt` of the reports folder `root` names, and its summary.

    None if there is no run yet, or if `latest.txt` or the run was changed by hand.
    """
    run = latest_folder(root)
    summary = read_summary(run) if run else None
    return (run, summary) if run and summary else None


def _object_in(path: Path) -> dict[str, Any] | None:
    """Return the JSON object that a file holds, or None where it cannot be read or holds something else."""
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def previous_run(cohort: Cohort) -> Path | None:
    """Return the latest complete run of the year before (`previous`), or None; any name of a reports folder will do."""
    if not cohort.cohort.previous:
        return None
    found = cohort.path(cohort.cohort.previous).glob("*/*/runs/[!.]*/summary.json")
    newest_first = sorted((path.parent for path in found), key=lambda path: path.name, reverse=True)
    return next((path for path in newest_first if _is_whole(read_summary(path))), None)


def _is_whole(summary: dict[str, Any] | None) -> bool:
    return summary is not None and counts(summary) and not summary.get("partial")


def counts(summary: Mapping[str, Any] | None) -> bool:
    """Return whether a run or check tells of everybody: of all colleges, by all rules.

    A partial run of an earlier version says nowhere what it did not read, and does not count.
    """
    if summary is None:
        return False
    told = summary.get("colleges") == "all" and summary.get("rules", "all") == "all"
    untold = bool(summary.get("partial")) and "unread" not in summary
    return told and not untold and summary.get("command", "run") in ("run", "check")


def unread_of(unread: Mapping[str, Any], code: str, college: str) -> str:
    """Return in Chinese which inputs of a college were not read (`unread` of a summary), or "".

    Such a college can be neither signed, mailed nor handed in.
    """
    registries, sources = unread.get("registries", []), unread.get("sources", [])
    lacking = ["学籍库" for one in registries if one["code"] == code]
    lacking += [one["name"] for one in sources if f"{code}/{college}" in one["colleges"]]
    return f"未能读取{'、'.join(lacking)}" if lacking else ""


def newer_runs(root: Path, run_id: str) -> list[str]:
    """Return the ids of the finished runs of the reports folder `root` that are newer than this one."""
    return [path.name for path in (root / "runs").glob("[!.]*") if path.name > run_id]


def newer_attempt(root: Path, run_id: str) -> str:
    """Return a Chinese sentence if a newer run was tried and did not become the latest, else ""."""
    newer = newer_runs(root, run_id)
    with suppress(OSError, ValueError):
        newer.append((root / _ATTEMPT).read_text(encoding="utf-8").strip())
    attempt = max(newer, default="")
    if attempt <= run_id:
        return ""
    summary = read_summary(root / "runs" / attempt)
    became = "没有完成，或还在进行" if summary is None else "只核验了一部分或没有生成全部页面"
    return f"注意：这里用的是 {_moment(run_id)} 的运行结果；{_moment(attempt)} 的那次{became}"


def _moment(run_id: str) -> str:
    """Return when a run began, by its id."""
    day, _, rest = run_id.partition("-")
    return f"{day[:4]}-{day[4:6]}-{day[6:8]} {rest[:2]}:{rest[2:4]}" if len(day) == 8 else run_id
