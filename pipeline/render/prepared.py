"""The prepared process imports all modules once, stays single-threaded, and forks one job per notebook.

It is a fork of its starter if that has one thread, else a new interpreter. It (`preload.py`) receives one connection a
job through a socket. A job reads its request from it and returns its result. A closed connection ends the job, a closed
socket (its starter died) ends all.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import re
import select
import signal
import socket
import sys
import time
import traceback
import warnings
import weakref
from collections.abc import Collection, Generator, MutableMapping
from importlib import import_module
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn, Self

import pipeline

_SECRET = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|_KEY(_|$)", re.IGNORECASE)
_THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_START_CODE = "import gc; gc.disable(); from pipeline.render.preload import main; main(custom={})"
"""Imports run without garbage collection, because imported objects live as long as the process."""
_WARNINGS_HIDDEN = ("ignore", None, Warning, None, 0)
"""The filter of a starter that hides warnings. Cells show theirs."""
_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 1, 15, 36
NAME = b"mingce-pages"
"""What `ps` calls the prepared process that is a fork, and its own forks."""


def can_fork() -> bool:
    """Return whether notebooks can run in forks: on Linux only, because macOS' frameworks forbid it."""
    return sys.platform == "linux"


def limit_threads(environment: MutableMapping[str, str]) -> None:
    """Set the variables with which numpy and Arrow start no threads when they are imported, so that it may fork."""
    environment.update(dict.fromkeys(_THREAD_LIMITS, "1"))
    environment["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # its jemalloc starts a thread at the import


class Prepared:
    """The handle of the prepared process. As a context manager it ends the process."""

    def __init__(self, pid: int, control: socket.socket) -> None:
        self.pid = pid
        self._control = control

    def start_job(self, *request: object) -> Connection:
        """Fork a job, send it `request` and return the connection. Closing it kills the job and its children."""
        parent, child = Pipe()
        with child, contextlib.suppress(OSError):
            socket.send_fds(self._control, [b"job"], [child.fileno()])
            parent.send(request)
        return parent

    def close(self) -> None:
        """End the prepared process and its children."""
        self._control.close()
        end = os.pidfd_open(self.pid)
        if not select.select([end], [], [], 10)[0]:
            os.kill(self.pid, signal.SIGKILL)
        os.close(end)
        os.waitpid(self.pid, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def prepare(*, custom: bool = True) -> Prepared:
    """Start the prepared process without waiting. It ends with its children when the caller closes it or dies.

    With `custom` it also imports what only an office's own notebooks use.
    """
    parent, child = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    env = dict(os.environ)
    forget_secrets(env)
    limit_threads(env)
    env.update(dict.fromkeys(("ARROW_IO_THREADS", "ARROW_NUM_THREADS"), "1"))
    env.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    root = str(Path(pipeline.__file__).resolve().parent.parent)
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [root, env.get("PYTHONPATH", "")]))
    with child:
        if _thread_count() == 1:
            pid = _fork_prepared(parent, child, env, custom)
        else:
            command = [sys.executable, "-P", "-c", _START_CODE.format(custom)]
            actions = [(os.POSIX_SPAWN_DUP2, child.fileno(), 0), (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
            pid = os.posix_spawn(sys.executable, command, env, file_actions=actions, setsid=True)
    return Prepared(pid, parent)


def _fork_prepared(parent: socket.socket, child: socket.socket, env: dict[str, str], custom: bool) -> int:
    """Fork the prepared process. It uses the modules that its starter has imported, and nothing else of the starter."""
    with forking(death_signal=0) as pid:  # it ends when its socket closes, after its jobs
        if pid:
            return pid
        gc.disable()
        parent.close()
        os.dup2(child.fileno(), 0)
        null = os.open(os.devnull, os.O_RDWR)
        for number in {1, *map(int, os.listdir("/proc/self/fd"))} - {0, 2, null}:  # noqa: PTH208
            with contextlib.suppress(OSError):  # the listing's own
                os.dup2(null, number, inheritable=number == 1)  # not closed, because its Python object exists
        os.environ.clear()
        os.environ.update(env)
        first, last = map(int, Path("/proc/self/stat").read_text().rpartition(")")[2].split()[47:49])
        ctypes.memset(first, 0, last - first)  # /proc/*/environ: what the starter was started with, secrets too
        _prctl(_PR_SET_NAME, NAME)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        warnings.filters[:] = [rule for rule in warnings.filters if rule != _WARNINGS_HIDDEN]  # pyright: ignore[reportIndexIssue]
        weakref.finalize._registry.clear()  # pyright: ignore  # at its end a cell would delete its starter's folders
        import_module("pipeline.render.preload").main(custom=custom)  # which imports this module
    raise AssertionError


def forget_secrets(environment: MutableMapping[str, str]) -> None:
    """Delete passwords, tokens and keys from an environment, because no notebook needs them."""
    for name in [name for name in environment if _SECRET.search(name)]:
        del environment[name]


def _thread_count() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


@contextlib.contextmanager
def forking(death_signal: int) -> Generator[int]:
    """Fork, and yield the PID, or 0 in the child, which ends after the body in any case.

    The child has its own process group and gets the signal `death_signal` (0: none) when its parent dies.
    Raises RuntimeError if this process has threads, because a fork would be unsafe.
    """
    if (threads := _thread_count()) != 1:
        raise RuntimeError(f"{threads} threads")
    parent = os.getpid()
    pid = os.fork()
    if pid:
        yield pid
        return
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, death_signal)
        if os.getppid() == parent:
            yield 0
    except BaseException:  # noqa: BLE001 - a process's outermost boundary: it must not run the rest of its parent's stack
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(1)


def adopt_orphans() -> None:
    """Make this process the subreaper of its descendants, so that `kill_orphans` finds orphans."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def kill_orphans(spare: Collection[int] = ()) -> None:
    """Kill all children except `spare`, repeatedly, because a dead child passes its own children on."""
    me = os.getpid()
    with contextlib.suppress(ChildProcessError):
        while True:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            left = {int(text) for text in Path(f"/proc/{me}/task/{me}/children").read_text().split()}.difference(spare)
            if spare and not left:
                return
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.002)


def exit_job(*_: object) -> NoReturn:
    """Kill all children and exit. It is a signal handler too."""
    kill_orphans()
    os._exit(1)


def limit_memory(size: int) -> None:
    """Limit this process to `size` bytes more than it has now (0, or not on Linux: no limit).

    RLIMIT_DATA counts private writable memory, including mmap. RLIMIT_AS would count reserved address space, of which
    Arrow's allocator takes unused gigabytes.
    """
    if sys.platform != "linux" or not size:
        return
    import resource

    used = Path("/proc/self/status").read_text().partition("VmData:")[2].split()[0]
    limits = [int(used) * 1024 + size, *resource.getrlimit(resource.RLIMIT_DATA)]
    limit = min(limit for limit in limits if limit != resource.RLIM_INFINITY)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _prctl(option: int, value: int | bytes) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
