"""A forked child of the prepared process becomes a real ipykernel."""

from __future__ import annotations

import logging
import os
import socket
import sys
from pathlib import Path
from typing import Any


def serve_kernel(client: socket.socket, request: dict[str, Any]) -> int:
    """Be the kernel that `request` describes until it is shut down; return its exit status.

    Request: `connection_file`, `arguments` (of ipykernel), `cwd`, `env` (the whole environment), `memory` (bytes
    this kernel may allocate, 0: no bound).
    """
    client.close()
    _say_nothing()
    _enter(request["env"], request["cwd"])
    bound_memory(int(request["memory"]))
    arguments: list[str] = request["arguments"]
    sys.argv = ["ipykernel_launcher.py", *arguments]

    import numpy as np
    from ipykernel.kernelapp import IPKernelApp

    _forget_inline_backend()
    np.random.seed()  # a cold kernel's global generator is fresh, so no two forks may share one
    app = IPKernelApp.instance(parent_handle=os.getppid(), log_level=logging.CRITICAL)
    app.initialize(arguments)
    shell: Any = app.shell
    shell.automagic = False  # `run: str = ""` alone in a cell would be the magic %run
    app.start()
    return 0


def _say_nothing() -> None:
    """Let standard error lead nowhere: what cells print goes to the notebook, the rest is libraries' English."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _forget_inline_backend() -> None:
    """Have matplotlib's inline backend imported anew: its import is what makes this shell show open figures."""
    package, name = "matplotlib_inline", "backend_inline"
    if sys.modules.pop(f"{package}.{name}", None) is not None:
        vars(sys.modules[package]).pop(name, None)


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


def _enter(env: dict[str, str], cwd: str) -> None:
    """Take over the caller's environment and working folder, and the search path a cold kernel would have."""
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    given = [entry for entry in env.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:] = [*given, *(entry for entry in sys.path if entry not in given), ""]
