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
_MARGIN = 60
"""Seconds a job may take beyond its notebook's timeout (start, end, page) before it is killed."""


@dataclass(frozen=True)
class NotebookJob:
    """A notebook to run. `line` is the subtitle, `of_college` (school code, name). `ours` may share a process."""

    notebook: Path
    output_notebook: Path
    output_html: Path | None
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])
    name: str = ""
    token: str = ""
    line: str = ""
    own: bool = False
    of_college: tuple[str, str] | None = None
    ours: bool = False


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
    ours = all(job.ours for job in jobs)
    enough = (len(jobs) + 1) // 2 if ours else len(jobs)  # a fork takes as long as a page
    processes = processes or min((os.cpu_count() or 1) + 1, enough)
    results: dict[int, NotebookResult] = {}
    waiting = list(range(len(jobs)))
    running: dict[Any, tuple[int, float]] = {}
    with ExitStack() as stack:
        alone = cold or not can_fork()
        if alone:
            start = partial(_start_cold, get_context("spawn").Lock())
        else:
            start = (prepared or stack.enter_context(prepare(own=not ours))).job
        stack.callback(lambda: [connection.close() for connection in running])
        while waiting or running:
            while waiting and len(running) < processes:
                place = _next_of(jobs, waiting, running)
                waiting.remove(place)
                running[start(jobs[place], timeout, memory)] = place, time.monotonic()
            ready: list[Any] = wait(list(running))
            for connection in ready:
                place, started = running.pop(connection)
                kind, error = _heard(connection)
                results[place] = NotebookResult(jobs[place], not kind, time.monotonic() - started, error, kind)
                ours_left = [] if alone or kind or not jobs[place].ours else [at for at in waiting if jobs[at].ours]
                if ours_left:
                    following = _next_of(jobs, ours_left, running, jobs[place].of_college)
                    waiting.remove(following)
                    connection.send((jobs[following], timeout, memory))
                    running[connection] = following, time.monotonic()
                else:
                    connection.close()
                on_done(results[place])
    return [results[place] for place in range(len(jobs))]


def _next_of(
    jobs: Sequence[NotebookJob],
    waiting: Sequence[int],
    running: Mapping[Any, tuple[int, float]],
    college: tuple[str, str] | None = None,
) -> int:
    """Return the place of a job of the college whose tables a process has read, or else of one that no other reads."""
    busy = {jobs[place].of_college for place, _ in running.values()}
    return min(waiting, key=lambda at: (jobs[at].of_college != college, jobs[at].of_college in busy))


def _heard(connection: Any) -> tuple[str, str]:  # noqa: ANN401 - Windows' is another
    with suppress(EOFError, OSError):
        return connection.recv()
    return "died", "notebook 的执行进程中途退出：可能超时或内存不够，请重试，或加 --cold 用普通内核运行"


def _start_cold(starting: AbstractContextManager[Any], *request: object) -> Connection:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    with theirs:
        context.Process(target=serve_notebooks, args=(theirs, starting), daemon=True).start()
    ours.send(request)
    return ours


def serve_notebooks(connection: Connection, starting: AbstractContextManager[Any] | None = None) -> None:
    """Run the jobs that arrive by `connection`; send back (kind, text) of failures. `starting` locks a cold start."""
    silence_libraries()
    os.umask(0o077)
    forget_secrets(os.environ)
    left: list[Any] = []
    with suppress(EOFError):  # the connection closed
        while True:
            job, timeout, memory = connection.recv()
            if timeout and os.name == "posix":
                signal.alarm(int(timeout) + _MARGIN)
            connection.send(_told_of(job, timeout, _client(connection, starting, memory, left if job.ours else None)))


def _client(
    connection: Connection, starting: AbstractContextManager[Any] | None, memory: int, left: list[Any] | None
) -> Callable[..., Any]:
    if starting is None:
        from pipeline.render.forked_cells import ForkedClient

        return partial(ForkedClient, watched=connection, memory=memory, left=left)
    import papermill  # noqa: F401 # pyright: ignore[reportUnusedImport] - it imports the engine

    from pipeline.render.engine import MingceClient

    limit_memory(memory)
    return partial(MingceClient, starting=starting)


def _told_of(job: NotebookJob, timeout: float, client: Callable[..., Any]) -> tuple[str, str]:
    """Run a job and return (kind, text) of its failure, or blanks. All expected errors are caught."""
    try:
        return _execute(job, timeout, client)
    except (UsageError, InputError) as refused:
        return "usage", str(refused)
    except OSError as failed:
        return "failed", f"notebook 的文件读写失败（{reason_of(failed)}）"
    except RuntimeError as failed:
        return "died", f"内核没有启动（{type(failed).__name__}），请重试"


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
                cwd=str(job.notebook.parent) if job.own else None,
            )
        except PapermillExecutionError as error:
            return _told(error.ename, error.evalue, error.cell_index)
    if job.output_html is not None:
        page = cards.page(executed, token=job.token, line=job.line, folder=str(job.notebook.parent))
        with atomic_path(job.output_html, contended=True) as draft:
            draft.write_text(page, encoding="utf-8", newline="\n")
    return "", ""


def _told(name: str, text: str, cell: int) -> tuple[str, str]:
    """Return kind and Chinese text of the error `name`. Foreign error text is left out, because it may quote data."""
    where = f"第 {cell + 1} 个单元格"
    if name in (ours := {"NotebookTimeout": "timeout", "KernelDied": "died"}):
        return ours[name], f"{where}：{text}"
    if name in {"MemoryError", "ArrowMemoryError", "_ArrayMemoryError"}:
        return "memory", f"{where}：内存不够（{name}）"
    return "failed", f"{where}出错（{name}），{hint_for_error(name) or '详见执行后的 notebook'}"
