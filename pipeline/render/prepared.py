"""The prepared process: imports everything once, stays single-threaded, and forks one job for each notebook.

Run as `python -m pipeline.render.prepared`; its standard input is a socket. Each message brings the connection of one
job: the job takes its request from there and sends back what became of it. When the connection closes, the job kills
what it started and ends; when standard input closes (the starter has died), everything is killed.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
from multiprocessing.connection import Connection
from typing import NoReturn

from pipeline.render import processes


def main() -> NoReturn:
    """Import, then fork on request until standard input closes."""
    control = socket.socket(fileno=os.dup(0))
    _read_nothing()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the starter: it closes our standard input
    processes.adopt_strays()
    from pipeline.render import warm

    warm.everything()
    if processes.threads() != 1:
        raise RuntimeError(f"{processes.threads()} threads after the imports: a fork would not be safe")
    gc.collect()
    gc.freeze()  # what is shared stays shared: the collector writes into no page of it
    jobs: set[int] = set()
    while True:
        _, handles, _, _ = socket.recv_fds(control, 16, 1)
        if not handles:
            break
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            control.close()
            _be_job(Connection(handles[0]), parent)
        os.close(handles[0])
        jobs.add(pid)
        processes.sweep(spare=jobs)
    processes.sweep()
    os._exit(0)


def _read_nothing() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)


def _be_job(connection: Connection, parent: int) -> NoReturn:
    """Be the job that comes by `connection`; never return into the prepared process's loop."""
    with processes.nobody_returns():
        os.setsid()
        processes.adopt_strays()
        signal.signal(signal.SIGTERM, processes.leave)
        processes.die_with(parent, signal.SIGTERM)
        from pipeline.render import jobs

        with contextlib.suppress(EOFError):
            jobs.serve(connection)
    raise SystemExit


if __name__ == "__main__":
    # the module as everyone imports it, not a second copy named __main__
    from pipeline.render import prepared

    prepared.main()
