"""Papermill's notebook client with a deadline for the whole notebook, and a dead kernel told in its cell."""

# ruff: noqa: ANN401 - the signatures are those of the classes overridden
from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import nbformat
import zmq
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbclient.util import ensure_async, run_sync
from papermill.clientwrap import PapermillNotebookClient

GRACE = 3.0
"""Seconds between the interrupt at a notebook's deadline and the kill of a kernel that took no notice."""
_QUIET = (f"--log-level={logging.CRITICAL}", "--InteractiveShell.automagic=False")
"""`run: str = ""` alone in a cell would be the magic %run."""
_SOON = 0.3
"""Seconds after which a cell takes its time: what stood before it is saved."""
TIMEOUT, DIED = "NotebookTimeout", "KernelDied"
"""The `ename` of the errors that this client records itself."""

Timer = tuple[float, Callable[[], Any]]
"""A moment of the monotonic clock, and what is done then."""


class MingceClient(PapermillNotebookClient):
    """Executes a notebook as papermill does; its timeout and its kernel's death become errors of the cell."""

    budget: float = 0.0
    deadline: float = 0.0
    starting: AbstractContextManager[Any] | None = None
    dead: bool = False

    def execute(self, **kwargs: Any) -> Any:
        """Execute every cell until one fails, then shut the kernel down."""
        self.reset_execution_trackers()
        if sys.platform == "win32":
            asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())
        with self.setup_kernel(cleanup_kc=True, **kwargs):
            self.papermill_execute_cells()
            if not self.dead:
                self._record_language()
            self.set_widgets_metadata()
        return self.nb

    def create_kernel_manager(self) -> Any:
        """Make the manager of a cold kernel: it talks by TCP, and any account of this machine could listen there.

        What it would log is English; errors of cells stand in the notebook.
        """
        manager: Any = super().create_kernel_manager()
        if zmq.has("curve"):
            manager.transport_encryption = "auto"  # where the kernel knows how
        if manager.ipykernel:
            self.extra_arguments = [*self.extra_arguments, *_QUIET]
        return manager

    def _record_language(self) -> None:
        assert self.kc is not None
        info = self.wait_for_reply(self.kc.kernel_info())
        if info is not None:
            self.nb.metadata["language_info"] = info["content"]["language_info"]

    def start_new_kernel(self, **kwargs: Any) -> None:
        """Start a kernel; under `starting` also wait until it is ready, since cold kernels may pick the same ports.

        Its own standard output and error lead nowhere: what cells print goes to the notebook by sockets, and the rest
        is libraries' English.
        """
        kwargs |= {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if self.starting is None:
            super().start_new_kernel(**kwargs)
            return
        with self.starting:
            super().start_new_kernel(**kwargs)
            self.start_new_kernel_client()

    async def async_execute_cell(self, cell: Any, cell_index: int, *given: Any, **keywords: Any) -> Any:
        """Execute a cell; interrupt it at the deadline, kill its kernel `GRACE` seconds later."""
        assert self.km is not None and self.km.provisioner is not None
        timers = self.timers(self.km.interrupt_kernel, self.km.provisioner.kill)
        loop, now = asyncio.get_running_loop(), time.monotonic()
        handles = [loop.call_later(max(when - now, 0), self._do, action) for when, action in timers]
        try:
            with self.telling(cell):
                return await super().async_execute_cell(cell, cell_index, *given, **keywords)
        finally:
            for handle in handles:
                handle.cancel()

    execute_cell = run_sync(async_execute_cell)

    def output(self, outs: list[Any], *given: Any, **keywords: Any) -> Any:
        """Take an output; a piece of a stream goes to the piece before it: where they are cut is a matter of time."""
        count = len(outs)
        out = super().output(outs, *given, **keywords)
        if out is not None and 0 < count < len(outs):
            before, last = outs[-2:]
            if last.output_type == "stream" == before.output_type and last.name == before.name:
                before.text += outs.pop().text
        return out

    @contextmanager
    def telling(self, cell: Any) -> Generator[None]:
        """Execute a cell in the body: the deadline and the kernel's death become errors of the cell.

        Raises:
            CellExecutionError: the notebook cannot go on.
        """
        try:
            yield
        except DeadKernelError:
            self.dead = True
            if not self.is_overdue():
                raise _recorded(cell, DIED, "内核中途退出：可能是内存不够或程序崩溃") from None
            raise _recorded(cell, TIMEOUT, self._overdue_text()) from None
        except CellExecutionError:
            if self.is_overdue():
                _recorded(cell, TIMEOUT, self._overdue_text())
            raise

    def timers(self, interrupt: Callable[[], Any], kill: Callable[[], Any]) -> list[Timer]:
        """Return what happens while a cell runs, and when: it is saved, interrupted, killed."""
        catch_up = getattr(self.nb_man, "catch_up", None)
        soon = [(time.monotonic() + _SOON, catch_up)] if catch_up else []
        return soon + ([(self.deadline, interrupt), (self.deadline + GRACE, kill)] if self.deadline else [])

    def _do(self, action: Callable[[], Any]) -> None:
        self._doing: Awaitable[Any] = asyncio.ensure_future(ensure_async(action()))

    def is_overdue(self) -> bool:
        """Return whether the notebook's time is up."""
        return bool(self.deadline) and time.monotonic() >= self.deadline

    def _overdue_text(self) -> str:
        return f"整个 notebook 超过 {self.budget:g} 秒，已停止"


def _recorded(cell: Any, name: str, text: str) -> CellExecutionError:
    """Put the error first among the cell's outputs, where papermill looks, and return what stops the notebook."""
    output = nbformat.v4.new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])
    cell.outputs.insert(0, output)
    return CellExecutionError(f"{name}: {text}", name, text)
