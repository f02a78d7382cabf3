"""Executors of tasks: this process, local processes, or Dask workers (`concurrent.futures`), with equal results."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any, TypeVar

from pipeline.errors import InputError, PartialError
from pipeline.logs import silence_libraries

T = TypeVar("T")

_ATTEMPTS = 3  # attempts after a worker was killed (mostly out of memory)
_CONNECT_TIMEOUT = 30  # seconds to wait for the scheduler


@dataclass
class Work:
    """Runs tasks. With `parallel` the cohort is processed in parts."""

    parallel: bool
    _open_executor: Callable[[], Executor] | None = None
    _executor: Executor | None = None

    def map(
        self, function: Callable[..., T], tasks: Sequence[tuple[Any, ...]], on_result: Callable[[T], None] | None = None
    ) -> list[T]:
        """Return `function(*task)` of each task, in their order; `done` is called with each result.

        Tasks of a lost worker run again. Raises PartialError if workers are lost repeatedly.
        """
        if self._open_executor is None or len(tasks) < 2:
            return [_passed_on(function(*task), on_result) for task in tasks]
        results: dict[int, T] = {}
        for _ in range(_ATTEMPTS):
            self._executor = self._executor or self._open_executor()
            remaining = [at for at in range(len(tasks)) if at not in results]
            futures: dict[Future[T], int] = {}
            try:
                for at in remaining:
                    futures[self._executor.submit(function, *tasks[at])] = at
                for future in as_completed(futures):
                    results[futures[future]] = _passed_on(future.result(), on_result)
                return [results[at] for at in range(len(tasks))]
            except BrokenProcessPool:
                self.close()
            finally:
                for future in futures:
                    future.cancel()
        raise PartialError("工作进程一再中途退出，可能是内存不够", remedy="请关掉其他程序，或换一台内存更大的机器")

    def close(self) -> None:
        """Stop the workers."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None


def _passed_on(result: T, on_result: Callable[[T], None] | None) -> T:
    if on_result is not None:
        on_result(result)
    return result


@contextmanager
def open_work(scheduler: str | None, *, large: bool) -> Generator[Work]:
    """Yield the work on a Dask scheduler, or on processes here if `large`. Raises InputError without that scheduler."""
    if scheduler is not None:
        with dask_client(scheduler) as client:
            yield Work(True, lambda: client.get_executor(pure=False))
        return
    work = Work(True, _open_pool) if large else Work(False)
    try:
        yield work
    finally:
        work.close()


def _open_pool() -> Executor:
    """Return a pool of processes. On Linux they are forked from a server with the modules imported."""
    if sys.platform == "linux":
        context = get_context("forkserver")
        context.set_forkserver_preload(["pipeline.stages", "pipeline.scale.worker_setup"])
    else:
        context = get_context("spawn")
    return ProcessPoolExecutor(os.cpu_count(), context, initializer=_initialise_worker)


def _initialise_worker() -> None:
    """End this worker when its parent ends, also after a kill: it would wait for the queue forever."""
    silence_libraries()
    parent = parent_process()
    if parent is None:
        return

    def exit_with_parent() -> None:
        parent.join()
        os._exit(1)

    Thread(target=exit_with_parent, name="parent", daemon=True).start()


@contextmanager
def dask_client(scheduler: str) -> Generator[Any]:
    """Yield a client of the Dask scheduler at this address. Raises InputError if it cannot be reached."""
    from distributed import Client

    try:
        client: Any = Client(scheduler, timeout=_CONNECT_TIMEOUT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"连不上 Dask 调度器（{type(error).__name__}）",
            where=scheduler,
            remedy="请确认它在运行，或去掉 cohort.toml 的 [scale]，改在本机运行",
        ) from None
    try:
        yield client
    finally:
        client.close()
