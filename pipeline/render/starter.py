"""Start the prepared process and ask it for children. Light: the caller imports nothing of Jupyter.

`prepare()` returns at once; the imports happen over there while the caller does something else.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pipeline
from pipeline.errors import MingceError

SOCKET = "prepared"
MESSAGE = 1 << 20
_LONGEST = 70  # a socket's path holds 107 bytes; a kernel's sockets add up to 30 to the folder's
_SECRET = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|_KEY(_|$)", re.IGNORECASE)
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_IO_THREADS", "ARROW_NUM_THREADS")


def can_fork() -> bool:
    """Return whether kernels can be forked here: on Linux alone (macOS' frameworks forbid it, Windows has none)."""
    return sys.platform == "linux"


class Child:
    """One forked process, held by its connection: closing it kills the process and what it started."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self.connection = connection
        self.pid = pid
        self.status: int | None = None
        self.result: dict[str, Any] | None = None

    def poll(self) -> int | None:
        """Return the exit status (negative: the signal that killed it), or None while it lives."""
        while self.status is None:
            try:
                data = self.connection.recv(MESSAGE, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return None
            except OSError:
                data = b""
            self._take(json.loads(data) if data else {"exit": -9})
        return self.status

    def signal(self, number: int) -> None:
        """Send signal `number` to the child's process group."""
        if self.status is None:
            with contextlib.suppress(OSError):
                self.connection.send(json.dumps({"signal": number}).encode())

    def close(self) -> None:
        """Let go of the child; if it still lives it is killed."""
        self.connection.close()

    def _take(self, message: dict[str, Any]) -> None:
        if "exit" in message:
            self.status = int(message["exit"])
        else:
            self.result = message


class Prepared:
    """The prepared process as its starter holds it; a context manager that ends it."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes] | None) -> None:
        self.folder = folder
        self.process = process

    def child(self, request: Mapping[str, Any]) -> Child:
        """Fork the process that `request` describes (see `pipeline.render.prepared`) and return it.

        Raises:
            MingceError: the prepared process is gone or cannot fork.
        """
        connection = self._connect()
        try:
            connection.send(json.dumps(request).encode())
            data = connection.recv(MESSAGE)
        except OSError:
            data = b""
        answer: dict[str, Any] = json.loads(data) if data else {"error": "gone"}
        if "pid" not in answer:
            connection.close()
            raise MingceError(
                f"notebook 的准备进程不可用（{answer.get('error')}）", remedy="请重试，或加 --cold 用普通内核运行"
            )
        return Child(connection, int(answer["pid"]))

    def close(self) -> None:
        """End the prepared process and every child of it."""
        if self.process is None:
            return
        atexit.unregister(self.close)
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _connect(self) -> socket.socket:
        """Connect; the socket exists a moment after the start, long before the imports are done."""
        address = str(self.folder / SOCKET)
        deadline = time.monotonic() + 30
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                connection.connect(address)
            except OSError:
                connection.close()
                dead = self.process is not None and self.process.poll() is not None
                if dead or time.monotonic() > deadline:
                    raise MingceError(
                        "notebook 的准备进程没有启动", remedy="请运行 mingce doctor，或加 --cold 用普通内核运行"
                    ) from None
                time.sleep(0.01)
            else:
                return connection


def prepare(folder: Path | None = None) -> Prepared:
    """Start the prepared process and return at once.

    Its sockets stand in a new 0700 folder inside `folder` (the run's own temporary folder) where that path is short
    enough for a socket, else in the system's; no data are ever written there. The process ends, with all it forked,
    when the caller closes it or dies.
    """
    short = folder is not None and len(os.fsencode(folder)) <= _LONGEST - 20
    parent = folder if folder is not None and short else Path(tempfile.gettempdir())
    private = parent.resolve() / f"nb-{secrets.token_hex(8)}"
    command = [sys.executable, "-P", "-m", "pipeline.render.prepared", str(private)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=_environment(),
        start_new_session=True,
    )
    private.mkdir(mode=0o700, exist_ok=True)  # both make it: a kill between two steps leaves nobody's folder
    prepared = Prepared(private, process)
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
