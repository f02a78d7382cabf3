"""One notebook job: execute, convert, write whole. Runs in a forked child, or in a worker with cold kernels."""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pipeline.errors import InputError, UsageError, reason_of
from pipeline.logs import hush_libraries
from pipeline.render.starter import forget_secrets


@dataclass(frozen=True)
class NotebookJob:
    """A notebook to run: its file, where the executed one and its page go (None: no page), and its parameters.

    `token` ties its page to what it is made for; `line` stands under the title that its own text gives the page;
    `own` is an office's own notebook, which runs in its folder; `of_college` is whose page it is (school's code, name).
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


@dataclass(frozen=True)
class NotebookResult:
    """What became of a job: `error` is Chinese, empty where all went well, and names no person."""

    job: NotebookJob
    ok: bool
    seconds: float
    error: str = ""
    kind: str = ""
    """timeout, died, memory, failed (an error in a cell), usage (parameters), or empty."""


@dataclass(frozen=True)
class Settings:
    """What holds for every job: seconds and bytes (0: unbound)."""

    timeout: float
    memory: int


UNFINISHED = ".tmp.ipynb"
"""How the name of a notebook ends that is being executed (on any machine, so no process id is in it)."""

MARGIN = 60
"""Seconds a job may take beyond its notebook's timeout (start, end, page) before it is killed."""

_starting: AbstractContextManager[Any] | None = None


def hold_lock(lock: AbstractContextManager[Any], memory: int) -> None:
    """Begin a cold worker: `lock` is held while a kernel starts; what it starts inherits the bound on memory.

    It inherits the environment, too: without its secrets. Libraries say nothing on standard error from here on.
    """
    global _starting
    _starting = lock
    forget_secrets(os.environ)
    hush_libraries()
    if os.name == "posix" and os.path.exists("/proc/self/status"):  # noqa: PTH110 - no path is worked on
        from pipeline.render.processes import bound_memory

        bound_memory(memory)


def serve(connection: Connection) -> None:
    """Be the job that comes by `connection` (in a fork of the prepared process) and send back what became of it."""
    hush_libraries()
    job, settings = connection.recv()
    if settings.timeout:
        signal.alarm(int(settings.timeout) + MARGIN)
    connection.send(run_job(job, settings, {"watched": connection, "memory": settings.memory}))


def run_job(job: NotebookJob, settings: Settings, forking: Mapping[str, Any] | None = None) -> NotebookResult:
    """Execute the job's notebook, write it and its page (the page only where all went well).

    `forking` says how this process runs the cells in a fork of its own (None: a cold kernel does).
    """
    started = time.monotonic()
    os.umask(0o077)
    try:
        kind, error = _execute(job, settings, forking)
    except (UsageError, InputError) as refused:
        kind, error = "usage", str(refused)
    except OSError as failed:
        kind, error = "failed", f"notebook 的文件读写失败（{reason_of(failed)}）"
    except RuntimeError as failed:
        kind, error = "died", f"内核没有启动（{type(failed).__name__}），请重试"
    return NotebookResult(job, not kind, time.monotonic() - started, error, kind)


def _execute(job: NotebookJob, settings: Settings, forking: Mapping[str, Any] | None) -> tuple[str, str]:
    """Run papermill; return the failure's kind and text, both empty where there is none."""
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    from pipeline.render.parameters import read_notebook

    job.output_notebook.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = job.output_notebook.with_name(f".{secrets.token_hex(8)}{UNFINISHED}")
    failure: tuple[str, str] = "", ""
    executed: Any = None
    try:
        executed = papermill.execute_notebook(
            read_notebook(job.notebook),
            _as_it_stands(unfinished),
            parameters=job.parameters,
            engine_name="mingce",
            progress_bar=False,
            notebook_timeout=settings.timeout,
            forking=forking,
            starting=_starting,
            recorded=(job.notebook.name, job.output_notebook.name),
            cwd=str(job.notebook.parent) if job.own else None,
        )
    except (PapermillExecutionError, DeadKernelError) as error:
        told: Any = error.__cause__ if isinstance(error, DeadKernelError) else error
        failure = _told(told.ename, told.evalue, told.cell_index)
    finally:
        if unfinished.exists():
            unfinished.replace(job.output_notebook)
    if executed is not None and job.output_html is not None:
        _write_page(executed, job)
    return failure


def _write_page(executed: Any, job: NotebookJob) -> None:  # noqa: ANN401 - nbformat's node has no types
    from pipeline.render import export

    assert job.output_html is not None
    page = export.page(executed, token=job.token, line=job.line, folder=str(job.notebook.parent))
    export.write_whole(job.output_html, page)


def _as_it_stands(path: Path) -> str:
    """Return a path as Papermill takes it: it would put a parameter's value where the path has braces."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _told(name: str, text: str, cell: int) -> tuple[str, str]:
    """Return kind and Chinese text of the error `name`; its own text is repeated only where this program wrote it."""
    where = f"第 {cell + 1} 个单元格"
    if name == "NotebookTimeout":
        return "timeout", f"{where}：{text}"
    if name == "KernelDied":
        return "died", f"{where}：{text}"
    if name in {"MemoryError", "ArrowMemoryError", "_ArrayMemoryError"}:
        return "memory", f"{where}：内存不够（{name}）"
    return "failed", f"{where}出错（{name}），详见执行后的 notebook"
