"""What Linux offers to those who fork: nobody outlives whom it belongs to, and nobody takes all the memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
import traceback
from collections.abc import Collection, Generator
from pathlib import Path
from typing import NoReturn

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def threads() -> int:
    """Return how many threads this process has, by the kernel's own account."""
    return len(list(Path("/proc/self/task").iterdir()))


def adopt_strays() -> None:
    """Become the parent of every descendant whose own parent dies, so that `sweep` finds it."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int, number: int) -> None:
    """Have signal `number` sent to this process when its parent dies; one whose parent is dead already ends."""
    _prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(1)


def sweep(spare: Collection[int] = ()) -> None:
    """Kill every child but those to `spare`, until no other is left: a dead one leaves its own to this process."""
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
    """Kill all that this process started, and end at once; a signal's handler, too."""
    sweep()
    os._exit(1)


@contextlib.contextmanager
def nobody_returns() -> Generator[None]:
    """Be a fork in the body: it ends there, whatever happens, and never unwinds into what its parent was doing."""
    try:
        yield
    except BaseException:  # noqa: BLE001 - a process's outermost boundary
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(1)


def bound_memory(size: int) -> None:
    """Let this process allocate `size` bytes more than it has now (0: no bound).

    RLIMIT_DATA counts private writable memory, also that of mmap; RLIMIT_AS would count reserved address space,
    of which Arrow's allocator takes gigabytes that are never touched.
    """
    if not size:
        return
    import resource

    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    limit = int(status["VmData"].split()[0]) * 1024 + size
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
