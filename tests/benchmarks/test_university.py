"""A whole university: 8,000 students, 20 colleges, from xlsx to pages, xlsx and PDF.

`mingce run` as a whole process against three plain ways (`plain.py`). Of their notebooks those of
`MINGCE_BENCH_COLLEGES` colleges (default 3; 0: all 20, half an hour) are run and scaled.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sysconfig
import time
from pathlib import Path

import pytest

from tests.benchmarks import measure, plain
from tests.conftest import ROOT

pytestmark = pytest.mark.bench
COLLEGES = os.environ.get("MINGCE_BENCH_COLLEGES", "3")
AS_OF = ["--as-of", "2016-11-10"]
ENV = {"PYTHONPATH": str(ROOT)}
PLAIN = {
    "processes": "plain: one papermill and one nbconvert process a notebook",
    "script": "plain: one script over papermill.execute_notebook, one exporter",
    "kernel": "plain: one warm kernel for all, whose names leak from notebook to notebook",
}
TIMES = {"processes": 12, "script": 4, "kernel": None}
"""Bars of each plain way's CPU against ours; the one that leaks has none."""


def mingce(university: Path, *more: str) -> measure.Cost:
    command = ["-m", "pipeline", "run", str(university), *AS_OF, *more]
    return measure.run(command, university.parent / "mingce", ENV)


def test_a_university_from_xlsx_to_pages(university: Path, record):
    ours: list[measure.Cost] = []
    again: list[measure.Cost] = []
    for _ in range(measure.repeats()):
        ours.append(mingce(university, "--force"))
        again.append(mingce(university))
    run = Path(ours[-1].output.splitlines()[-1])
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert len(summary["colleges_state"]) == 20
    assert not summary["stages"]["render"]["failed"]
    out = university.parent / "plain"
    out.mkdir()
    script = [str(Path(plain.__file__)), str(university), str(run), str(out), "--colleges", COLLEGES]
    cost = measure.run(script, university.parent / "plain.log", ENV)
    told = json.loads(cost.output.splitlines()[-1])
    stages: dict[str, dict[str, float]] = told["stages"]
    wall, cpu = (statistics.median(getattr(one, what) for one in ours) for what in ("wall", "cpu"))
    record("mingce run, clock", wall, "s")
    record("mingce run, CPU of the tree", cpu, "s")
    for name, seconds in summary["timings"].items():
        record(f"· of the last run: {name}", seconds, "s")
    for name, stage in stages.items():
        record(f"· plain: {name}, CPU", stage["cpu"], "s")
    for way, pages in told["notebooks"].items():
        plain_wall, plain_cpu = (
            pages[what] + sum(stage[what] for stage in stages.values()) for what in ("wall", "cpu")
        )
        record(f"{PLAIN[way]}, CPU of the tree (notebooks scaled to 42)", plain_cpu, "s")
        record(f"· it / mingce, CPU of the tree, {way}", plain_cpu / cpu, "times", at_least=TIMES[way])
        record(f"· it / mingce, clock, {way}", plain_wall / wall, "times")
    record("peak memory of the tree", max(one.peak for one in ours), "MB", at_most=1500)
    record("peak memory of the plain ways' tree", cost.peak, "MB")
    second_wall, second_cpu = (statistics.median(getattr(one, what) for one in again) for what in ("wall", "cpu"))
    record("a second, unchanged run / the first, clock", second_wall / wall, "", at_most=0.25)
    record("a second, unchanged run / the first, CPU", second_cpu / cpu, "")


DEBIAN = Path("/usr/bin/python3.11")


@pytest.mark.skipif(not DEBIAN.exists(), reason="no Debian python3.11 on this machine")
@pytest.mark.parametrize("words", ["--help", "run --help", "explain --help", "send --help"])
def test_commands_start_at_once(words: str, record):
    path = os.pathsep.join([str(ROOT), sysconfig.get_path("purelib")])
    times: list[float] = []
    for _ in range(5):
        start = time.perf_counter()
        command = [str(DEBIAN), "-m", "pipeline", *words.split()]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": path})
        times.append(time.perf_counter() - start)
    record(f"mingce {words} with Debian's python3", min(times), "s", at_most=0.7)
