"""Start the prepared process and have it fork jobs. Light: the caller imports nothing of Jupyter.

`prepare()` returns at once; the imports happen over there while the caller does something else.
"""

from __future__ import annotations

import atexit
import os
import re
import socket
import subprocess
import sys
from collections.abc import MutableMapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

import pipeline
from pipeline.errors import MingceError

_SECRET = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|_KEY(_|$)", re.IGNORECASE)
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_IO_THREADS", "ARROW_NUM_THREADS")


def can_fork() -> bool:
    """Return whether notebooks' processes can be forked here: on Linux alone (macOS' frameworks forbid it)."""
    return sys.platform == "linux"


class Prepared:
    """The prepared process as its starter holds it; a context manager that ends it."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        self.process = process
        self._control = control

    def job(self, *request: object) -> Connection:
        """Fork a job, send it `request` and return the way to it: closing this kills the job and all it started.

        Raises:
            MingceError: the prepared process is gone.
        """
        ours, theirs = Pipe()
        try:
            socket.send_fds(self._control, [b"job"], [theirs.fileno()])
            ours.send(request)
        except OSError as error:
            ours.close()
            raise MingceError(
                "notebook 的准备进程不可用", remedy="请运行 mingce doctor，或加 --cold 用普通内核运行"
            ) from error
        finally:
            theirs.close()
        return ours

    def close(self) -> None:
        """End the prepared process and every child of it."""
        atexit.unregister(self.close)
        self._control.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def prepare() -> Prepared:
    """Start the prepared process and return at once. It ends, with all it forked, when the caller closes it or dies."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-P", "-m", "pipeline.render.prepared"]
    with theirs:
        process = subprocess.Popen(
            command, stdin=theirs, stdout=subprocess.DEVNULL, env=_environment(), start_new_session=True
        )
    prepared = Prepared(process, ours)
    atexit.register(prepared.close)
    return prepared


def forget_secrets(environment: MutableMapping[str, str]) -> None:
    """Take passwords, tokens and keys out of an environment: no notebook needs the mail password."""
    for name in [name for name in environment if _SECRET.search(name)]:
        del environment[name]


def _environment() -> dict[str, str]:
    """Return the environment without secrets, one thread for each library."""
    env = dict(os.environ)
    forget_secrets(env)
    env.update(dict.fromkeys(_ONE_THREAD, "1"))
    env["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # Arrow's jemalloc would start a thread at the import
    env.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    root = str(Path(pipeline.__file__).resolve().parent.parent)
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [root, env.get("PYTHONPATH", "")]))
    return env
