"""Whatever kills, fills or blocks a run: the last complete one stands, the ledger verifies, the next one is the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.cohort import load_cohort
from pipeline.lock import cohort_lock
from pipeline.run_folder import complete_runs, start_run
from tests.cohorts import make_cohort
from tests.conftest import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the runs are forked"),
]
TABLES = ("submissions", "changes", "findings", "certifications", "roster", "headcount", "colleges", "registry")
STAGES = ("collect", "normalise", "match", "check", "review", "tabulate", "render")
NOBODY = 65534
Job = dict[str, Any]


def drive(cohort: Path, *jobs: Job) -> dict[str, dict[str, Any]]:
    """Run jobs on the cohort, one after another, each in a fork of one prepared process; return what each left."""
    report = cohort / "faults.jsonl"
    report.unlink(missing_ok=True)
    # as root, a run that has become nobody must still be able to import: bytecode and sources are world-readable
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.driver", str(cohort), str(report), *map(json.dumps, jobs)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=570, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    return {line["name"]: line for line in lines}


def tables(cohort: Path, run: str) -> dict[str, pd.DataFrame]:
    folder = load_cohort(cohort).reports_folder / "runs" / run / "tables"
    return {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}


def assert_same(cohort: Path, one: str, other: str) -> None:
    left, right = tables(cohort, one), tables(cohort, other)
    for name in TABLES:
        pd.testing.assert_frame_equal(left[name], right[name], obj=name)


def leftovers(cohort: Path) -> list[str]:
    return [path.name for path in (cohort / "reports").rglob(".*") if path.name.endswith((".part", ".tmp"))]


@contextmanager
def held(cohort: Path) -> Iterator[None]:
    with cohort_lock(load_cohort(cohort), datetime(2016, 10, 20)):
        yield


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_cohort(tmp_path_factory.mktemp("faults"), 60, 2, seed=11, faults=0.3)


@pytest.fixture(scope="module")
def season(cohort: Path) -> dict[str, dict[str, Any]]:
    """One good run, then faults, then another good one."""
    check = {"command": "check"}
    return drive(
        cohort,
        {"name": "first", "command": "run"},
        *(
            {"name": f"killed after {stage}", **check, "at": stage}
            for stage in ("collect", "match", "check", "tabulate")
        ),
        {"name": "killed at random", **check, "after": 1.3},
        {"name": "killed at a page", "command": "run", "at": "page:2"},
        {"name": "disk full", "words": ["check", str(cohort)], "bytes": 12_000},
        {"name": "harm", "command": "run", "notebooks": True},
        {"name": "clock set back", **check, "now": "2016-10-19T09:00:00+08:00"},
        {"name": "last", **check},
    )


def test_what_was_killed_leaves_no_run_and_the_last_stands(season: dict[str, dict[str, Any]]):
    first = season["first"]
    assert first["code"] == 0, first["said"]
    for name, left in season.items():
        assert left["latest"] == first["latest"], name
        assert left["ledger"] == [], name
        assert left["whole"] == left["runs"], name
        if name.startswith("killed"):
            assert left["code"] == -9, (name, left["said"])
            assert left["runs"] == first["runs"], name


def test_the_next_run_equals_one_without_faults(cohort: Path, season: dict[str, dict[str, Any]]):
    last = season["last"]
    assert last["code"] == 0, last["said"]
    newest = complete_runs(load_cohort(cohort).reports_folder)[-1][0].name
    assert newest == last["runs"][-1]
    assert_same(cohort, season["first"]["latest"], newest)
    assert leftovers(cohort) == []


def test_a_full_disk_is_told_in_words(season: dict[str, dict[str, Any]]):
    full = season["disk full"]
    assert full["code"] == 4, full["said"]
    assert "满" in full["said"] or "大" in full["said"]
    assert "Traceback" not in full["said"]
    assert "意外" not in full["said"]


def test_a_clock_set_back_makes_no_run_the_older_one(season: dict[str, dict[str, Any]]):
    back = season["clock set back"]
    assert back["code"] == 0, back["said"]
    new = set(back["runs"]) - set(season["harm"]["runs"])
    assert new == {back["runs"][-1]}


def test_a_notebook_that_loops_eats_or_dies_has_a_page_that_says_so(cohort: Path, season: dict[str, dict[str, Any]]):
    harm = season["harm"]
    assert harm["code"] == 4, harm["said"]
    new = (set(harm["runs"]) - set(season["first"]["runs"])).pop()
    run = load_cohort(cohort).reports_folder / "runs" / new
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert summary["partial"]
    assert not summary["complete"]
    render = summary["stages"]["render"]
    assert {"registry", "overview"} <= set(render["failed"])
    assert sum(name.endswith("/headcount") for name in render["failed"]) == 2
    assert not [name for name in render["failed"] if name.endswith(("dashboard", ".xlsx", ".pdf", "index"))]
    assert "20 秒" in render["pages"]["registry"]["error"]
    assert "内存不够" in next(page["error"] for name, page in render["pages"].items() if name.endswith("/headcount"))
    for name in ("registry", "overview"):
        assert "没有" in (run / "site" / f"{name}.html").read_text(encoding="utf-8")


def test_two_at_once_is_code_5_and_a_half_written_decisions_file_code_3(cohort: Path, season: Any, tmp_path: Path):
    before = season["last"]
    with held(cohort):
        second = drive(cohort, {"name": "second", "words": ["check", str(cohort)]})["second"]
    assert second["code"] == 5, second["said"]
    assert "另一个运行" in second["said"]
    assert second["runs"] == before["runs"]

    folder = tmp_path / "half"
    import shutil

    shutil.copytree(cohort, folder, ignore=shutil.ignore_patterns("reports", ".mingce"))
    settings = folder / "cohort.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + '\n[review]\ndecisions = "decisions.csv"\n', "utf-8")
    number = pd.read_csv(folder / "truth.csv", dtype=str)["student_number"].iloc[0]
    whole = f"学号,意见,审核人,说明\n{number},通过,王老师,\n{number},退".encode()
    (folder / "decisions.csv").write_bytes(whole[:-1])
    (folder / "registry" / "12649.csv").unlink()
    user = {"user": NOBODY} if os.getuid() == 0 else {}
    readonly = tmp_path / "locked"
    readonly.mkdir(mode=0o500)
    drive_dir = ["check", str(folder), "--reports", str(readonly / "reports")]
    for path in (tmp_path, *folder.rglob("*"), folder):
        path.chmod(0o777 if path.is_dir() else 0o666)
    for parent in tmp_path.parents:
        if parent.owner() == "root" and str(parent).startswith("/tmp/pytest"):
            parent.chmod(parent.stat().st_mode | 0o055)
    done = drive(
        folder,
        {"name": "half", "words": ["check", str(folder)]},
        {"name": "no rights", "words": drive_dir, **user},
    )
    assert done["half"]["code"] in (3, 4), done["half"]["said"]
    assert done["half"]["ledger"] == []
    assert done["half"]["latest"] == ""
    assert "意外" not in done["half"]["said"]
    assert done["no rights"]["code"] == 4, done["no rights"]["said"]
    assert "权限" in done["no rights"]["said"]


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="mounting a small disk needs root")
def test_a_small_disk_that_fills_up(cohort: Path, tmp_path: Path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("this container may not mount")
    try:
        done = drive(cohort, {"name": "full", "words": ["check", str(cohort), "--reports", str(disk)]})["full"]
        assert done["code"] == 4, done["said"]
        assert "磁盘写满了" in done["said"]
        assert "意外" not in done["said"]
        assert not list(disk.rglob("summary.json"))
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_run_ids_only_ever_grow(cohort: Path, tmp_path: Path):
    loaded = load_cohort(cohort).model_copy(update={"reports": load_cohort(cohort).reports.model_copy()})
    loaded.reports.folder = str(tmp_path / "ids")
    from pipeline.cli.common import SHANGHAI

    made = []
    for hour in (12, 12, 9, 11, 13):
        run = start_run(loaded, datetime(2016, 10, 20, hour, tzinfo=SHANGHAI))
        run.write_summary({})
        made.append(run.finish(latest=False).name)
    assert made == sorted(made)
    assert made[0].startswith("20161020-120000-")
    assert made[-1].startswith("20161020-130000-")


@pytest.mark.soak
def test_every_boundary_and_random_moments_of_whole_runs(tmp_path: Path):
    """The long form: `run` with pages, killed at every stage, at every page, and at twenty moments."""
    import random

    cohort = make_cohort(tmp_path, 60, 2, seed=13, faults=0.3)
    chance = random.Random(13)
    jobs: list[Job] = [{"name": "first", "command": "run"}]
    jobs += [{"name": f"killed {stage}", "command": "run", "at": stage} for stage in STAGES]
    jobs += [{"name": f"killed page {n}", "command": "run", "at": f"page:{n}"} for n in range(1, 7)]
    jobs += [{"name": f"killed {n}", "command": "run", "after": round(chance.uniform(0.05, 12), 2)} for n in range(20)]
    left = drive(cohort, *jobs, {"name": "last", "command": "run"})
    for name, one in left.items():
        assert one["ledger"] == [], name
        assert one["whole"] == one["runs"], name
        if name not in ("first", "last") and one["code"] == -9:
            assert one["latest"] in {other["latest"] for other in left.values() if other["code"] == 0}
    assert left["last"]["code"] == 0
    assert_same(cohort, left["first"]["latest"], left["last"]["latest"])
