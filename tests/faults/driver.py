"""Runs of one cohort that die, each in a fork of a process that has imported everything once.

`python -m tests.faults.driver COHORT REPORT JOB...` where a job is a JSON object: `name`, `cohort` (another one),
`command` (run or check), `pages` (false: no notebooks), `at` (the stage, or `page:N`, at which it is killed), `after`
(seconds after which it is killed, or sent the `signal` of this number), `begun` (true: that happens as soon as the
run's folder stands), `bytes` (the largest file it may write), `user` (number of the account it runs under), `lock`
(another holds the cohort meanwhile), `notebooks` (true: some do harm), `now`, or `words` (a whole command line). After
each job its line is written to REPORT as JSON: how it ended, what it said, and what stands.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any

from pipeline import cli
from pipeline import run as main_job
from pipeline.clock import SHANGHAI
from pipeline.cohort import Cohort, load_cohort
from pipeline.lock import cohort_lock
from pipeline.progress import Reporter
from pipeline.render import render_stage
from pipeline.render.page_notebooks import Notebooks
from pipeline.review.ledger import open_ledger
from pipeline.run_folder import RenderOptions, RunOptions

NOW = datetime(2016, 10, 20, 9, tzinfo=SHANGHAI)
AS_OF = date(2016, 10, 20)


class Dying(Reporter):
    """Kills its own process (SIGKILL) when a stage ends, or when the n-th page is done."""

    def __init__(self, at: str) -> None:
        super().__init__(quiet=True)
        self._at = at

    @contextlib.contextmanager
    def stage(self, name: str) -> Generator[None]:
        with super().stage(name):
            yield
        if name == self._at:
            os.kill(os.getpid(), signal.SIGKILL)

    @contextlib.contextmanager
    def progress_bar(self, label: str, total: int) -> Generator[Callable[[str], None]]:
        pages = [0]

        def advance(_: str) -> None:
            pages[0] += 1
            if self._at == f"page:{pages[0]}":
                os.kill(os.getpid(), signal.SIGKILL)

        yield advance


HARM = {
    "registry": "import time\nwhile True:\n    time.sleep(0.01)",
    "overview": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "headcount": "eaten = [bytes(1 << 28) for _ in range(64)]",
}


def harmful_notebooks(folder: Path) -> None:
    """Let the notebooks named in `HARM` do harm instead, under a short deadline."""
    import nbformat

    true_jobs = Notebooks.jobs

    def jobs(self: Notebooks, *given: Any, **named: Any) -> Any:
        for job in true_jobs(self, *given, **named):
            if job.notebook.stem in HARM:
                node = nbformat.read(job.notebook, as_version=4)
                node.cells.append(nbformat.v4.new_code_cell(HARM[job.notebook.stem]))
                spoilt = folder / f"{job.notebook.stem}.ipynb"
                nbformat.write(node, spoilt)
                job = replace(job, notebook=spoilt)
            yield job

    Notebooks.jobs = jobs
    render_stage.run_notebooks = partial(render_stage.run_notebooks, timeout=20.0)


def one(cohort: Cohort, job: dict[str, Any]) -> None:
    """Be one run, in a fork."""
    os.umask(0o077)
    if job.get("bytes"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["bytes"], job["bytes"]))
    if job.get("user"):
        os.setegid(job["user"])
        os.seteuid(job["user"])
    if job.get("words"):
        cli.main([*job["words"]])
        return
    if job.get("notebooks"):
        harmful_notebooks(cohort.folder)
    pages = RenderOptions(
        notebooks=job["command"] == "run" and job.get("pages", True), force=True
    )  # never an earlier run's
    now = datetime.fromisoformat(job["now"]) if job.get("now") else NOW
    options = RunOptions(AS_OF, now, command=job["command"], render=pages, reporter=Dying(job.get("at", "")))
    outcome = main_job.run_cohort(cohort, options)
    sys.exit(4 if outcome.incomplete else 0)


def started(work: Callable[[], object], said: IO[bytes]) -> int:
    """Do `work` in a fork that prints into `said`; return its number. What `work` returns may be its exit code."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
        done = work()
        code = done if isinstance(done, int) else 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001  # a fork must not return into the loop
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        sys.stdout.flush()
        os._exit(code)


def ended(pid: int, said: IO[bytes]) -> tuple[int, str]:
    """Wait for a fork; return how it ended (negative: by which signal) and what it printed."""
    _, status = os.waitpid(pid, 0)
    said.seek(0)
    return os.waitstatus_to_exitcode(status), said.read().decode(errors="replace")


def forked(
    work: Callable[[], object],
    after: float = 0.0,
    number: int = signal.SIGKILL,
    begun: Callable[[], object] | None = None,
) -> tuple[int, str]:
    """Do `work` in a fork that gets the signal `number` `after` seconds, or once it has `begun` (neither: never).

    Return how it ended (`ended`).
    """
    with tempfile.TemporaryFile() as said:
        pid = started(work, said)
        deadline = time.monotonic() + 120
        while begun and not begun() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(after)
        if after or begun:
            os.kill(pid, number)
        return ended(pid, said)


def begins(cohort: Cohort) -> Callable[[], object]:
    """Return what tells whether a run has begun since: its hidden folder stands."""
    runs = cohort.reports_folder / "runs"
    before = {*runs.glob(".*")}
    return lambda: {*runs.glob(".*")} - before


def standing(cohort: Cohort) -> dict[str, Any]:
    """Return what stands after a job: the latest run, finished runs, what the ledger's check says, held or not."""
    root = cohort.reports_folder
    latest = root / "latest.txt"
    with open_ledger(cohort) as ledger:
        wrong, entries = ledger.verify(), ledger.head()[0]
    runs = sorted(path.name for path in (root / "runs").glob("[!.]*")) if (root / "runs").is_dir() else []
    whole = [name for name in runs if (root / "runs" / name / "summary.json").is_file()]
    named = latest.read_text().strip() if latest.exists() else ""
    return {"latest": named, "runs": runs, "whole": whole, "ledger": wrong, "entries": entries}


def held(cohort: Cohort, lock: bool) -> contextlib.AbstractContextManager[None]:
    """Hold the cohort as another run would, where `lock`."""
    return cohort_lock(cohort, NOW) if lock else contextlib.nullcontext()


def main() -> None:
    """Run the jobs one after another."""
    import great_expectations  # noqa: F401  # imported once, for all forks

    from pipeline.check.validate import preload

    preload()
    first = load_cohort(Path(sys.argv[1]))
    with Path(sys.argv[2]).open("a", encoding="utf-8") as report:
        for text in sys.argv[3:]:
            job = json.loads(text)
            started = time.monotonic()
            cohort = load_cohort(Path(job["cohort"])) if job.get("cohort") else first
            with held(cohort, bool(job.get("lock"))):
                begun = begins(cohort) if job.get("begun") else None
                number = job.get("signal", signal.SIGKILL)
                code, said = forked(partial(one, cohort, job), job.get("after", 0.0), number, begun)
            line = {"name": job["name"], "code": code, "said": said, "seconds": round(time.monotonic() - started, 1)}
            print(json.dumps(line | standing(cohort), ensure_ascii=False), file=report, flush=True)


if __name__ == "__main__":
    main()
