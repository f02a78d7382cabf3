"""Cells run in a fork of the job by ipykernel's kernel, without sockets or threads. Outputs return as JSON."""

# ruff: noqa: ANN401 - the signatures are those of the classes overridden
from __future__ import annotations

import asyncio
import atexit
import base64
import codecs
import contextlib
import json
import logging
import os
import select
import selectors
import signal
import sys
import threading
import time
import warnings
from collections.abc import Generator, Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import numpy as np
import papermill  # noqa: F401 # pyright: ignore[reportUnusedImport] - it imports the engine, which cannot be first
from ipykernel.ipkernel import IPythonKernel
from jupyter_client.session import Session
from nbclient.exceptions import DeadKernelError
from nbclient.util import run_sync
from tornado.ioloop import IOLoop
from traitlets import Any as AnyTrait
from traitlets import Int
from traitlets.config import Config

from pipeline.render import prepared
from pipeline.render.engine import MingceClient

_REPLY, _ACKNOWLEDGED = "execute_reply", b"acknowledged"
_MAX_NOTEBOOKS = 60  # notebooks per process, because they leak memory
_GRACE = 3.0
"""Seconds for a cell that was interrupted, and for the exit functions of cells."""
_WARNING_FILTERS = warnings.filters[:]
_send_lock = threading.Lock()


class ForkedClient(MingceClient):
    """Executes cells in a fork limited to `memory` bytes (0: none). This process ends when `job_connection` closes."""

    job_connection = AnyTrait()
    memory = Int(0)
    idle = AnyTrait()
    """A list for the idle fork that the package's next notebook reuses (None: forks are not reused)."""

    @contextlib.contextmanager
    def setup_kernel(self, **kwargs: Any) -> Generator[None]:
        """Provide a fork for the cells in the body, and end it with its children."""
        self._fork = self.idle.pop() if self.idle else _Fork(self.job_connection, self.memory)
        no_channel = SimpleNamespace(send=id)  # output widgets would send their state back
        self.kc: Any = SimpleNamespace(session=Session(), shell_channel=no_channel, kernel_info=str)
        self._succeeded = True
        try:
            yield
        finally:
            if self.idle is not None and self._succeeded and self._fork.renew():
                self.idle.append(self._fork)
            else:
                self._fork.end()

    def wait_for_reply(self, *_: Any) -> Any:
        """Return the known language information of the kernel."""
        return {"content": {"language_info": dict(IPythonKernel.language_info)}}

    def execute_cell(self, cell: Any, cell_index: int, *_: Any, **__: Any) -> Any:
        """Execute a cell as nbclient does."""
        skipped = self.skip_cells_with_tag in cell.metadata.get("tags", [])
        if cell.cell_type != "code" or not cell.source.strip() or skipped:
            return cell
        cell.outputs, self.clear_before_next_output = [], False
        self._succeeded = False
        with self.recording_failure(cell):
            for message in self._fork.run(cell.source, self.deadline):
                if message["msg_type"] == _REPLY:
                    cell["execution_count"] = message["content"]["execution_count"]
                    run_sync(self._check_raise_for_error)(cell, cell_index, message)
                else:
                    self.process_message(message, cell, cell_index)
        self._succeeded = True
        return cell


class _Fork:
    def __init__(self, job_connection: Connection, memory: int) -> None:
        self._connection, child = Pipe()
        pipes = {name: os.pipe() for name in ("stdout", "stderr")}
        with prepared.forking(signal.SIGKILL) as self._pid:
            if self._pid == 0:
                prepared.limit_memory(memory)
                self._connection.close()
                job_connection.close()
                for number, (reading, writing) in enumerate(pipes.values(), 1):
                    os.dup2(writing, number)
                    os.close(writing)
                    os.close(reading)
                _serve_cells(child)
        child.close()
        self._parent: dict[str, Any] = {}
        self._notebooks = 0
        self._end = os.pidfd_open(self._pid)
        self._selector = selectors.DefaultSelector()
        for source, action in ((self._connection, None), (self._end, None), (job_connection, prepared.exit_job)):
            self._selector.register(source, selectors.EVENT_READ, action)
        self._output_pipes: dict[str, tuple[int, codecs.IncrementalDecoder]] = {}
        for name, (reading, writing) in pipes.items():
            os.close(writing)
            os.set_blocking(reading, False)
            self._selector.register(reading, selectors.EVENT_READ)
            self._output_pipes[name] = reading, codecs.getincrementaldecoder("utf-8")("replace")

    def run(self, source: str, deadline: float) -> Iterator[dict[str, Any]]:
        """Run a cell and yield its messages, the reply last. At `deadline` (0: none) it is interrupted, later killed.

        Raises DeadKernelError if the process ended before it replied.
        """
        header = {"msg_id": uuid4().hex, "msg_type": "execute_request"}
        self._parent = {"parent_header": header}
        self._send(json.dumps({"header": header, "content": {"code": source}}).encode())
        timers = [(deadline, signal.SIGINT), (deadline + _GRACE, signal.SIGKILL)] if deadline else []
        while True:
            wait = max(timers[0][0] - time.monotonic(), 0) if timers else None
            ready = {key.fileobj: key.data for key, _ in self._selector.select(wait)}
            for action in filter(None, ready.values()):
                action()
            while timers and timers[0][0] <= time.monotonic():
                self._signal(timers.pop(0)[1])
            message = self._receive() if self._connection in ready else None
            yield from self._read_output()  # printed text first: the sender waits until its message is acknowledged
            if message is not None:
                yield message
                if message["msg_type"] == _REPLY:
                    return
                self._send(_ACKNOWLEDGED)
            elif self._end in ready:
                raise DeadKernelError("Kernel died")

    def renew(self) -> bool:
        """Reset the namespace for the next notebook. Return whether the process may be reused."""
        self._notebooks += 1
        self._send(b"{}")
        return self._notebooks < _MAX_NOTEBOOKS

    def end(self) -> None:
        self._connection.close()
        select.select([self._end], [], [], _GRACE)
        self._signal(signal.SIGKILL)
        prepared.kill_orphans()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, number)

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the process ended: the selector reports it
            self._connection.send_bytes(data)

    def _receive(self) -> dict[str, Any] | None:
        try:
            message: dict[str, Any] = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            self._selector.unregister(self._connection)
            return None
        message["buffers"] = [base64.b64decode(text) for text in message["buffers"]]
        return message

    def _read_output(self) -> Iterator[dict[str, Any]]:
        for name, (reading, decoder) in self._output_pipes.items():
            try:
                data = os.read(reading, 1 << 16)  # the capacity of a pipe: all text so far
            except BlockingIOError:
                continue
            if not data and reading in self._selector.get_map():  # all writers have ended
                self._selector.unregister(reading)
            if text := decoder.decode(data):
                content = {"name": name, "text": text}
                yield {"msg_type": "stream", "header": {"msg_type": "stream"}, "content": content} | self._parent


