"""One command, struck in every window between two changes that it makes to files, each time on a fresh copy.

`python -m tests.faults.windows REPORT JOB...` where a job is a JSON object: `name`, `folder` (copied anew for each
blow), `words` (the command line; `@` stands for the copy), `again` (what is run after the blow, if not the same),
`some` (how many of the windows to try, spread evenly; 0: all), and `refuse` (the name of an error: there the system
refuses that one call instead, `lasting`: that one and every one after it; without it the command is killed).

The windows are found by Python's audit events: one before each of them, and for a file that is opened for writing one
more when it is there and still empty; before each `fsync`; where commands are killed, also before and after each
statement of the ledger, each request and each answer. For each window a line is written to REPORT as JSON: what stood
after the blow (`stood`), how the next command ended and all that stood afterwards; window 0 is the command that
nobody struck.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import event as statements
from sqlalchemy.engine import Engine

from pipeline import cli
from pipeline.atomic_files import sha256_of
from pipeline.check.validate import preload
from pipeline.cohort import Cohort, load_cohort
from pipeline.errors import RefusedError
from pipeline.review.ledger import open_ledger
from pipeline.review.review_snapshot import newest_run
from pipeline.run_folder import finished_files, latest_run
from tests.faults.driver import forked

CHANGES = {"os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.fsync", "subprocess.Popen"}
TALK = {"http.client.send", "answered", "statement"}
TABLES = ("submissions", "changes", "findings", "certifications", "roster", "headcount", "colleges", "registry")


_JUDGING = ("run", "check", "docs")


class Windows:
    """Counts the windows of this process; number `at` is struck. Only what lies below `folder` counts."""

    def __init__(self, at: int, folder: Path, refuse: str = "", lasting: bool = False) -> None:
        self._at, self._folder, self._inside = at, str(folder), False
        self._error, self._lasting = getattr(errno, refuse) if refuse else 0, lasting
        self.passed = 0

    def open(self) -> None:
        """Begin to listen: what has no audit event of its own gets one."""
        sys.addaudithook(self.hear)
        fsync, getresponse = os.fsync, http.client.HTTPConnection.getresponse

        def heard(file: int) -> None:
            sys.audit("os.fsync", Path(f"/proc/self/fd/{file}").readlink())
            fsync(file)

        def answered(connection: Any) -> Any:
            select.select([connection.sock], [], [])
            sys.audit("answered")
            return getresponse(connection)

        os.fsync = heard
        http.client.HTTPConnection.getresponse = answered  # pyright: ignore[reportAttributeAccessIssue]
        for moment in ("before_cursor_execute", "after_cursor_execute", "commit"):
            statements.listen(Engine, moment, lambda *_: sys.audit("statement"))

    def close(self) -> None:
        """Let the last window pass (all is done, and the process still there), and listen no more."""
        if not self._error:
            self._pass()
        self._inside = True

    def hear(self, event: str, given: tuple[Any, ...]) -> None:
        """Be the audit hook."""
        if self._inside:
            return
        self._inside = True
        try:
            if event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR):
                if self._mine(given[0]):  # twice: not there yet, and there but empty
                    self._pass()
                    self._pass(lambda: os.close(os.open(given[0], given[2], 0o600)))
            elif (event in TALK and not self._error) or (event in CHANGES and self._changes(event, given)):
                self._pass()
        finally:
            self._inside = False

    def _changes(self, event: str, given: tuple[Any, ...]) -> bool:
        from_folder = event in ("os.remove", "os.rmdir") and given[1] != -1  # as `shutil.rmtree` does
        return event == "subprocess.Popen" or from_folder or any(map(self._mine, given[:2]))

    def _mine(self, path: object) -> bool:
        return isinstance(path, str | Path) and os.path.realpath(path).startswith(self._folder)

    def _pass(self, last: Any = None) -> None:
        self.passed += 1
        if self.passed == self._at or (self._lasting and 0 < self._at < self.passed):
            if last:
                last()
            if self._error:
                raise OSError(self._error, os.strerror(self._error))
            os.kill(os.getpid(), signal.SIGKILL)


def command(words: list[str], folder: Path, windows: Windows, counted: Path) -> None:
    """Be the command, and write down how many windows passed."""
    for name in ("tmp", "home"):
        (folder.parent / name).mkdir(exist_ok=True)
    os.environ |= {"HOME": str(folder.parent / "home"), "TMPDIR": str(folder.parent / "tmp")}
    os.environ["MPLCONFIGDIR"] = str(counted.with_suffix(".fonts"))  # found once, and no business of ours
    tempfile.tempdir = str(folder.parent / "tmp")
    windows.open()
    try:
        cli.main([word.replace("@", str(folder)) for word in words])
    finally:
        windows.close()
        counted.write_text(str(windows.passed))


def paths(folder: Path) -> list[str]:
    """Return the path of every file and folder beside and below the copy."""
    return sorted(path.relative_to(folder.parent).as_posix() for path in folder.parent.rglob("*"))


def orphans(place: Path) -> list[str]:
    """Return the processes that outlive their command by more than 20 seconds."""
    mine = f"TMPDIR={place}/tmp".encode()
    until = time.monotonic() + 20
    while True:
        left = [at.parent.name for at in Path("/proc").glob("[0-9]*/environ") if mine in _text(at)]
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.02)


def _text(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it ended
        return b""


def _is_whole(run: Path) -> bool:
    """Return whether a run's files are those that it was finished with (an invented one tells of none)."""
    told = finished_files(run).items()
    return all((run / name).is_file() and sha256_of(run / name) == digest for name, digest in told)


