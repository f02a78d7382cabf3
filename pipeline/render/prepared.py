"""The prepared process imports all modules once, stays single-threaded, and forks one job per notebook.

It is a fork of its starter if that has one thread, else a new interpreter. It (`warm.py`) receives connections of jobs
through a socket. A job reads its request there and returns its result. A closed connection ends the job; a closed
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
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_BEGIN = "import gc; gc.disable(); from pipeline.render.preload import main; main(own={})"
"""What is imported stays: nobody need look through it for what may go."""
_HUSHED = ("ignore", None, Warning, None, 0)
"""The filter of a starter that hides warnings. Cells show theirs."""
_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 1, 15, 36
NAME = b"mingce-pages"
"""What `ps` calls the prepared process that is a fork, and its own forks."""


def can_fork() -> bool:
    """Return whether notebooks can run in forks: on Linux only, because macOS' frameworks forbid it."""
    return sys.platform == "linux"


def limit_threads(environment: MutableMapping[str, str]) -> None:
    """Set what keeps a process that imports numpy and Arrow afterwards single-threaded, so that it may fork."""
    environment.update(dict.fromkeys(_ONE_THREAD, "1"))
    environment["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # its jemalloc starts a thread at the import


class Prepared:
    """The handle of the prepared process. As a context manager it ends the process."""

    def __init__(self, pid: int, control: socket.socket) -> None:
        self.pid = pid
        self._control = control

    def job(self, *request: object) -> Connection:
        """Fork a job, send it `request` and return the connection. Closing it kills the job and its children."""
        ours, theirs = Pipe()
        with theirs, contextlib.suppress(OSError):
            socket.send_fds(self._control, [b"job"], [theirs.fileno()])
            ours.send(request)
        return ours

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


def prepare(*, own: bool = True) -> Prepared:
    """Start the prepared process without waiting. It ends with its children when the caller closes it or dies.

    With `own` it is ready for an office's own notebooks too.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    env = dict(os.environ)
    forget_secrets(env)
    limit_threads(env)
    env.update(dict.fromkeys(("ARROW_IO_THREADS", "ARROW_NUM_THREADS"), "1"))
    env.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    root = str(Path(pipeline.__file__).resolve().parent.parent)
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [root, env.get("PYTHONPATH", "")]))
    with theirs:
        if _threads() == 1:
            pid = _forked(ours, theirs, env, own)
        else:
            command = [sys.executable, "-P", "-c", _BEGIN.format(own)]
            to = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0), (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
            pid = os.posix_spawn(sys.executable, command, env, file_actions=to, setsid=True)
    return Prepared(pid, ours)


def _forked(ours: socket.socket, theirs: socket.socket, env: dict[str, str], own: bool) -> int:
    """Fork the prepared process: what its starter has imported, it need not. Nothing else of the starter is used."""
    with forking(at_death=0) as pid:  # it sees its socket close, and ends its jobs before itself
        if pid:
            return pid
        gc.disable()
        ours.close()
        os.dup2(theirs.fileno(), 0)
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in {1, *map(int, os.listdir("/proc/self/fd"))} - {0, 2, nothing}:  # noqa: PTH208
            with contextlib.suppress(OSError):  # the listing's own
                os.dup2(nothing, number, inheritable=number == 1)  # not closed: its owner's object still stands
        os.environ.clear()
        os.environ.update(env)
        first, last = map(int, Path("/proc/self/stat").read_text().rpartition(")")[2].split()[47:49])
        ctypes.memset(first, 0, last - first)  # /proc/*/environ: what the starter was started with, secrets too
        _prctl(_PR_SET_NAME, NAME)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        warnings.filters[:] = [each for each in warnings.filters if each != _HUSHED]  # pyright: ignore[reportIndexIssue]
        weakref.finalize._registry.clear()  # pyright: ignore  # at its end a cell would delete its starter's folders
        import_module("pipeline.render.preload").main(own=own)  # which imports this module
    raise AssertionError


def forget_secrets(environment: MutableMapping[str, str]) -> None:
    """Delete passwords, tokens and keys from an environment, because no notebook needs them."""
    for name in [name for name in environment if _SECRET.search(name)]:
        del environment[name]


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


@contextlib.contextmanager
def forking(at_death: int) -> Generator[int]:
    """Fork, and yield the PID, or 0 in the child, which ends after the body in any case.

    The child has its own process group and gets the signal `at_death` (0: none) when its parent dies.

    Raises:
        RuntimeError: this process has threads, so a fork would be unsafe.
    """
    if (threads := _threads()) != 1:
        raise RuntimeError(f"{threads} threads")
    parent = os.getpid()
    pid = os.fork()
    if pid:
        yield pid
        return
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, at_death)
        if os.getppid() == parent:
            yield 0
    except BaseException:  # noqa: BLE001 - a process's outermost boundary: never unwound into what its parent did
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

    taken = Path("/proc/self/status").read_text().partition("VmData:")[2].split()[0]
    limits = [int(taken) * 1024 + size, *resource.getrlimit(resource.RLIMIT_DATA)]
    limit = min(limit for limit in limits if limit != resource.RLIM_INFINITY)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _prctl(option: int, value: int | bytes) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
