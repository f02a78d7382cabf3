"""Where tasks are done: in this process, in a pool of this machine's processes, or by a Dask cluster's workers.

All three are `concurrent.futures`; which one it is changes no result. Nothing here schedules: the pool and Dask do.
"""

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
from typing import Any, NoReturn, Protocol, TypeVar

from pipeline.errors import InputError, PartialError
from pipeline.logs import hush_libraries

T = TypeVar("T")


class _Joinable(Protocol):
    """Another process, whose end can be waited for."""

    def join(self, timeout: float | None = None) -> None: ...


_TRIES = 3  # a pool whose worker was killed (out of memory, mostly) is made anew so often
_CONNECT = 30  # seconds to wait for the scheduler


@dataclass
class Work:
    """Does tasks. `parallel` says whether several at a time: then the cohort is worked on in parts."""

    parallel: bool
    _open: Callable[[], Executor] | None = None
    _executor: Executor | None = None

    def map(
        self, function: Callable[..., T], tasks: Sequence[tuple[Any, ...]], done: Callable[[T], None] | None = None
    ) -> list[T]:
        """Return `function(*task)` of each task, in their order; `done` hears of each as it ends.

        A task whose worker is lost is done again by another one.

        Raises:
            PartialError: workers were lost again and again.
        """
        if self._open is None or len(tasks) < 2:
            return [_told(function(*task), done) for task in tasks]
        results: dict[int, T] = {}
        for _ in range(_TRIES):
            self._executor = self._executor or self._open()
            left = [at for at in range(len(tasks)) if at not in results]
            futures: dict[Future[T], int] = {}
            try:
                for at in left:
                    futures[self._executor.submit(function, *tasks[at])] = at
                for future in as_completed(futures):
                    results[futures[future]] = _told(future.result(), done)
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


def _told(result: T, done: Callable[[T], None] | None) -> T:
    if done is not None:
        done(result)
    return result


@contextmanager
def open_work(scheduler: str | None, *, large: bool) -> Generator[Work]:
    """Open the place where tasks are done, and close it.

    Args:
        scheduler: a Dask scheduler's address; None for this machine.
        large: whether the inputs are worth more than one process.

    Raises:
        InputError: the scheduler cannot be reached.
    """
    if scheduler is not None:
        with _dask(scheduler) as executor:
            yield Work(True, lambda: executor)
        return
    work = Work(True, _pool) if large else Work(False)
    try:
        yield work
    finally:
        work.close()


def _pool() -> Executor:
    """Return a pool of processes. On Linux they are forked from a server that has imported what tasks need."""
    if sys.platform == "linux":
        context = get_context("forkserver")
        context.set_forkserver_preload(["pipeline.stages", "pipeline.scale.ready"])
    else:
        context = get_context("spawn")
    return ProcessPoolExecutor(os.cpu_count(), context, initializer=_begin)


def _begin() -> None:
    """Begin a worker: it says what the run's process says, and ends with it."""
    hush_libraries()
    _end_with_parent()


def _end_with_parent() -> None:
    """End this worker when the process of the run ends, also after a kill.

    A worker holds both ends of its queue, so it would wait for ever and keep the fork server alive.
    """
    parent = parent_process()
    if parent is not None:
        Thread(target=_outlive, args=(parent,), name="parent", daemon=True).start()


def _outlive(parent: _Joinable) -> NoReturn:
    parent.join()
    os._exit(1)


@contextmanager
def _dask(scheduler: str) -> Generator[Executor]:
    with dask_client(scheduler) as client:
        yield client.get_executor(pure=False)


@contextmanager
def dask_client(scheduler: str) -> Generator[Any]:
    """Open a client of the Dask scheduler at this address, and close it.

    Raises:
        InputError: the scheduler cannot be reached.
    """
    from distributed import Client

    try:
        client: Any = Client(scheduler, timeout=_CONNECT, set_as_default=False)
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
