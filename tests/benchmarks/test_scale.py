"""Scale: cost and memory against size, Dask beside the pool (docs/scale.md).

`MINGCE_SCALE=8000,80000` chooses the sizes, `MINGCE_PROVINCE=360000` adds a province with all its pages,
`MINGCE_NATION=12000000` the nation with the pages of a sample of schools. Each run is a process of its own over an
invented cohort: `mingce check`, or `mingce run` where pages are asked for. CPU seconds are summed over all processes
of the tree, and of the cluster's workers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from pipeline.cohort import load_cohort
from tests.benchmarks.conftest import Record
from tests.benchmarks.measure import EVERY, memory
from tests.cohorts import make_cohort
from tests.scale.test_dask import Cluster

SIZES = [int(size) for size in os.environ.get("MINGCE_SCALE", "8000,80000,400000,2000000").split(",") if size]
NATION = int(os.environ.get("MINGCE_NATION", "0"))
PROVINCE = int(os.environ.get("MINGCE_PROVINCE", "0"))
SCHOOL = 3_000  # students of a school
PAGES_OF = 5  # schools of the nation whose pages are made
STAGES = ("collect", "match", "check", "tabulate", "render")


@dataclass(frozen=True)
class Cost:
    """What one run took: seconds by the clock and of CPU, the most MB of its processes, seconds by stage."""

    wall: float
    cpu: float
    peak: float
    stages: dict[str, float]


@dataclass
class _Seen:
    """The most MB that the trees held, and the CPU seconds of each process of them when last seen."""

    peak: float = 0
    cpu: dict[int, float] = field(default_factory=dict[int, float])


def measure(cohort: Path, reports: Path, command: Sequence[str] = ("check",), workers: Sequence[int] = ()) -> Cost:
    """Run `mingce COMMAND` on a cohort in a process of its own; `workers` are processes that work for it."""
    words = [*command, str(cohort), "--as-of", "2016-10-31", "--reports", str(reports)]
    trees = [psutil.Process(worker) for worker in workers]
    before = sum(_cpu(one) for tree in trees for one in [tree, *tree.children(recursive=True)])
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    seen = _Seen()
    watched = [psutil.Process(process.pid), *trees]
    watcher = threading.Thread(target=_watch, args=(process, watched, seen), daemon=True)
    watcher.start()
    out, _ = process.communicate()
    wall = time.perf_counter() - started
    watcher.join()
    assert process.returncode == 0
    summary = json.loads((Path(out.decode().strip().splitlines()[-1]) / "summary.json").read_text(encoding="utf-8"))
    return Cost(wall, sum(seen.cpu.values()) - before, seen.peak, summary["timings"])


def _watch(process: subprocess.Popen[bytes], trees: list[psutil.Process], seen: _Seen) -> None:
    """Look again and again until the process ends; a page that several processes share is counted once."""
    while process.poll() is None:
        seen.peak = max(seen.peak, sum(memory(tree) for tree in trees))
        for tree in trees:
            try:
                seen.cpu |= {one.pid: _cpu(one) for one in [tree, *tree.children(recursive=True)]}
            except psutil.Error:
                continue
        time.sleep(EVERY)


def _cpu(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return spent.user + spent.system


def _tell(record: Record, students: int, schools: int, cost: Cost) -> None:
    stages = " / ".join(f"{cost.stages.get(name, 0):.0f}" for name in STAGES)
    print(f"\n{students:,} students, {schools} schools: {' / '.join(STAGES)} {stages} s", flush=True)
    name = f"{students:,} students in {schools} schools"
    record(f"{name}: clock", cost.wall, "s")
    record(f"{name}: CPU of the tree", cost.cpu, "s")
    record(f"{name}: rows a CPU second", students / cost.cpu, "rows/s")
    record(f"{name}: peak memory of the tree", cost.peak, "MB")


@pytest.mark.bench
@pytest.mark.timeout(7200)
def test_cost_against_size(tmp_path: Path, record: Record) -> None:
    costs: dict[int, Cost] = {}
    for size in SIZES:
        schools = max(size // SCHOOL, 2)
        folder = make_cohort(tmp_path / str(size), size, schools, seed=3, faults=0.03, form="parquet")
        costs[size] = measure(folder, tmp_path / f"reports-{size}")
        _tell(record, size, schools, costs[size])
    if {400_000, 2_000_000} <= costs.keys():
        small, large = costs[400_000], costs[2_000_000]
        record("rows a second at 2 M against 400 k, clock", 5 * small.wall / large.wall, "", at_least=0.85)
        record("rows a second at 2 M against 400 k, CPU", 5 * small.cpu / large.cpu, "", at_least=0.85)


@pytest.mark.bench
@pytest.mark.timeout(7200)
def test_dask_against_the_pool(tmp_path: Path, record: Record) -> None:
    size = max((size for size in SIZES if size <= 400_000), default=400_000)
    folder = make_cohort(tmp_path / "cohort", size, max(size // SCHOOL, 2), seed=3, faults=0.03, form="parquet")
    pool = measure(folder, tmp_path / "pool")
    cluster = Cluster(tmp_path)
    try:
        file = folder / "dask.toml"
        text = (folder / "cohort.toml").read_text(encoding="utf-8")
        file.write_text(f'{text}\n[scale]\nscheduler = "{cluster.address}"\n', encoding="utf-8")
        dask = measure(file, tmp_path / "dask", workers=[process.pid for process in cluster.processes])
    finally:
        cluster.close()
    for name, cost in (("pool", pool), ("Dask", dask)):
        record(f"{size:,} students, {name}: clock", cost.wall, "s")
        record(f"{size:,} students, {name}: CPU", cost.cpu, "s")
        record(f"{size:,} students, {name}: peak memory", cost.peak, "MB")
    record("Dask, two workers, against the pool, clock", dask.wall / pool.wall, "", at_most=1.2)
    record("Dask, two workers, against the pool, CPU", dask.cpu / pool.cpu, "", at_most=1.2)


@pytest.mark.bench
@pytest.mark.timeout(14400)
@pytest.mark.skipif(not PROVINCE, reason="MINGCE_PROVINCE=360000: an hour and more")
def test_a_province_with_all_pages(tmp_path: Path, record: Record) -> None:
    schools = max(PROVINCE // SCHOOL, 2)
    folder = make_cohort(tmp_path / "province", PROVINCE, schools, seed=3, faults=0.03, form="parquet")
    cost = measure(folder, tmp_path / "reports", ("run",))
    _tell(record, PROVINCE, schools, cost)
    record("a province with all pages: peak memory", cost.peak / 1000, "GB", at_most=6)


@pytest.mark.bench
@pytest.mark.timeout(14400)
@pytest.mark.skipif(not NATION, reason="MINGCE_NATION=12000000: an hour, and 15 GB of disk")
def test_the_nation(tmp_path: Path, record: Record) -> None:
    schools = max(NATION * 2_800 // 12_000_000, 2)
    folder = make_cohort(tmp_path / "nation", NATION, schools, seed=3, faults=0.03, form="parquet")
    codes = [school.code for school in load_cohort(folder).schools]
    pages = [word for code in codes[:: -(-schools // PAGES_OF)] for word in ("--pages", code)]
    cost = measure(folder, tmp_path / "reports", ("run", *pages))
    _tell(record, NATION, schools, cost)
    record("the nation's tables, the pages of some schools: peak memory", cost.peak / 1000, "GB", at_most=8)
