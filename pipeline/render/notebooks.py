"""Run many notebooks side by side and turn each into a page; one that fails stops no other.

On Linux every notebook is a job: a fork of the prepared process (papermill, ipykernel and the exporter are there
already), which forks once more for the notebook's cells. Elsewhere, and with `cold`, worker processes run the same jobs
with cold kernels.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait

from pipeline.errors import MingceError
from pipeline.render.jobs import NotebookJob, NotebookResult, Settings, hold_lock, run_job
from pipeline.render.starter import Prepared, can_fork, prepare

__all__ = ["MEMORY", "NotebookJob", "NotebookResult", "run_notebooks"]

MEMORY = 2 << 30
"""Bytes a notebook's kernel may allocate, unless the caller says otherwise."""
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
    settings = Settings(timeout, memory)
    processes = min(processes or (os.cpu_count() or 1) + 1, max(len(jobs), 1))
    report: Report = on_done or (lambda result: None)
    if cold or not can_fork():
        return _run_cold(jobs, processes, settings, report)
    with prepare() if prepared is None else contextlib.nullcontext(prepared) as process:
        return _run_forked(jobs, processes, settings, report, process)


def _run_forked(
    jobs: Sequence[NotebookJob], processes: int, settings: Settings, report: Report, prepared: Prepared
) -> list[NotebookResult]:
    """Run the jobs in forks of the prepared process; on any way out (Ctrl-C too) no job is left behind."""
    results: dict[int, NotebookResult] = {}
    waiting = deque(enumerate(jobs))
    running: dict[Connection, tuple[int, float]] = {}

    def finish(place: int, result: NotebookResult) -> None:
        results[place] = result
        report(result)

    try:
        while waiting or running:
            while waiting and len(running) < processes:
                place, job = waiting.popleft()
                try:
                    running[prepared.job(job, settings)] = place, time.monotonic()
                except MingceError as error:
                    finish(place, NotebookResult(job, False, 0.0, str(error), "died"))
            for connection in wait(list(running)):
                assert isinstance(connection, Connection)
                place, started = running.pop(connection)
                finish(place, _result(connection, jobs[place], time.monotonic() - started))
    finally:
        for connection in running:
            connection.close()
    return [results[place] for place in range(len(jobs))]


def _result(connection: Connection, job: NotebookJob, seconds: float) -> NotebookResult:
    """Return what the job at the other end has sent, or that it ended without a word."""
    with connection:
        try:
            return connection.recv()
        except (EOFError, OSError):
            error = "notebook 的执行进程中途退出：可能超时或内存不够，请重试"
            return NotebookResult(job, False, seconds, error, "died")


def _run_cold(jobs: Sequence[NotebookJob], processes: int, settings: Settings, report: Report) -> list[NotebookResult]:
    """Run the jobs in worker processes with cold kernels; starts are serialised by a lock they share."""
    context = get_context("spawn")
    results: dict[int, NotebookResult] = {}
    with ProcessPoolExecutor(processes, context, hold_lock, (context.Lock(), settings.memory)) as pool:
        places = {pool.submit(run_job, job, settings): place for place, job in enumerate(jobs)}
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
