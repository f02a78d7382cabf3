"""Run many notebooks side by side and turn each into a page; one that fails stops no other.

On Linux every notebook is a job: a child forked from the prepared process (papermill, nbclient, nbconvert and the
exporter are there already), whose kernel is forked from that process too. Elsewhere, and with `cold`, worker
processes run the same jobs with cold kernels.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context

from pipeline.errors import MingceError
from pipeline.render import jobs as work
from pipeline.render.jobs import NotebookJob, NotebookResult
from pipeline.render.starter import Child, Prepared, can_fork, prepare

__all__ = ["MEMORY", "NotebookJob", "NotebookResult", "run_notebooks"]

MEMORY = 2 << 30
"""Bytes a notebook's kernel may allocate, unless the caller says otherwise."""
_MARGIN = 60.0
"""Seconds a job may take beyond its notebook's timeout (start, shutdown, conversion) before it is killed."""

Report = Callable[[NotebookResult], None]


def run_notebooks(
    jobs: Sequence[NotebookJob],
    *,
    processes: int = 0,
    cold: bool = False,
    timeout: float = 600.0,
    memory: int = MEMORY,
    on_done: Report | None = None,
    prepared: Prepared | None = None,
) -> list[NotebookResult]:
    """Run `jobs`, `processes` at a time (0: one more than the cores), and return their results in the same order.

    `timeout` seconds and `memory` bytes (0: none) bound each notebook; `on_done` hears of each as it ends, in this
    thread. `prepared` is a process started early with `prepare()`; without it one is started and ended here.
    A notebook given parameters that it does not document is not started; its result says so.
    """
    settings = work.Settings(timeout, memory, cold or not can_fork())
    processes = min(processes or (os.cpu_count() or 1) + 1, max(len(jobs), 1))
    report: Report = on_done or (lambda result: None)
    if settings.cold:
        return _run_cold(jobs, processes, settings, report)
    with prepare() if prepared is None else contextlib.nullcontext(prepared) as process:
        return _Pool(process, settings, report).run(jobs, processes)


@dataclass
class _Running:
    place: int
    job: NotebookJob
    child: Child
    started: float


@dataclass
class _Pool:
    """Keeps a number of forked jobs going and collects their results; single-threaded."""

    prepared: Prepared
    settings: work.Settings
    report: Report
    results: dict[int, NotebookResult] = field(default_factory=dict[int, NotebookResult])
    running: list[_Running] = field(default_factory=list[_Running])

    def run(self, jobs: Sequence[NotebookJob], processes: int) -> list[NotebookResult]:
        """Run all jobs; on any way out (Ctrl-C too) no job is left behind."""
        waiting = deque(enumerate(jobs))
        with selectors.DefaultSelector() as selector:
            try:
                while waiting or self.running:
                    while waiting and len(self.running) < processes:
                        self._start(*waiting.popleft(), selector)
                    self._step(selector)
            finally:
                for one in self.running:
                    one.child.close()
        return [self.results[place] for place in range(len(jobs))]

    def _start(self, place: int, job: NotebookJob, selector: selectors.BaseSelector) -> None:
        request = {
            "kind": "job",
            "job": work.to_wire(job),
            "settings": work.settings_to_wire(self.settings),
            "folder": str(self.prepared.folder),
        }
        started = time.monotonic()
        try:
            child = self.prepared.child(request)
        except MingceError as error:
            self._finish(place, NotebookResult(job, False, time.monotonic() - started, str(error), "died"))
            return
        one = _Running(place, job, child, started)
        self.running.append(one)
        selector.register(child.connection, selectors.EVENT_READ, one)

    def _step(self, selector: selectors.BaseSelector) -> None:
        for key, _ in selector.select(1.0):
            one: _Running = key.data
            if one.child.poll() is not None or one.child.result is not None:
                self._collect(one, selector)
        for one in list(self.running):
            limit = self.settings.timeout + _MARGIN
            if self.settings.timeout and time.monotonic() - one.started > limit:
                one.child.signal(signal.SIGKILL)

    def _collect(self, one: _Running, selector: selectors.BaseSelector) -> None:
        selector.unregister(one.child.connection)
        one.child.close()
        self.running.remove(one)
        seconds = time.monotonic() - one.started
        said = one.child.result
        if said is None:
            result = NotebookResult(one.job, False, seconds, work.died_text(one.child.status), "died")
        else:
            result = NotebookResult(one.job, bool(said["ok"]), seconds, str(said["error"]), str(said["kind"]))
        self._finish(one.place, result)

    def _finish(self, place: int, result: NotebookResult) -> None:
        self.results[place] = result
        self.report(result)


def _run_cold(
    jobs: Sequence[NotebookJob], processes: int, settings: work.Settings, report: Report
) -> list[NotebookResult]:
    """Run the jobs in worker processes with cold kernels; starts are serialised by a lock they share."""
    context = get_context("spawn")
    results: dict[int, NotebookResult] = {}
    with ProcessPoolExecutor(processes, context, work.hold_lock, (context.Lock(), settings.memory)) as pool:
        places = {pool.submit(work.run_job, job, settings): place for place, job in enumerate(jobs)}
        for done in as_completed(places):
            place = places[done]
            if (failure := done.exception()) is not None:
                result = NotebookResult(
                    jobs[place], False, 0.0, f"工作进程中途退出（{type(failure).__name__}）", "died"
                )
            else:
                result = done.result()
            results[place] = result
            report(result)
    return [results[place] for place in range(len(jobs))]