def standing(folder: Path, ledger: bool = True) -> dict[str, Any]:
    """Return what stands: paths; the run that `latest.txt` names, if it is whole; the newest run's tables; decisions.

    Reading the ledger mends what a kill left of it: the next command is to find that as it is (`ledger` false).
    """
    stood: dict[str, Any] = {"orphans": orphans(folder.parent), "paths": paths(folder)}
    if not (folder / "cohort.toml").is_file():
        return stood
    cohort = load_cohort(folder)
    latest = latest_run(cohort.reports_folder)
    whole = latest and _is_whole(latest[0])
    stood["latest"] = latest[0].name if latest and whole else ""
    stood["tables"] = _digests(cohort)
    if ledger and (folder / "ledger.sqlite").is_file():
        with open_ledger(cohort) as opened:
            entries = opened.entries()
            stood["wrong"] = opened.verify()
            stood["entries"] = entries[["kind", "action", "student_number", "college", "by"]].to_numpy().tolist()
    return stood


def _digests(cohort: Cohort) -> dict[str, str]:
    try:
        folder = newest_run(cohort) / "tables"
    except RefusedError:
        return {}
    found = {name: folder / f"{name}.csv" for name in TABLES}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items() if path.is_file()}


def tried(job: dict[str, Any], at: int, place: Path, counted: Path) -> dict[str, Any]:
    """Strike the command in window `at` of a fresh copy, run it again, and return what became of it."""
    shutil.rmtree(place, ignore_errors=True)
    copy = place / "cohort"
    shutil.copytree(job["folder"], copy)
    refuse, lasting = job.get("refuse", ""), job.get("lasting", False)
    left: dict[str, Any] = {"name": job["name"], "at": at}
    if at:
        struck = Windows(at, place, refuse, lasting)
        died, told = forked(partial(command, job["words"], copy, struck, counted))
        left |= {"died": died, "told": told, "stood": standing(copy, ledger=False)}
    quiet = Windows(0, place, refuse)
    code, said = forked(partial(command, job.get("again", job["words"]), copy, quiet, counted))
    return left | {"code": code, "said": said} | standing(copy)


def prepare(commands: list[list[str]]) -> None:
    """Import once, for all forks, what any of the commands judges with."""
    if any(words[0] in _JUDGING for words in commands):
        import great_expectations  # noqa: F401

        preload()


def main() -> None:
    """Try the jobs one after another."""
    jobs = [json.loads(text) for text in sys.argv[2:]]
    prepare([job["words"] for job in jobs])
    report = Path(sys.argv[1])
    place, counted = report.with_suffix(".place"), report.with_suffix(".count")
    with report.open("a", encoding="utf-8") as lines:
        for job in jobs:
            whole = tried(job, 0, place, counted)
            print(json.dumps(whole, ensure_ascii=False), file=lines, flush=True)
            windows = int(counted.read_text())
            step = max(1, windows // (job.get("some") or windows or 1))
            for at in range(1 + step // 2, windows + 1, step):
                struck = tried(job, at, place, counted)
                if struck["died"] == 0 and not job.get("refuse"):
                    break  # only the first command of a kind looks for fonts: this window is past the end of the others
                print(json.dumps(struck, ensure_ascii=False), file=lines, flush=True)
    shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
