"""Cost and memory against size: `python -m pytest -m bench tests/benchmarks/test_scale.py -s` (docs/scale.md).

`MINGCE_SCALE=8000,80000` chooses the sizes. Each run is a process of its own: `mingce check` of an invented cohort.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.cohorts import make_cohort

SIZES = [int(size) for size in os.environ.get("MINGCE_SCALE", "8000,80000,400000,2000000").split(",")]
SCHOOL = 3_000  # students of a school


@dataclass(frozen=True)
class Cost:
    """What one run took: seconds by the clock and of CPU, the most memory of its process tree, seconds by stage."""

    wall: float
    cpu: float
    peak: int
    stages: dict[str, float]


def measure(cohort: Path, reports: Path) -> Cost:
    """Check a cohort in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "pipeline",
        "check",
        str(cohort),
        "--as-of",
        "2016-10-31",
        "--reports",
        str(reports),
    ]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    seen = _Seen()
    watcher = threading.Thread(target=_watch, args=(process, seen), daemon=True)
    watcher.start()
    out, _ = process.communicate()
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert process.returncode == 0
    summary = json.loads((Path(out.decode().strip().splitlines()[-1]) / "summary.json").read_text(encoding="utf-8"))
    own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, max(own, sum(seen.cpu.values())), seen.peak, summary["timings"])


@dataclass
class _Seen:
    """The most memory that the tree held, and the CPU seconds of each process of it when last seen."""

    peak: int = 0
    cpu: dict[int, float] = field(default_factory=dict[int, float])


def _watch(process: subprocess.Popen[bytes], seen: _Seen) -> None:
    """Look twice a second; a page that several processes share is counted once."""
    tree = psutil.Process(process.pid)
    while process.poll() is None:
        total = 0
        try:
            for one in [tree, *tree.children(recursive=True)]:
                total += one.memory_full_info().pss
                spent = one.cpu_times()
                seen.cpu[one.pid] = spent.user + spent.system
        except psutil.Error:
            continue
        seen.peak = max(seen.peak, total)
        time.sleep(0.5)


@pytest.mark.bench
def test_cost_against_size(tmp_path: Path):
    costs: dict[int, Cost] = {}
    print(
        "\n| students | schools | wall s | CPU s | rows a CPU second | peak MB | collect / match / check / tabulate s |"
    )
    print("|---|---|---|---|---|---|---|")
    for size in SIZES:
        folder = make_cohort(tmp_path / str(size), size, max(size // SCHOOL, 2), seed=3, faults=0.03, form="parquet")
        cost = costs[size] = measure(folder, tmp_path / f"reports-{size}")
        stages = " / ".join(f"{cost.stages[name]:.0f}" for name in ("collect", "match", "check", "tabulate"))
        print(
            f"| {size:,} | {max(size // SCHOOL, 2)} | {cost.wall:.0f} | {cost.cpu:.0f} | {size / cost.cpu:.0f} "
            f"| {cost.peak / 1e6:.0f} | {stages} |",
            flush=True,
        )
    if {400_000, 2_000_000} <= costs.keys():
        small, large = (size / costs[size].wall for size in (400_000, 2_000_000))
        assert large >= 0.85 * small, "rows a second at 2 M within 15 % of that at 400 k"
