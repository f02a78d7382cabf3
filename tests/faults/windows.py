"""One command, killed in every window between two changes that it makes to files, each time on a fresh copy.

`python -m tests.faults.windows REPORT JOB...` where a job is a JSON object: `name`, `folder` (copied anew for each
kill), `words` (the command line; `@` stands for the copy), `again` (what is run after the kill, if not the same), and
`some` (how many of the windows to try, spread evenly; 0: all). The windows are found by Python's audit events: a kill
before each of them, and for a file that is opened for writing one more when it is there and still empty. For each
window a line is written to REPORT as JSON: how the next run ended and all that stood afterwards; window 0 is the
command that nobody killed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from pipeline import cli
from tests.faults.driver import forked

CHANGES = {"os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "subprocess.Popen"}


class Windows:
    """Counts the windows of this process; at number `at` it dies. Only what lies below `folder` counts."""

    def __init__(self, at: int, folder: Path) -> None:
        self._at, self._folder, self._inside = at, str(folder), False
        self.passed = 0

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
            elif event in CHANGES and self._changes(event, given):
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
        if self.passed == self._at:
            if last:
                last()
            os.kill(os.getpid(), signal.SIGKILL)


def command(words: list[str], folder: Path, at: int, counted: Path) -> None:
    """Be the command; window `at` is its last (0: it lives)."""
    for name in ("tmp", "home"):
        (folder.parent / name).mkdir(exist_ok=True)
    os.environ |= {"HOME": str(folder.parent / "home"), "TMPDIR": str(folder.parent / "tmp")}
    tempfile.tempdir = str(folder.parent / "tmp")
    windows = Windows(at, folder.parent)
    sys.addaudithook(windows.hear)
    try:
        cli.main([word.replace("@", str(folder)) for word in words])
    finally:
        windows._inside = True
        counted.write_text(str(windows.passed))


def standing(folder: Path) -> list[str]:
    """Return the path of every file and folder beside and below the copy."""
    return sorted(path.relative_to(folder.parent).as_posix() for path in folder.parent.rglob("*"))


def tried(job: dict[str, Any], at: int, place: Path, counted: Path) -> dict[str, Any]:
    """Kill the command in window `at` of a fresh copy, run it again, and return what became of it."""
    shutil.rmtree(place, ignore_errors=True)
    copy = place / "cohort"
    shutil.copytree(job["folder"], copy)
    died = 0
    if at:
        died, said = forked(partial(command, job["words"], copy, at, counted))
        if died != -signal.SIGKILL:
            return {"name": job["name"], "at": at, "died": died, "said": said}
    code, said = forked(partial(command, job.get("again", job["words"]), copy, 0, counted))
    left = {"name": job["name"], "at": at, "died": died, "code": code, "said": said, "standing": standing(copy)}
    if (copy / "ledger.sqlite").is_file():
        from pipeline.cohort import load_cohort
        from pipeline.review.ledger import open_ledger

        with open_ledger(load_cohort(copy)) as ledger:
            left["ledger"] = ledger.verify()
    return left


def main() -> None:
    """Try the jobs one after another."""
    report = Path(sys.argv[1])
    place, counted = report.with_suffix(".place"), report.with_suffix(".count")
    with report.open("a", encoding="utf-8") as lines:
        for text in sys.argv[2:]:
            job = json.loads(text)
            whole = tried(job, 0, place, counted)
            print(json.dumps(whole, ensure_ascii=False), file=lines, flush=True)
            windows = int(counted.read_text())
            step = max(1, windows // (job.get("some") or windows or 1))
            for at in range(1 + step // 2, windows + 1, step):
                print(json.dumps(tried(job, at, place, counted), ensure_ascii=False), file=lines, flush=True)
    shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
