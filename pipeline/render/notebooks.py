"""Run many notebooks in parallel and make a page of each. A failed one does not stop the others.

On Linux each job is a fork of the prepared process, which forks again for the cells. The package's own notebooks share
a job and its cell process, each in its own namespace, because forks are slow. Elsewhere, and with `cold`, each notebook
has a new process and kernel.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from pipeline.atomic_files import atomic_path
from pipeline.errors import InputError, UsageError, hint_for_error, reason_of
from pipeline.logs import silence_libraries
from pipeline.render.prepared import Prepared, can_fork, forget_secrets, limit_memory, prepare

MEMORY = 2 << 30
"""Bytes a notebook's kernel may allocate, unless the caller says otherwise."""
_GRACE = 60
"""Seconds beyond the notebook's timeout (start, end, page) after which a job is killed."""


@dataclass(frozen=True)
class NotebookJob:
    """A notebook to run, an office's (`custom`) or the package's (`bundled`). `of_college` is school code and name."""

    notebook: Path
    output_notebook: Path
    output_html: Path | None
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])
    name: str = ""
    token: str = ""
    line: str = ""
    custom: bool = False
    of_college: tuple[str, str] | None = None
    bundled: bool = False


@dataclass(frozen=True)
class NotebookResult:
    """The result of a job. `error` is Chinese (blank: none) and contains no personal data."""

    job: NotebookJob
    ok: bool
    seconds: float
    error: str = ""
    kind: str = ""
    """timeout, died, memory, failed (an error in a cell), usage (parameters), or empty."""


def run_notebooks(
    jobs: Sequence[NotebookJob],
    *,
    processes: int = 0,
    cold: bool = False,
    timeout: float = 600.0,
    memory: int = MEMORY,
    on_done: Callable[[NotebookResult], None] = lambda _: None,
    prepared: Prepared | None = None,
) -> list[NotebookResult]:
    """Run `jobs`, `processes` at a time (0: cores plus one), and return their results in the same order.

    `timeout` (seconds) and `memory` (bytes; 0: none) limit each notebook. `on_done` is called in this thread. Without
    `prepared`, a prepared process is started and ended here. A notebook with undocumented parameters is not started. No
    job outlives the call, after Ctrl-C too.
    """
    bundled = all(job.bundled for job in jobs)
    most = (len(jobs) + 1) // 2 if bundled else len(jobs)  # a fork takes as long as a page
    processes = processes or min((os.cpu_count() or 1) + 1, most)
    results: dict[int, NotebookResult] = {}
    waiting = list(range(len(jobs)))
    running: dict[Any, tuple[int, float]] = {}
    with ExitStack() as stack:
        separate = cold or not can_fork()
        if separate:
            start = partial(_start_cold, get_context("spawn").Lock())
        else:
            start = (prepared or stack.enter_context(prepare(custom=not bundled))).start_job
        stack.callback(lambda: [connection.close() for connection in running])
        while waiting or running:
            while waiting and len(running) < processes:
                index = _next_job(jobs, waiting, running)
                waiting.remove(index)
                running[start(jobs[index], timeout, memory)] = index, time.monotonic()
            ready: list[Any] = wait(list(running))
            for connection in ready:
                index, started = running.pop(connection)
                kind, error = _receive(connection)
                results[index] = NotebookResult(jobs[index], not kind, time.monotonic() - started, error, kind)
                left = [] if separate or kind or not jobs[index].bundled else [at for at in waiting if jobs[at].bundled]
                if left:
                    following = _next_job(jobs, left, running, jobs[index].of_college)
                    waiting.remove(following)
                    connection.send((jobs[following], timeout, memory))
                    running[connection] = following, time.monotonic()
                else:
                    connection.close()
                on_done(results[index])
    return [results[place] for place in range(len(jobs))]


def _next_job(
    jobs: Sequence[NotebookJob],
    waiting: Sequence[int],
    running: Mapping[Any, tuple[int, float]],
    college: tuple[str, str] | None = None,
) -> int:
    """Return the index of the next job: one of `college`, whose tables are cached, or else of a college not in work."""
    busy = {jobs[index].of_college for index, _ in running.values()}
    return min(waiting, key=lambda at: (jobs[at].of_college != college, jobs[at].of_college in busy))


