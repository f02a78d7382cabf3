"""Notebooks on the workers of a Dask cluster: each worker holds a prepared process, and Dask hands out the jobs.

A worker never forks itself (it has threads): its plugin starts the prepared process, and the jobs are forked from
that one. A worker that is lost takes its jobs' processes along, and Dask gives the jobs to another; outputs are written
whole, so that one written twice does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import CancelledError, Future, as_completed
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

from distributed import get_worker
from distributed.diagnostics.plugin import WorkerPlugin

from pipeline import resources
from pipeline.render.notebooks import NotebookJob, NotebookResult, run_notebooks
from pipeline.render.prepared import Prepared, prepare
from pipeline.scale.executors import dask_client

Run = Callable[[Sequence[NotebookJob], Callable[[NotebookResult], None]], None]


class PreparedProcess(WorkerPlugin):
    """Starts the prepared process beside a worker, and ends it with the worker or the run."""

    process: Prepared | None = None

    def setup(self, worker: object) -> None:
        """Start the process; its imports happen while the worker does something else."""
        self.process = prepare()

    def teardown(self, worker: object) -> None:
        """End the process and all that it forked."""
        if self.process is not None:
            self.process.close()


@contextmanager
def on_workers(scheduler: str) -> Generator[Run]:
    """Make the workers of a scheduler ready for notebooks, give what runs them there, and let the workers go.

    Raises:
        InputError: on entering, where the scheduler cannot be reached.
    """
    name = f"mingce-notebooks-{uuid4().hex}"  # two runs at a time share no process
    with dask_client(scheduler) as client:
        client.register_plugin(PreparedProcess(), name)
        try:
            yield partial(_run, client, name)
        finally:
            client.unregister_worker_plugin(name)


def _run(client: Any, name: str, jobs: Sequence[NotebookJob], on_done: Callable[[NotebookResult], None]) -> None:  # noqa: ANN401 - Dask's has no types
    """Run `jobs` on the workers, as many at a time as these have threads; `on_done` hears of each as it ends."""
    executor = client.get_executor(pure=False)
    waiting: dict[Future[NotebookResult], NotebookJob] = {}
    try:
        for job in jobs:
            waiting[executor.submit(run_here, name, job)] = job
        for done in as_completed(waiting):
            on_done(_result(done, waiting[done]))
    finally:
        for future in waiting:
            future.cancel()


def run_here(plugin: str, job: NotebookJob) -> NotebookResult:
    """Run one job on this worker; a notebook of ours is taken from the program that is installed here."""
    held: Any = get_worker().plugins[plugin]
    mine = job if job.own else replace(job, notebook=resources.notebooks() / job.notebook.name)
    (result,) = run_notebooks([mine], processes=1, prepared=held.process)
    return result


def _result(done: Future[NotebookResult], job: NotebookJob) -> NotebookResult:
    """Return what became of a job; that its workers were lost again and again is told like a process that died."""
    try:
        failure = done.exception()
    except CancelledError as lost:
        failure = lost
    if failure is None:
        return replace(done.result(), job=job)
    return NotebookResult(job, False, 0.0, f"计算节点一再中途退出（{type(failure).__name__}），请重试", "died")
