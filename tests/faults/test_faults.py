"""Whatever kills, fills or blocks a run: the last complete one stands, the ledger verifies, the next is the same."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from pipeline.clock import SHANGHAI
from pipeline.cohort import load_cohort
from pipeline.cohort_sections import Reports
from pipeline.review.review_snapshot import newest_run
from pipeline.run_folder import start_run
from tests.cohorts import make_cohort
from tests.conftest import ROOT, Once

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the runs are forked"),
]
TABLES = ("submissions", "changes", "findings", "certifications", "roster", "headcount", "colleges", "registry")
STAGES = ("collect", "normalise", "match", "check", "review", "tabulate", "render")
NOBODY = 65534
Job = dict[str, Any]


def drive(cohort: Path, *jobs: Job, timeout: int = 570) -> dict[str, dict[str, Any]]:
    """Run jobs on the cohort, one after another, each in a fork of one prepared process; return what each left."""
    report = cohort / "faults.jsonl"
    report.unlink(missing_ok=True)
    # as root, a run that has become nobody must still be able to import: bytecode and sources are world-readable
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.driver", str(cohort), str(report), *map(json.dumps, jobs)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=timeout,
        check=False,
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
    """Return what stands half-written: hidden runs, drafts of files, notebooks that were not executed to the end."""
    hidden = [path.name for path in (cohort / "reports").rglob(".*")]
    return [name for name in hidden if name.startswith(".part-") or name.endswith(".part")]


@contextmanager
def open_to_all() -> Generator[Path]:
    """A folder that anybody may pass through: pytest shuts its own whenever another begins on this machine."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        yield Path(name)


def half_of(cohort: Path, folder: Path) -> Path:
    """Copy the cohort, with decisions that stop in the middle of a word, into a folder that anybody may use."""
    shutil.copytree(cohort, folder)
    settings = folder / "cohort.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + '\n[review]\ndecisions = "decisions.csv"\n', "utf-8")
    number = pd.read_csv(folder / "truth.csv", dtype=str)["student_number"].iloc[0]
    (folder / "decisions.csv").write_bytes(f"学号,意见,审核人,说明\n{number},通过,王老师,\n{number},退".encode()[:-1])
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    return folder