def _receive(connection: Any) -> tuple[str, str]:  # noqa: ANN401 - Windows' is another
    with suppress(EOFError, OSError):
        return connection.recv()
    return "died", "notebook 的执行进程中途退出：可能超时或内存不够，请重试，或加 --cold 用普通内核运行"


def _start_cold(start_lock: AbstractContextManager[Any], *request: object) -> Connection:
    context = get_context("spawn")
    parent, child = context.Pipe()
    with child:
        context.Process(target=serve_notebooks, args=(child, start_lock), daemon=True).start()
    parent.send(request)
    return parent


def serve_notebooks(connection: Connection, start_lock: AbstractContextManager[Any] | None = None) -> None:
    """Run the jobs that `connection` receives, and send back (kind, text). Without `start_lock` cells are forked."""
    silence_libraries()
    os.umask(0o077)
    forget_secrets(os.environ)
    idle: list[Any] = []
    with suppress(EOFError):  # the connection closed
        while True:
            job, timeout, memory = connection.recv()
            if timeout and os.name == "posix":
                signal.alarm(int(timeout) + _GRACE)
            client = _client(connection, start_lock, memory, idle if job.bundled else None)
            connection.send(_run_job(job, timeout, client))


def _client(
    connection: Connection, start_lock: AbstractContextManager[Any] | None, memory: int, idle: list[Any] | None
) -> Callable[..., Any]:
    if start_lock is None:
        from pipeline.render.forked_cells import ForkedClient

        return partial(ForkedClient, job_connection=connection, memory=memory, idle=idle)
    import papermill  # noqa: F401 # pyright: ignore[reportUnusedImport] - it imports the engine

    from pipeline.render.engine import MingceClient

    limit_memory(memory)
    return partial(MingceClient, start_lock=start_lock)


def _run_job(job: NotebookJob, timeout: float, client: Callable[..., Any]) -> tuple[str, str]:
    """Run a job and return (kind, text) of its failure, or blanks. All expected errors are caught."""
    try:
        return _execute(job, timeout, client)
    except (UsageError, InputError) as error:
        return "usage", str(error)
    except OSError as error:
        return "failed", f"notebook 的文件读写失败（{reason_of(error)}）"
    except RuntimeError as error:
        return "died", f"内核没有启动（{type(error).__name__}），请重试"


def _execute(job: NotebookJob, timeout: float, client: Callable[..., Any]) -> tuple[str, str]:
    """Execute and write the notebook, and its page if it succeeded. Return (kind, text) of the failure."""
    import papermill
    from papermill.exceptions import PapermillExecutionError

    from pipeline.render import cards
    from pipeline.render.parameters import read_notebook

    with atomic_path(job.output_notebook, contended=True) as draft:  # a lost worker's job may still run
        try:
            executed = papermill.execute_notebook(
                read_notebook(job.notebook),
                str(draft).replace("{", "{{").replace("}", "}}"),  # papermill formats braces in paths
                parameters=job.parameters,
                engine_name="mingce",
                request_save_on_cell_execute=False,
                progress_bar=False,
                notebook_timeout=timeout,
                client=client,
                recorded={"input_path": job.notebook.name, "output_path": job.output_notebook.name},
                cwd=str(job.notebook.parent) if job.custom else None,
            )
        except PapermillExecutionError as error:
            return _describe_failure(error.ename, error.evalue, error.cell_index)
    if job.output_html is not None:
        page = cards.page(executed, token=job.token, line=job.line, folder=str(job.notebook.parent))
        with atomic_path(job.output_html, contended=True) as draft:
            draft.write_text(page, encoding="utf-8", newline="\n")
    return "", ""


def _describe_failure(name: str, text: str, cell: int) -> tuple[str, str]:
    """Return kind and Chinese text of the error `name`. Library messages are omitted, because they may quote data."""
    where = f"第 {cell + 1} 个单元格"
    if name in (own_kinds := {"NotebookTimeout": "timeout", "KernelDied": "died"}):
        return own_kinds[name], f"{where}：{text}"
    if name in {"MemoryError", "ArrowMemoryError", "_ArrayMemoryError"}:
        return "memory", f"{where}：内存不够（{name}）"
    return "failed", f"{where}出错（{name}），{hint_for_error(name) or '详见执行后的 notebook'}"
