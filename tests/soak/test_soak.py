"""Many runs in one process tree: memory, open files, temporary files and the ledger stay flat, or as explained.

`make soak` makes 200 runs; `MINGCE_SOAK_RUNS` says another number.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import shutil
import statistics
import sys
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest

from pipeline.clock import SHANGHAI
from pipeline.cohort import Cohort, load_cohort
from pipeline.progress import Reporter
from pipeline.review.actions import Actor, approve, reopen
from pipeline.review.ledger import open_ledger
from pipeline.review.review_snapshot import open_tables
from pipeline.run import run_cohort
from pipeline.run_folder import RenderOptions, RunOptions
from pipeline.tables import read_table
from tests.cohorts import make_cohort

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(sys.platform != "linux", reason="counts open files in /proc"),
]
RUNS = int(os.environ.get("MINGCE_SOAK_RUNS", "200"))
KEPT = 3  # runs that are left standing; an office purges, here the disk is spared
PAGES_EVERY = 10  # one run in ten makes all pages anew


def measured(cohort: Cohort, temporary: Path) -> dict[str, int]:
    """Return what must not grow. What an allocator holds that nothing uses any more is given back first.

    `objects` are Python's own blocks: a cache that grows shows there at once.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pa.default_memory_pool().release_unused()
    me = psutil.Process()
    tree = [me, *me.children(recursive=True)]
    ledger = cohort.folder / "ledger.sqlite"
    return {
        "memory": sum(each.memory_info().rss for each in tree),
        "objects": sys.getallocatedblocks(),
        "files": me.num_fds(),
        "processes": len(tree),
        "threads": me.num_threads(),
        "temporary": len(list(temporary.rglob("*"))),
        "inputs": len(list((cohort.reports_folder / "inputs").iterdir())),
        "ledger": ledger.stat().st_size,
    }


def decided(cohort: Cohort, number: int, day: date) -> None:
    """One approval and its undoing: the two entries that each round adds to the ledger."""
    tables, _ = open_tables(cohort)
    ready = tables.people[tables.people["submission_id"].ne("") & tables.people["school_code"].eq("10534")]
    roster = read_table(cohort.reports_folder / "runs" / tables.run_id, "roster")
    waiting = roster[roster["status"].eq("awaiting")]["student_number"]
    name = f"10534/{ready[ready['student_number'].isin(waiting)]['student_number'].iloc[0]}"
    with open_ledger(cohort) as ledger:
        approve(tables, ledger, [name], Actor("王老师", "", day))
        reopen(tables, ledger, [name], Actor("王老师", f"第 {number} 次", day))


def test_many_runs_stay_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    cohort = load_cohort(make_cohort(tmp_path / "cohort", 60, 2, seed=17, faults=0.2))
    now = datetime(2016, 10, 1, 9, tzinfo=SHANGHAI)
    seen: list[dict[str, Any]] = []
    for number in range(RUNS):
        now += timedelta(minutes=20)
        pages = number % PAGES_EVERY == 0
        options = RunOptions(
            now.date(), now, "run" if pages else "check",
            render=RenderOptions(notebooks=pages, force=True), reporter=Reporter(quiet=True),
        )  # fmt: skip
        assert run_cohort(cohort, options).summary["complete"]
        decided(cohort, number, now.date())
        for old in sorted((cohort.reports_folder / "runs").iterdir())[:-KEPT]:
            shutil.rmtree(old)
        seen.append(measured(cohort, temporary))
    (tmp_path / "soak.json").write_text(json.dumps(seen), encoding="utf-8")
    _judge(seen)
    with open_ledger(cohort) as ledger:
        assert ledger.verify() == []
        assert ledger.head()[0] == 2 * RUNS


def _judge(seen: list[dict[str, Any]]) -> None:
    """Hold the last third to the middle one; the first runs warm caches."""
    third = max(len(seen) // 3, 1)
    middle, last = seen[third : 2 * third], seen[-third:]
    for what, room in (("files", 2), ("processes", 0), ("threads", 2), ("temporary", 0), ("inputs", 0)):
        assert max(one[what] for one in last) <= max(one[what] for one in middle) + room, what
    grown = statistics.median(one["memory"] for one in last) - statistics.median(one["memory"] for one in middle)
    print(
        {what: (seen[0][what], middle[-1][what], last[-1][what]) for what in seen[0]}, f"{grown / third / 1e3:.0f} KB"
    )
    assert grown / third < 200_000, f"{grown / third / 1e6:.2f} MB a run"
    assert max(one["objects"] for one in last) < 1.01 * max(one["objects"] for one in middle)
    # the ledger grows by what people decide and by nothing else: two entries a round
    assert (last[-1]["ledger"] - middle[-1]["ledger"]) / third < 8_000
