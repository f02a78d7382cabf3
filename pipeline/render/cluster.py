"""Notebooks on the workers of a Dask cluster: each worker holds a prepared process, and Dask hands out the jobs.

A worker never forks itself (it has threads): its plugin starts the prepared process, and the jobs are forked from
that one. A worker that is lost takes its jobs' processes along, and Dask gives the jobs to another; outputs are written
whole, so that one written twice does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, as_completed
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from distributed import get_worker
from distributed.diagnostics.plugin import WorkerPlugin

from pipeline import resources
from pipeline.render.jobs import NotebookJob, NotebookResult
from pipeline.render.notebooks import run_notebooks
from pipeline.render.starter import Prepared, prepare
from pipeline.scale.work import dask_client


class PreparedProcess(WorkerPlugin):
    """Starts the prepared process beside a worker, and ends it with the worker or the run."""

    process: Prepared | None = None

    def __init__(self, name: str) -> None:
        self.name = name

    def setup(self, worker: object) -> None:
        """Start the process; its imports happen while the worker does something else."""
        self.process = prepare()

    def teardown(self, worker: object) -> None:
        """End the process and all that it forked."""
        if self.process is not None:
            self.process.close()


class Cluster:
    """The workers of one scheduler, made ready for notebooks; a context manager that lets them go.

    Raises:
        InputError: on entering, where the scheduler cannot be reached.
    """

    def __init__(self, scheduler: str) -> None:
        self._scheduler = scheduler
        self._name = f"mingce-notebooks-{uuid4().hex}"  # two runs at a time share no process
        self._open = ExitStack()
        self._client: Any = None

    def __enter__(self) -> Self:
        self._client = self._open.enter_context(dask_client(self._scheduler))
        self._client.register_plugin(PreparedProcess(self._name))
        self._open.callback(self._client.unregister_worker_plugin, self._name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def run(self, jobs: Sequence[NotebookJob], on_done: Callable[[NotebookResult], None]) -> None:
        """Run `jobs` on the workers, as many at a time as these have threads; `on_done` hears of each as it ends."""
        executor = self._client.get_executor(pure=False)
        waiting: dict[Future[NotebookResult], NotebookJob] = {}
        try:
            for job in jobs:
                waiting[executor.submit(run_here, self._name, job)] = job
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
