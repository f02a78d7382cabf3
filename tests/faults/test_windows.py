"""A kill in every window of a command that writes: the next one completes, and nothing of the dead one is left."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.clock import SHANGHAI
from pipeline.review.chain import Entry
from pipeline.review.ledger import open_ledger
from tests.cohorts import make_cohort
from tests.conftest import ROOT
from tests.deliver import runs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the commands are forked"),
]
Job = dict[str, Any]
SOME = {"init": 3, "backup": 3, "anonymise": 2, "purge": 4, "send": 3}
"""Windows of each command that the suite tries; the long form tries all of every command."""
_DRAWN = re.compile(
    r"[0-9]{8}-[0-9]{6}(-[0-9a-f]+)?|(?<=photos/)[^/]+"
)  # run ids, backups' names, new people's numbers
_OF_SQLITE = ("-wal", "-shm")
_WHOLE_ALREADY = ("已存在", "已有 cohort.toml", "不是空文件夹")


def tried(folder: Path, *jobs: Job) -> dict[str, list[Job]]:
    """Kill each job's command in each of its windows; return by name what stood after the next run, unkilled first."""
    report = folder / "windows.jsonl"
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.windows", str(report), *map(json.dumps, jobs)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT), "PATH": f"{folder}/bin:{os.environ['PATH']}"},
        capture_output=True, text=True, timeout=570, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, list[Job]] = {}
    for line in report.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        found.setdefault(one["name"], []).append(one)
    return found


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort that nobody has run."""
    return make_cohort(tmp_path_factory.mktemp("plain") / "c", 40, 1, seed=5, kind="one-school")


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort with an old run, a new one, mail of both times and a ledger; no counselor has an address."""
    cohort = runs.make_cohort(tmp_path_factory.mktemp("season") / "c")
    nobody = pd.DataFrame(columns=["school", "college", "class_name", "name", "email"], dtype="str")
    root = cohort.reports_folder
    long_ago = datetime.now(SHANGHAI) - timedelta(days=500)
    for moment, sha in ((long_ago, "old"), (datetime.now(SHANGHAI), "new")):
        name, started = f"{moment:%Y%m%d-%H%M%S}-0000", moment.isoformat()
        tables = runs.roster_of(2, 6, night=5)
        run = runs.write_run(
            cohort, name, tables, as_of=date.today(), counselors=nobody, started_at=started, inputs=[{"sha256": sha}]
        )  # fmt: skip
        mail = root / "outbox" / name / "a.eml"
        mail.parent.mkdir(parents=True)
        mail.write_text("To: 李书记\n", encoding="utf-8")
        (run / "tables.xlsx").write_bytes(b"x")
        for path in (mail, *run.rglob("*")):
            os.utime(path, (moment.timestamp(),) * 2)
        (root / "inputs").mkdir(exist_ok=True)
        (root / "inputs" / sha).write_text("x", encoding="utf-8")
    with open_ledger(cohort, lambda: long_ago) as ledger:
        ledger.append_all([Entry("decision", action="approve", by="王", why="好")])
    return cohort.folder


def commands(plain: Path, season: Path, folder: Path) -> dict[str, tuple[Path, list[str]]]:
    """Return each command that writes files, with the cohort that it is given."""
    bin_ = folder / "bin"
    bin_.mkdir()
    (bin_ / "systemctl").write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    (bin_ / "systemctl").chmod(0o755)
    return {
        "template": (plain, ["template", "@/../out/登记表.xlsx", "--cohort", "@"]),
        "init": (plain, ["init", "@/../2018届"]),
        "backup": (plain, ["backup", "@/../copies", "@"]),
        "backup to a file": (plain, ["backup", "@/../copy.sqlite", "@"]),
        "anonymise": (plain, ["anonymise", "@", "@/../others"]),
        "demo": (plain, ["demo", "@/../demo", "--students", "40", "--schools", "1", "--no-run"]),
        "schedule": (plain, ["schedule", "@", "--kind", "systemd", "--install"]),
        "purge": (season, ["purge", "@", "--by", "王"]),
        "send": (season, ["send", "@"]),
    }


def shape(one: Job) -> set[str]:
    """Return what stands, drawn names aside."""
    return {_DRAWN.sub("…", path) for path in one["standing"] if not path.endswith(_OF_SQLITE)}


def judge(whole: Job, killed: list[Job]) -> None:
    """The next command completes, or says that the dead one had; all stands that one of them makes, and no more."""
    assert whole["code"] == 0, whole["said"]
    assert len(killed) > 1
    for one in killed:
        assert one["died"] == -9, one
        done = one["code"] == 0 or any(words in one["said"] for words in _WHOLE_ALREADY)
        assert done, (one["at"], one["said"])
        assert one.get("ledger", []) == [], one["at"]
        assert shape(one) == shape(whole), (one["at"], shape(one) ^ shape(whole))


@pytest.fixture(scope="module")
def ends(plain: Path, season: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Job]]:
    folder = tmp_path_factory.mktemp("windows")
    known = commands(plain, season, folder)
    jobs = [
        {"name": name, "folder": str(known[name][0]), "words": known[name][1], "some": n} for name, n in SOME.items()
    ]
    return tried(folder, *jobs)


@pytest.mark.parametrize("name", SOME)
def test_a_kill_in_some_windows(ends: dict[str, list[Job]], name: str):
    whole, *killed = ends[name]
    judge(whole, killed)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_kill_in_every_window(plain: Path, season: Path, tmp_path: Path):
    known = commands(plain, season, tmp_path)
    for name, (cohort, words) in known.items():
        whole, *killed = tried(tmp_path, {"name": name, "folder": str(cohort), "words": words})[name]
        judge(whole, killed)