@contextmanager
def small_disk(folder: Path) -> Generator[Path | None]:
    """A disk of 160 KB, or None where nothing can be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(folder)]
    mounted = os.getuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    yield folder if mounted else None
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=False)


class Played(NamedTuple):
    """The cohort and what each job left."""

    cohort: Path
    left: dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def played(once: Once) -> Played:
    """One good run, then faults, then another good one."""
    return once("faults", _play)


def _play(folder: Path) -> Played:
    cohort = make_cohort(folder / "cohort", 60, 2, seed=11, faults=0.3)
    with open_to_all() as place, small_disk(folder / "disk") as disk:
        (place / "locked").mkdir(mode=0o555)
        half = half_of(cohort, place / "cohort")
        return Played(cohort, drive(cohort, *_jobs(cohort, half, place / "locked", disk)))


def _jobs(cohort: Path, half: Path, locked: Path, disk: Path | None) -> list[Job]:
    check = {"command": "check"}
    nobody = {"user": NOBODY} if os.getuid() == 0 else {}
    small = [{"name": "small disk", "words": ["check", str(cohort), "--reports", str(disk)]}] if disk else []
    return [
        {"name": "first", "command": "run", "pages": False},
        {"name": "killed after match", **check, "at": "match"},
        {"name": "killed when begun", **check, "begun": True},
        {"name": "terminated", "words": ["check", str(cohort)], "begun": True, "signal": int(signal.SIGTERM)},
        {"name": "killed at a page", "command": "run", "at": "page:2"},
        {"name": "file too large", "words": ["check", str(cohort)], "bytes": 12_000},
        *small,
        {"name": "second", "words": ["check", str(cohort)], "lock": True},
        {"name": "harm", "command": "run", "notebooks": True},
        {"name": "last", **check, "now": "2016-10-19T09:00:00+08:00"},
        {"name": "half", "cohort": str(half), "words": ["check", str(half)]},
        {"name": "no rights", "cohort": str(half), "words": ["check", str(half), "--reports", str(locked)], **nobody},
    ]


@pytest.fixture
def cohort(played: Played) -> Path:
    return played.cohort


@pytest.fixture
def season(played: Played) -> dict[str, dict[str, Any]]:
    return played.left


def of_cohort(season: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: left for name, left in season.items() if name not in ("half", "no rights")}


def test_what_was_killed_leaves_no_run_and_the_last_stands(season: dict[str, dict[str, Any]]):
    first = season["first"]
    assert first["code"] == 0, first["said"]
    jobs = list(season)
    for name, left in of_cohort(season).items():
        harmed = jobs.index(name) >= jobs.index("harm")  # a run whose pages failed counts by its tables
        assert left["latest"] == (season["harm"] if harmed else first)["latest"], name
        assert left["ledger"] == [], name
        assert left["whole"] == left["runs"], name
        if name.startswith("killed"):
            assert left["code"] == -9, (name, left["said"])
            assert left["runs"] == first["runs"], name


def test_an_orderly_end_tidies_up_and_says_so(season: dict[str, dict[str, Any]]):
    ended = season["terminated"]
    assert ended["code"] == 4, ended["said"]
    assert "已中断" in ended["said"]
    assert ended["runs"] == season["first"]["runs"]


def test_the_next_run_equals_one_without_faults(cohort: Path, season: dict[str, dict[str, Any]]):
    last = season["last"]
    assert last["code"] == 0, last["said"]
    newest = newest_run(load_cohort(cohort)).name
    assert newest == last["runs"][-1]
    assert_same(cohort, season["first"]["latest"], newest)
    assert leftovers(cohort) == []


@pytest.mark.parametrize("fault", ["file too large", "small disk"])
def test_a_full_disk_is_told_in_words(season: dict[str, dict[str, Any]], fault: str):
    if fault not in season:
        pytest.skip("this machine may not mount a disk")
    full = season[fault]
    assert full["code"] == 4, full["said"]
    assert "磁盘写满" in full["said"]
    assert "Traceback" not in full["said"]


def test_a_clock_set_back_makes_no_run_the_older_one(season: dict[str, dict[str, Any]]):
    back = season["last"]
    new = set(back["runs"]) - set(season["harm"]["runs"])
    assert new == {back["runs"][-1]}


def test_a_notebook_that_loops_eats_or_dies_has_a_page_that_says_so(cohort: Path, season: dict[str, dict[str, Any]]):
    harm = season["harm"]
    assert harm["code"] == 4, harm["said"]
    (new,) = set(harm["runs"]) - set(season["second"]["runs"])
    run = load_cohort(cohort).reports_folder / "runs" / new
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert harm["latest"] == new
    assert summary["blemished"] and not summary["partial"] and not summary["complete"]
    render = summary["stages"]["render"]
    assert {"registry", "overview"} <= set(render["failed"])
    assert sum(name.endswith("/headcount") for name in render["failed"]) == 2
    assert not [name for name in render["failed"] if name.endswith(("dashboard", ".xlsx", ".pdf", "index"))]
    assert "20 秒" in render["pages"]["registry"]["error"]
    assert "内存不够" in next(page["error"] for name, page in render["pages"].items() if name.endswith("/headcount"))
    for name in ("registry", "overview"):
        assert "没有" in (run / "site" / f"{name}.html").read_text(encoding="utf-8")


def test_two_at_once_is_code_5(season: dict[str, dict[str, Any]]):
    second = season["second"]
    assert second["code"] == 5, second["said"]
    assert "另一个运行" in second["said"]


def test_a_half_written_decisions_file_is_told_and_nothing_decided(season: dict[str, dict[str, Any]]):
    half = season["half"]
    assert half["code"] in (3, 4), half["said"]
    assert half["ledger"] == []
    assert half["latest"] == ""
    assert "意外" not in half["said"]


def test_a_folder_without_rights_is_told_in_words(season: dict[str, dict[str, Any]]):
    assert season["no rights"]["code"] == 4, season["no rights"]["said"]
    assert "权限" in season["no rights"]["said"]


def test_run_ids_only_ever_grow(cohort: Path, tmp_path: Path):
    loaded = load_cohort(cohort)
    loaded = loaded.model_copy(update={"reports": Reports(folder=str(tmp_path / "ids"))})
    made = []
    for hour in (12, 12, 9, 11, 13):
        run = start_run(loaded, datetime(2016, 10, 20, hour, tzinfo=SHANGHAI))
        run.write_summary({})
        made.append(run.finish(latest=False).name)
    assert made == sorted(made)
    assert made[0].startswith("20161020-120000-")
    assert made[-1].startswith("20161020-130000-")


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_every_boundary_and_random_moments_of_whole_runs(tmp_path: Path):
    """The long form: `run` with pages, killed at every stage, at every page, and at twenty moments."""
    cohort = make_cohort(tmp_path, 60, 2, seed=13, faults=0.3)
    chance = random.Random(13)
    jobs: list[Job] = [{"name": "first", "command": "run"}]
    jobs += [{"name": f"killed {stage}", "command": "run", "at": stage} for stage in STAGES]
    jobs += [{"name": f"killed page {n}", "command": "run", "at": f"page:{n}"} for n in range(1, 7)]
    jobs += [{"name": f"killed {n}", "command": "run", "after": round(chance.uniform(0.05, 12), 2)} for n in range(20)]
    left = drive(cohort, *jobs, {"name": "last", "command": "run"}, timeout=7000)
    for name, one in left.items():
        assert one["ledger"] == [], name
        assert one["whole"] == one["runs"], name
        if name not in ("first", "last") and one["code"] == -9:
            assert one["latest"] in {other["latest"] for other in left.values() if other["code"] == 0}
    assert left["last"]["code"] == 0
    assert_same(cohort, left["first"]["latest"], left["last"]["latest"])
