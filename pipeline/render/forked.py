"""The client of a notebook whose cells run in a fork of this very process, which is a job of the prepared process."""

# ruff: noqa: ANN401 - the signatures are those of the classes overridden
from __future__ import annotations

import base64
import codecs
import contextlib
import json
import os
import selectors
import signal
import time
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from jupyter_client.session import Session
from nbclient.exceptions import DeadKernelError
from nbclient.util import run_sync

from pipeline.render import cells, processes
from pipeline.render.client import MingceClient, Timer

_PIPE = 1 << 16
"""What a pipe holds: one reading takes all that was written before."""
_LEAVING = 3.0
"""Seconds for the exit functions of cells."""


class ForkedClient(MingceClient):
    """Executes a notebook's cells in a fork that may allocate `memory` bytes (0: no bound).

    This process ends with all that the cells started as soon as `watched` closes: nobody waits for the notebook then.
    """

    watched: Connection
    memory: int = 0

    def execute(self, **kwargs: Any) -> Any:
        """Execute every cell until one fails, then end the fork and whatever the cells have started."""
        self.reset_execution_trackers()
        self._fork = _Fork(self.watched, self.memory)
        deaf = SimpleNamespace(send=lambda _message: None)  # to a widget that takes up output, its state in return
        self.kc: Any = SimpleNamespace(session=Session(), shell_channel=deaf)
        try:
            self.papermill_execute_cells()
        finally:
            self._fork.end()
        if not self.dead:
            self.nb.metadata["language_info"] = dict(cells.IPythonKernel.language_info)
        self.set_widgets_metadata()
        return self.nb

    def execute_cell(self, cell: Any, cell_index: int, *_: Any, **__: Any) -> Any:
        """Execute a cell as nbclient does."""
        skipped = self.skip_cells_with_tag in cell.metadata.get("tags", [])
        if cell.cell_type != "code" or not cell.source.strip() or skipped:
            return cell
        cell.outputs, self.clear_before_next_output = [], False
        timers = self.timers(self._fork.interrupt, self._fork.kill)
        with self.telling(cell):
            for message in self._fork.run(cell.source, timers):
                if message["msg_type"] == cells.REPLY:
                    cell["execution_count"] = message["content"]["execution_count"]
                    run_sync(self._check_raise_for_error)(cell, cell_index, message)
                else:
                    self.process_message(message, cell, cell_index)
        return cell


class _Fork:
    """The process of the cells: its messages, what it prints, its end."""

    def __init__(self, watched: Connection, memory: int) -> None:
        if processes.threads() != 1:
            raise RuntimeError(f"{processes.threads()} threads: a fork would not be safe")
        self._way, theirs = Pipe()
        pipes = {name: os.pipe() for name in ("stdout", "stderr")}
        job = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            with processes.nobody_returns():
                os.setsid()
                processes.die_with(job, signal.SIGKILL)
                processes.bound_memory(memory)
                for handle in (self._way, watched, *(reading for reading, _ in pipes.values())):
                    handle.close() if isinstance(handle, Connection) else os.close(handle)
                cells.serve(theirs, (pipes["stdout"][1], pipes["stderr"][1]))
        theirs.close()
        self._parent: dict[str, Any] = {}
        self._end = os.pidfd_open(self._pid)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._way, selectors.EVENT_READ)
        self._selector.register(self._end, selectors.EVENT_READ)
        self._selector.register(watched, selectors.EVENT_READ, processes.leave)
        self._printed: dict[str, tuple[int, codecs.IncrementalDecoder]] = {}
        for name, (reading, writing) in pipes.items():
            os.close(writing)
            os.set_blocking(reading, False)
            self._selector.register(reading, selectors.EVENT_READ)
            self._printed[name] = reading, codecs.getincrementaldecoder("utf-8")("replace")

    def run(self, source: str, timers: list[Timer]) -> Iterator[dict[str, Any]]:
        """Run a cell; give its messages in order, the reply last.

        Raises:
            DeadKernelError: the process ended before it replied.
        """
        header = {"msg_id": uuid4().hex, "msg_type": "execute_request"}
        self._parent = {"parent_header": header}
        self._send(json.dumps({"header": header, "content": {"code": source}}).encode())
        while True:
            wait = max(timers[0][0] - time.monotonic(), 0) if timers else None
            ready = {key.fileobj: key.data for key, _ in self._selector.select(wait)}
            if leave := next(filter(None, ready.values()), None):
                leave()
            while timers and timers[0][0] <= time.monotonic():
                timers.pop(0)[1]()
            yield from self._print()
            if self._way in ready:
                message = self._receive()
                yield from self._print()  # before the message: its sender waits
                yield message
                if message["msg_type"] == cells.REPLY:
                    return
                self._send(cells.HEARD)
            elif self._end in ready:
                raise DeadKernelError("Kernel died")

    def interrupt(self) -> None:
        """Interrupt the cell at hand, and what it has started."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """Kill the process and what it has started."""
        self._signal(signal.SIGKILL)

    def end(self) -> None:
        """Let the process end; kill it where it does not, and all that is left of what its cells started."""
        self._way.close()
        with selectors.DefaultSelector() as selector:
            selector.register(self._end, selectors.EVENT_READ)
            selector.select(_LEAVING)
        self.kill()
        processes.sweep()
        self._selector.close()
        for handle in (self._end, *(reading for reading, _ in self._printed.values())):
            os.close(handle)

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # it has ended: the selector says so
            self._way.send_bytes(data)

    def _receive(self) -> dict[str, Any]:
        try:
            message: dict[str, Any] = json.loads(self._way.recv_bytes())
        except (EOFError, OSError):
            raise DeadKernelError("Kernel died") from None
        message["buffers"] = [base64.b64decode(text) for text in message["buffers"]]
        return message

    def _print(self) -> Iterator[dict[str, Any]]:
        """Give what was printed until now."""
        for name, (reading, decoder) in self._printed.items():
            try:
                data = os.read(reading, _PIPE)
            except BlockingIOError:
                continue
            if not data and reading in self._selector.get_map():  # nobody is left who could print
                self._selector.unregister(reading)
            if text := decoder.decode(data):
                content = {"name": name, "text": text}
                yield {"msg_type": "stream", "header": {"msg_type": "stream"}, "content": content} | self._parent

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, number)
