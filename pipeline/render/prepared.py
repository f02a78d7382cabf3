"""The prepared process imports all modules once, stays single-threaded, and forks one job per notebook.

It (`warm.py`) receives connections of jobs through a socket. A job reads its request there and returns its result. A
closed connection ends the job; a closed socket (its starter died) ends all.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import socket
import sys
import time
import traceback
from collections.abc import Collection, Generator, MutableMapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from subprocess import DEVNULL, Popen, TimeoutExpired
from typing import NoReturn, Self

import pipeline

_SECRET = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|_KEY(_|$)", re.IGNORECASE)
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_IO_THREADS", "ARROW_NUM_THREADS")
_BEGIN = "import gc; gc.disable(); from pipeline.render.warm import main; main(own={})"
"""What is imported stays: nobody need look through it for what may go."""
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def can_fork() -> bool:
    """Return whether notebooks can run in forks: on Linux only, because macOS' frameworks forbid it."""
    return sys.platform == "linux"


class Prepared:
    """The handle of the prepared process. As a context manager it ends the process."""

    def __init__(self, process: Popen[bytes], control: socket.socket) -> None:
        self.process = process
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
        with contextlib.suppress(TimeoutExpired):
            self.process.wait(10)
        self.process.kill()
        self.process.wait()

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
    env.update(dict.fromkeys(_ONE_THREAD, "1"))
    env["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # Arrow's jemalloc would start a thread at the import
    env.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    root = str(Path(pipeline.__file__).resolve().parent.parent)
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [root, env.get("PYTHONPATH", "")]))
    command = [sys.executable, "-P", "-c", _BEGIN.format(own)]
    with theirs:
        process = Popen(command, stdin=theirs.fileno(), stdout=DEVNULL, env=env, start_new_session=True)
    return Prepared(process, ours)


def forget_secrets(environment: MutableMapping[str, str]) -> None:
    """Delete passwords, tokens and keys from an environment, because no notebook needs them."""
    for name in [name for name in environment if _SECRET.search(name)]:
        del environment[name]


@contextlib.contextmanager
def forking(at_death: int) -> Generator[int]:
    """Fork, and yield the PID, or 0 in the child, which ends after the body in any case.

    The child has its own process group and gets the signal `at_death` when its parent dies.

    Raises:
        RuntimeError: this process has threads, so a fork would be unsafe.
    """
    if (threads := len(list(Path("/proc/self/task").iterdir()))) != 1:
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


def adopt_strays() -> None:
    """Make this process the subreaper of its descendants, so that `end_strays` finds orphans."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_strays(spare: Collection[int] = ()) -> None:
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


def leave(*_: object) -> NoReturn:
    """Kill all children and exit. It is a signal handler too."""
    end_strays()
    os._exit(1)


def bound_memory(size: int) -> None:
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


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
