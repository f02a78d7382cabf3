"""Notebooks on the workers of a Dask cluster.

A worker has threads and must not fork. So its plugin starts a prepared process and the jobs are forked from that. If a
worker is lost, Dask runs its jobs again; outputs are written atomically, so a second write does no harm.
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

RunJobs = Callable[[Sequence[NotebookJob], Callable[[NotebookResult], None]], None]


class PreparedProcess(WorkerPlugin):
    """Starts a worker's prepared process, and ends it with the worker or the run."""

    process: Prepared | None = None

    def setup(self, worker: object) -> None:
        """Start the process. It imports its modules in the background."""
        self.process = prepare()

    def teardown(self, worker: object) -> None:
        """End the process and its children."""
        if self.process is not None:
            self.process.close()


@contextmanager
def notebook_workers(scheduler: str) -> Generator[RunJobs]:
    """Start a prepared process on each worker; yield what runs jobs there. Raises InputError without a scheduler."""
    name = f"mingce-notebooks-{uuid4().hex}"  # two runs at a time share no process
    with dask_client(scheduler) as client:
        client.register_plugin(PreparedProcess(), name)
        try:
            yield partial(_run, client, name)
        finally:
            client.unregister_worker_plugin(name)


def _run(client: Any, name: str, jobs: Sequence[NotebookJob], on_done: Callable[[NotebookResult], None]) -> None:  # noqa: ANN401 - Dask's has no types
    executor = client.get_executor(pure=False)
    waiting: dict[Future[NotebookResult], NotebookJob] = {}
    try:
        for job in jobs:
            waiting[executor.submit(run_on_worker, name, job)] = job
        for done in as_completed(waiting):
            on_done(_result(done, waiting[done]))
    finally:
        for future in waiting:
            future.cancel()


def run_on_worker(plugin: str, job: NotebookJob) -> NotebookResult:
    """Run one job on this worker. The package's own notebooks are read from the worker's installation."""
    worker_plugin: Any = get_worker().plugins[plugin]
    local_job = job if job.custom else replace(job, notebook=resources.notebooks() / job.notebook.name)
    (result,) = run_notebooks([local_job], processes=1, prepared=worker_plugin.process)
    return result


def _result(future: Future[NotebookResult], job: NotebookJob) -> NotebookResult:
    """Return a job's result. A job whose workers were lost repeatedly counts as died."""
    try:
        failure = future.exception()
    except CancelledError as lost:
        failure = lost
    if failure is None:
        return replace(future.result(), job=job)
    return NotebookResult(job, False, 0.0, f"计算节点一再中途退出（{type(failure).__name__}），请重试", "died")