class _PipeSession(Session):
    connection = AnyTrait()

    def send(self, stream: Any, msg_or_type: Any, content: Any = None, parent: Any = None, **kwargs: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Flush printed text, send a message and wait until it is read, so that their order is kept."""
        sys.stdout.flush()
        sys.stderr.flush()
        message: dict[str, Any] = msg_or_type
        if isinstance(msg_or_type, str):
            message = self.msg(msg_or_type, content, parent, None, kwargs.get("metadata"))
        message["buffers"] = [base64.b64encode(buffer).decode() for buffer in kwargs.get("buffers") or ()]
        text = json.dumps(message, default=str).encode()
        with _send_lock:
            old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # keep the message in one piece
            self.connection.send_bytes(text)
            if message["msg_type"] != _REPLY:
                self.connection.recv_bytes()
            signal.pthread_sigmask(signal.SIG_SETMASK, old_mask)
        return message


def _serve_cells(connection: Connection) -> None:
    """Run the cells that `connection` receives until it closes. Then run the exit functions, as an interpreter does."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdout, sys.stderr = (
        os.fdopen(number, "w", 1, "utf-8", "backslashreplace", closefd=False) for number in (1, 2)
    )
    sys.argv = ["ipykernel_launcher.py"]
    sys.path.append("")  # modules in the folder of an office's notebook
    warnings.filters[:] = _WARNING_FILTERS  # pyright: ignore[reportIndexIssue] - the job hides warnings and logs
    logging.getLogger().handlers.clear()
    package, name = "matplotlib_inline", "backend_inline"
    if sys.modules.pop(f"{package}.{name}", None) is not None:  # its import makes the shell show open figures
        vars(sys.modules[package]).pop(name, None)
    np.random.seed()  # a different seed per notebook
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    with contextlib.suppress(EOFError):
        loop.run_until_complete(_run_kernel(connection))
    with contextlib.suppress(BaseException):
        threading._shutdown()  # pyright: ignore[reportAttributeAccessIssue]
        atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage]
        sys.stdout.flush()


async def _run_kernel(connection: Connection) -> None:
    config = Config()
    config.HistoryManager.enabled = False  # a thread, and a file in the user's home
    config.InteractiveShell.automagic = False  # `run: str = ""` alone in a cell would be the magic %run
    logger = logging.getLogger("pipeline.render.forked_cells")
    logger.disabled = True  # it would log the text of a failing cell
    shell_thread = SimpleNamespace(parent_thread=threading.current_thread())
    session = _PipeSession(connection=connection)
    kernel: Any = IPythonKernel.instance(config=config, session=session, log=logger, shell_channel_thread=shell_thread)
    kernel.io_loop = IOLoop.current()
    readable = asyncio.Event()
    asyncio.get_running_loop().add_reader(connection.fileno(), readable.set)
    while not kernel.shell.exit_now:
        await readable.wait()  # tasks that a cell left in the loop continue
        readable.clear()
        request: dict[str, Any] = json.loads(connection.recv_bytes())
        if not request:
            kernel.shell.reset()
            continue
        kernel.set_parent([], request)
        reply: dict[str, Any] = await kernel.do_execute(request["content"]["code"], silent=False)
        kernel.session.send(None, _REPLY, reply, request)
