"""The process in which a notebook's cells run: ipykernel's own kernel without sockets, threads and client.

The job forks it and sends it one cell at a time. What cells show goes back as JSON text (a message of Jupyter's
protocol each), what they and their children print goes by pipes.
"""

from __future__ import annotations

import asyncio
import atexit
import base64
import contextlib
import json
import logging
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any, NoReturn

from ipykernel.ipkernel import IPythonKernel
from jupyter_client.session import Session
from tornado.ioloop import IOLoop
from traitlets.config import Config

REPLY, HEARD = "execute_reply", b"heard"
_sending = threading.Lock()


class _Wire(Session):
    """Jupyter's session, whose messages go to the job as JSON text."""

    way: Connection | None = None

    # what Jupyter's takes, of which nothing here needs the rest
    def send(self, stream: Any, msg_or_type: Any, content: Any = None, parent: Any = None, **more: Any) -> Any:  # noqa: ANN401
        """Send a message after all that was printed before it."""
        sys.stdout.flush()
        sys.stderr.flush()
        made = isinstance(msg_or_type, dict)
        message: dict[str, Any] = (
            msg_or_type if made else self.msg(msg_or_type, content, parent, None, more.get("metadata"))
        )
        message["buffers"] = [base64.b64encode(buffer).decode() for buffer in more.get("buffers") or ()]
        text = json.dumps(message, default=str).encode()
        assert self.way is not None
        with _sending:
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # half a message could not be read
            self.way.send_bytes(text)
            if message["msg_type"] != REPLY:
                self.way.recv_bytes()  # heard, and so was all that was printed before: their order is kept
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return message


def serve(way: Connection, printing: tuple[int, int]) -> NoReturn:
    """Run the cells that come by `way` until it closes; `printing` are the pipes for standard output and error."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, pipe in enumerate(printing, 1):
        os.dup2(pipe, number)
        os.close(pipe)
    sys.stdout, sys.stderr = (
        os.fdopen(number, "w", 1, "utf-8", "backslashreplace", closefd=False) for number in (1, 2)
    )
    sys.argv = ["ipykernel_launcher.py"]
    _forget_what_was_warmed()
    with contextlib.suppress(EOFError):
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        loop.run_until_complete(_run(way))
    _leave()


async def _run(way: Connection) -> None:
    """Run one cell after another inside a running loop, as a kernel does."""
    kernel = _kernel(way)
    came = asyncio.Event()
    asyncio.get_running_loop().add_reader(way.fileno(), came.set)
    while True:
        await came.wait()  # what a cell has left to the loop goes on meanwhile
        came.clear()
        request: dict[str, Any] = json.loads(way.recv_bytes())
        kernel.set_parent([], request)
        reply: dict[str, Any] = await kernel.do_execute(request["content"]["code"], silent=False)
        kernel.session.send(None, REPLY, reply, request)
        if kernel.shell.exit_now:
            return


def _kernel(way: Connection) -> Any:  # noqa: ANN401 - its traits have no types
    config = Config()
    config.HistoryManager.enabled = False  # a thread, and a file in the user's home
    config.InteractiveShell.automagic = False  # `run: str = ""` alone in a cell would be the magic %run
    silent = logging.getLogger("pipeline.render.cells")
    silent.disabled = True  # it would repeat what a failing cell said
    session = _Wire()
    session.way = way
    here = SimpleNamespace(parent_thread=threading.current_thread())
    kernel: Any = IPythonKernel.instance(config=config, session=session, log=silent, shell_channel_thread=here)
    kernel.io_loop = IOLoop.current()
    return kernel


def _forget_what_was_warmed() -> None:
    """Leave no trace of the prepared process that a cell could see.

    matplotlib's inline backend is imported anew: its import is what makes this shell show open figures. Numpy's global
    generator is seeded anew, since no two notebooks may share one.
    """
    import numpy as np

    package, name = "matplotlib_inline", "backend_inline"
    if sys.modules.pop(f"{package}.{name}", None) is not None:
        vars(sys.modules[package]).pop(name, None)
    np.random.seed()


def _leave() -> NoReturn:
    """End as an interpreter does (threads joined, exit functions run, streams flushed) but tear nothing down."""
    with contextlib.suppress(BaseException):
        threading._shutdown()  # pyright: ignore[reportAttributeAccessIssue]
        atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage]
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(0)
