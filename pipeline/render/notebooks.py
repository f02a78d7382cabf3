"""Run many notebooks side by side and turn each into a page; one that fails stops no other.

On Linux every notebook is a job: a fork of the prepared process (papermill, ipykernel and the exporter are there
already), which forks once more for the notebook's cells. Notebooks of ours follow each other in one job and one
process of cells, each in a namespace of its own: a fork costs more than many of them. Elsewhere, and with `cold`,
every notebook is a new process whose kernel is a cold one.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from pipeline.errors import InputError, UsageError, reason_of, slip_of
from pipeline.logs import hush_libraries
from pipeline.render.prepared import Prepared, bound_memory, can_fork, forget_secrets, prepare
from pipeline.whole import appearing

MEMORY = 2 << 30
"""Bytes a notebook's kernel may allocate, unless the caller says otherwise."""
_MARGIN = 60
"""Seconds a job may take beyond its notebook's timeout (start, end, page) before it is killed."""


@dataclass(frozen=True)
class NotebookJob:
    """A notebook to run: its file, where the executed one and its page go (None: no page), and its parameters.

    `token` ties its page to what it is made for; `line` stands under the title that its own text gives the page;
    `own` is an office's own notebook, which runs in its folder; `of_college` is whose page it is (school's code, name).
    `ours` is one of this program, which may follow another of them in its process.
    """

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
    """What became of a job: `error` is Chinese, empty where all went well, and names no person."""

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
    """Run `jobs`, `processes` at a time (0: one more than the cores), and return their results in the same order.

    `timeout` seconds and `memory` bytes (0: none) bound each notebook; `on_done` hears of each as it ends, in this
    thread. `prepared` is a process started early with `prepare()`; without it one is started and ended here.
    A notebook given parameters that it does not document is not started; its result says so. On any way out (Ctrl-C,
    too) no job is left behind.
    """
    enough = (len(jobs) + 1) // 2 if all(job.ours for job in jobs) else len(jobs)  # a fork costs what a page costs
    processes = processes or min((os.cpu_count() or 1) + 1, enough)
    results: dict[int, NotebookResult] = {}
    waiting = deque(range(len(jobs)))
    running: dict[Any, tuple[int, float]] = {}
    with ExitStack() as stack:
        alone = cold or not can_fork()
        if alone:
            start = partial(_start_cold, get_context("spawn").Lock())
        else:
            start = (prepared or stack.enter_context(prepare())).job
        stack.callback(lambda: [connection.close() for connection in running])
        while waiting or running:
            while waiting and len(running) < processes:
                place = waiting.popleft()
                running[start(jobs[place], timeout, memory)] = place, time.monotonic()
            ready: list[Any] = wait(list(running))
            for connection in ready:
                place, started = running.pop(connection)
                kind, error = _heard(connection)
                results[place] = NotebookResult(jobs[place], not kind, time.monotonic() - started, error, kind)
                following = [] if alone or kind or not jobs[place].ours else [at for at in waiting if jobs[at].ours]
                if following:
                    connection.send((jobs[following[0]], timeout, memory))
                    waiting.remove(following[0])
                    running[connection] = following[0], time.monotonic()
                else:
                    connection.close()
                on_done(results[place])
    return [results[place] for place in range(len(jobs))]


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
    """Be the job that comes by `connection`, send back what became of it (the failure's kind and text), and so on.

    In a fork of the prepared process the cells run in a fork again. Elsewhere a cold kernel runs them. `starting` is
    held while it starts; it inherits the bound on memory, and the environment without its secrets.
    """
    hush_libraries()
    os.umask(0o077)
    forget_secrets(os.environ)
    left: list[Any] = []
    with suppress(EOFError):  # no other job comes
        while True:
            job, timeout, memory = connection.recv()
            if timeout and os.name == "posix":
                signal.alarm(int(timeout) + _MARGIN)
            connection.send(_told_of(job, timeout, _client(connection, starting, memory, left if job.ours else None)))


def _client(
    connection: Connection, starting: AbstractContextManager[Any] | None, memory: int, left: list[Any] | None
) -> Callable[..., Any]:
    """Return what runs the cells of a notebook."""
    if starting is None:
        from pipeline.render.cells import ForkedClient

        return partial(ForkedClient, watched=connection, memory=memory, left=left)
    import papermill  # noqa: F401 # pyright: ignore[reportUnusedImport] - it imports the engine

    from pipeline.render.engine import MingceClient

    bound_memory(memory)
    return partial(MingceClient, starting=starting)


def _told_of(job: NotebookJob, timeout: float, client: Callable[..., Any]) -> tuple[str, str]:
    """Return what became of a job, whatever it was: the failure's kind and text, both blank where there is none."""
    try:
        return _execute(job, timeout, client)
    except (UsageError, InputError) as refused:
        return "usage", str(refused)
    except OSError as failed:
        return "failed", f"notebook 的文件读写失败（{reason_of(failed)}）"
    except RuntimeError as failed:
        return "died", f"内核没有启动（{type(failed).__name__}），请重试"


def _execute(job: NotebookJob, timeout: float, client: Callable[..., Any]) -> tuple[str, str]:
    """Execute the job's notebook, write it, and its page where all went well; return the failure's kind and text."""
    import papermill
    from papermill.exceptions import PapermillExecutionError

    from pipeline.render import cards
    from pipeline.render.parameters import read_notebook

    with appearing(job.output_notebook, contended=True) as draft:  # a lost worker's job may run beside its successor's
        try:
            executed = papermill.execute_notebook(
                read_notebook(job.notebook),
                str(draft).replace("{", "{{").replace("}", "}}"),  # papermill would put parameters where braces are
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
        with appearing(job.output_html, contended=True) as draft:
            draft.write_text(page, encoding="utf-8", newline="\n")
    return "", ""


def _told(name: str, text: str, cell: int) -> tuple[str, str]:
    """Return kind and Chinese text of the error `name`; its own text is repeated only where this program wrote it."""
    where = f"第 {cell + 1} 个单元格"
    if name in (ours := {"NotebookTimeout": "timeout", "KernelDied": "died"}):
        return ours[name], f"{where}：{text}"
    if name in {"MemoryError", "ArrowMemoryError", "_ArrayMemoryError"}:
        return "memory", f"{where}：内存不够（{name}）"
    return "failed", f"{where}出错（{name}），{slip_of(name) or '详见执行后的 notebook'}"
