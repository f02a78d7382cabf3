"""A command as a whole process: clock, CPU seconds and peak memory of it and all that it starts."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

EVERY = 0.25
"""Seconds between two looks at the tree's memory."""


def repeats() -> int:
    """Return how often each way is measured, of which the median is told: `MINGCE_BENCH_REPEATS`, by default 3."""
    return int(os.environ.get("MINGCE_BENCH_REPEATS", "3"))


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds on the clock, CPU seconds, MB at the peak, and what it printed."""

    wall: float
    cpu: float
    peak: float
    output: str


def run(
    command: Sequence[str], log: Path, env: Mapping[str, str] | None = None, *, python: str = sys.executable
) -> Cost:
    """Run a command line of `python` to its end; its standard output and error stand in files beside `log`.

    Memory is proportional (PSS): a page that forks share counts once. CPU is the kernel's account of the process and
    all children that were waited for.
    """
    start = time.perf_counter()
    with log.with_suffix(".out").open("w") as out, log.with_suffix(".err").open("w") as err:
        process = subprocess.Popen([python, *command], stdout=out, stderr=err, env={**os.environ, **(env or {})})
        tree, peak = psutil.Process(process.pid), 0.0
        while True:
            done, status, used = os.wait4(process.pid, os.WNOHANG)
            if done:
                break
            peak = max(peak, memory(tree))
            time.sleep(EVERY)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    assert process.returncode == 0, log.with_suffix(".err").read_text()[-2000:]
    return Cost(wall, used.ru_utime + used.ru_stime, peak, log.with_suffix(".out").read_text())


def memory(tree: psutil.Process) -> float:
    """Return the MB that the processes of `tree` hold now."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in [tree, *tree.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += process.memory_full_info().pss
    return total / 1e6
