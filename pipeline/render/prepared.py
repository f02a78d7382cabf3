"""The prepared process: imports everything once, stays single-threaded, and forks kernels and notebook jobs.

Run as `python -m pipeline.render.prepared FOLDER`. It listens on `FOLDER/prepared` (a private 0700 folder). A
connection is one child: the first message asks for it (`{"kind": "kernel" | "job", …}`), the answer is
`{"pid": …}`, then `{"exit": status}` once it is gone. `{"signal": n}` signals the child's process group; closing
the connection kills it. When standard input closes (its starter has died), everything is killed and FOLDER removed.

Nothing here may start a thread before a fork: asserted each time from /proc/self/task.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from pipeline.render.starter import MESSAGE, SOCKET

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36

Message = dict[str, Any]


@dataclass
class _Server:
    """The prepared process's state: its sockets, and the connection of each living child."""

    folder: Path
    listener: socket.socket
    wakeup: socket.socket
    selector: selectors.BaseSelector
    children: dict[int, socket.socket] = field(default_factory=dict[int, socket.socket])
    clients: set[socket.socket] = field(default_factory=set[socket.socket])


def main(folder: Path) -> NoReturn:
    """Listen at once, import, then serve until standard input closes."""
    server = _open(folder)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _import_all()
    gc.collect()
    gc.freeze()  # what is shared stays shared: the collector writes into no page of it
    _serve(server)


def threads() -> int:
    """Return how many threads this process has, by the kernel's own account."""
    return len(list(Path("/proc/self/task").iterdir()))


def _open(folder: Path) -> _Server:
    folder.mkdir(mode=0o700, exist_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(folder / SOCKET))
    listener.listen(256)
    reading, writing = socket.socketpair()
    reading.setblocking(False)
    writing.setblocking(False)
    signal.signal(signal.SIGCHLD, _nothing)  # it only has to wake the selector
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the starter: it closes our standard input
    signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
    selector.register(listener, selectors.EVENT_READ)
    selector.register(reading, selectors.EVENT_READ)
    server = _Server(folder, listener, reading, selector)
    server.clients.add(writing)  # closed in children as the others are
    return server


def _nothing(number: int, frame: FrameType | None) -> None:
    pass


def _import_all() -> None:
    """Import and warm what notebooks, the engine and the exporter use, without starting a thread."""
    from pipeline.render import warm

    warm.everything()
    if threads() != 1:
        raise RuntimeError(f"{threads()} threads after the imports: a fork would not be safe")


def _serve(server: _Server) -> NoReturn:
    while True:
        for key, _ in server.selector.select():
            if key.fileobj == sys.stdin.fileno():
                _quit(server)
            elif key.fileobj is server.listener:
                client, _ = server.listener.accept()
                server.clients.add(client)
                server.selector.register(client, selectors.EVENT_READ)
            elif key.fileobj is server.wakeup:
                with contextlib.suppress(BlockingIOError):
                    server.wakeup.recv(4096)
                _reap(server)
            elif isinstance(key.fileobj, socket.socket) and key.fileobj in server.clients:
                _hear(server, key.fileobj)


def _hear(server: _Server, client: socket.socket) -> None:
    try:
        data = client.recv(MESSAGE)
    except ConnectionError:
        data = b""
    child = next((pid for pid, c in server.children.items() if c is client), None)
    if not data:
        server.selector.unregister(client)
        server.clients.discard(client)
        client.close()
        if child is not None:
            _signal_group(child, signal.SIGKILL)
        return
    message: Message = json.loads(data)
    if "signal" in message:
        if child is not None:
            _signal_group(child, int(message["signal"]))
    elif child is None:
        _fork(server, client, message)


def _fork(server: _Server, client: socket.socket, request: Message) -> None:
    if threads() != 1:
        _send(client, {"error": f"{threads()} threads"})
        return
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become_child(server, client, request, parent)
    server.children[pid] = client
    _send(client, {"pid": pid})


def _become_child(server: _Server, client: socket.socket, request: Message, parent: int) -> NoReturn:
    """Forget all that is the prepared process's own, then be a kernel or a job; never return into its loop."""
    status = 1
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        server.selector.close()
        for other in (server.listener, server.wakeup, *server.clients):
            if other is not client:
                other.close()
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.close(null)
        role = _role(str(request["kind"]))
        status = role(client, request)
        if request["kind"] == "job":  # our own code: nothing waits for its end, least of all sockets that linger
            os._exit(status)
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:  # noqa: BLE001 - a child's outermost boundary: told on stderr, never unwound into our loop
        traceback.print_exc()
    finally:
        _leave(status)


def _role(kind: str) -> Callable[[socket.socket, Message], int]:
    from pipeline.render import jobs, kernels

    return {"kernel": kernels.serve_kernel, "job": jobs.serve_job}[kind]


def _leave(status: int) -> NoReturn:
    """End as an interpreter does (threads joined, exit functions run, streams flushed) but tear nothing down."""
    import atexit
    import threading

    with contextlib.suppress(BaseException):
        threading._shutdown()  # pyright: ignore[reportAttributeAccessIssue]
        atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage]
    for stream in (sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()  # pyright: ignore[reportOptionalMemberAccess]
    os._exit(status)


def _reap(server: _Server) -> None:
    """Report every child that ended, and kill what it left behind."""
    ended = False
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == 0:
            break
        ended = True
        client = server.children.pop(pid, None)
        if client is not None:
            _signal_group(pid, signal.SIGKILL)
            _send(client, {"exit": os.waitstatus_to_exitcode(status)})
    if ended:
        _kill_strays(server)


def _kill_strays(server: _Server) -> None:
    """Kill what detached itself from a kernel: as a subreaper this process inherits it, and knows it not."""
    me = os.getpid()
    for text in Path(f"/proc/{me}/task/{me}/children").read_text().split():
        if int(text) not in server.children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(text), signal.SIGKILL)


def _quit(server: _Server) -> NoReturn:
    for pid in list(server.children):
        _signal_group(pid, signal.SIGKILL)
    server.children.clear()
    with contextlib.suppress(ChildProcessError):  # until no child is left: a dead one leaves its own to us
        while True:
            _kill_strays(server)
            os.waitpid(-1, 0)
    shutil.rmtree(server.folder, ignore_errors=True)
    os._exit(0)


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
        return
    with contextlib.suppress(ProcessLookupError):  # between the fork and its setsid there is no group yet
        os.kill(pid, number)


def _send(client: socket.socket, message: Message) -> None:
    with contextlib.suppress(OSError):
        client.send(json.dumps(message).encode())


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    # the module as everyone imports it, not a second copy named __main__
    from pipeline.render import prepared

    prepared.main(Path(sys.argv[1]))
