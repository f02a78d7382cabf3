"""A blow in every window of a command that writes: the next one completes, and nothing of the struck one is left.

A blow is a kill, or one call that the system refuses, or a disk that takes nothing from there on.
"""

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
from tests.conftest import ROOT, Once
from tests.deliver import runs
from tests.faults.decided import Decided, decide

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the commands are forked"),
]
Job = dict[str, Any]
SOME = {"init": 2, "backup": 2, "anonymise": 2, "purge": 3, "send": 2}
"""Windows of each command in which the suite kills it; the long form kills all of every command."""
REFUSED = {"backup": 2, "purge": 2, "send": 2}
OF_A_RUN = 60
"""Windows of a whole run or check that the long form tries: each costs two runs."""
_DRAWN = re.compile(
    r"[0-9]{8}-[0-9]{6}(-[0-9a-f]+)?|(?<=photos/)[^/]+"
)  # run ids, backups' names, new people's numbers
_OF_SQLITE = ("-wal", "-shm")
_DONE_ALREADY = (
    "已存在", "已有 cohort.toml", "不是空文件夹", "没有审核通过的记录", "没有编号 1 的例外", "无从撤销",
)  # fmt: skip
TWICE = ("purge", "check", "run")
"""Commands whose second time may be told by an entry or a run more."""


def tried(folder: Path, *jobs: Job, timeout: int = 570) -> dict[str, list[Job]]:
    """Strike each job's command in each of its windows; return by name what stood after the next, unstruck first."""
    report = folder / "windows.jsonl"
    report.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.windows", str(report), *map(json.dumps, jobs)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT), "PATH": f"{folder}/bin:{os.environ['PATH']}"},
        capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, list[Job]] = {}
    for line in report.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        found.setdefault(one["name"], []).append(one)
    return found


def plain_in(folder: Path) -> Path:
    """Write a cohort that nobody has run."""
    return make_cohort(folder / "plain" / "c", 40, 1, seed=5, kind="one-school")


def season_in(folder: Path) -> Path:
    """Write a cohort with an old run, a new one, mail of both times and a ledger; no counselor has an address."""
    cohort = runs.make_cohort(folder / "season" / "c")
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
        ledger.append(Entry("decision", action="approve", by="王", why="好"))
    return cohort.folder


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return plain_in(tmp_path)


@pytest.fixture
def season(tmp_path: Path) -> Path:
    return season_in(tmp_path)


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Decided:
    return decide(tmp_path_factory.mktemp("decided"))


def commands(plain: Path, season: Path, folder: Path) -> dict[str, tuple[Path, list[str]]]:
    """Return each command that writes files, with the cohort that it is given."""
    bin_ = folder / "bin"
    bin_.mkdir(exist_ok=True)
    (bin_ / "systemctl").write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    (bin_ / "systemctl").chmod(0o755)
    return {
        "template": (plain, ["template", "@/../out/登记表.xlsx", "--cohort", "@"]),
        "init": (plain, ["init", "@/../2018届"]),
        "backup": (plain, ["backup", "@/../copies", "@"]),
        "backup to a file": (plain, ["backup", "@/../copy.sqlite", "@"]),
        "anonymise": (plain, ["anonymise", "@", "@/../others"]),
        "demo": (plain, ["demo", "@/../demo", "--no-run"]),
        "schedule": (plain, ["schedule", "@", "--kind", "systemd", "--install"]),
        "purge": (season, ["purge", "@", "--by", "王"]),
        "send": (season, ["send", "@"]),
    }


def decisions(of: Decided) -> dict[str, tuple[Path, list[str]]]:
    """Return each command that decides, and those that tell what was decided."""
    by, college = ["--by", "王", "--why", "核对过"], of.college
    one = ["@", "--student", of.student, *by]
    return {
        "approve": (of.checked, ["review", "approve", "@", "--all-ready", "--college", college, *by]),
        "return": (of.checked, ["review", "return", *one]),
        "withdraw": (of.checked, ["review", "withdraw", "@", "--submission", of.submission, *by]),
        "reopen": (of.approved, ["review", "reopen", *one]),
        "explain": (of.approved, ["except", "add", "@", "--college", college, "--major", of.major, *by]),
        "revoke": (of.checked, ["except", "revoke", "@", "--number", "1", *by]),
        "sign": (of.approved, ["sign", college, "@", "--by", of.secretary, "--why", "迟交"]),
        "unsign": (of.signed, ["sign", "revoke", college, "@", *by]),
        "accept": (of.signed, ["accept", college, "@", *by]),
        **{f"handin {form}": (of.signed, ["handin", "@", "--format", form]) for form in ("xlsx", "csv", "dbf")},
        "docs": (of.checked, ["docs", "@"]),
        "diff": (of.checked, ["registry", "diff", *of.registries, "--out", "@/../diff.csv"]),
    }


def jobs_of(known: dict[str, tuple[Path, list[str]]], **more: object) -> list[Job]:
    return [{"name": name, "folder": str(folder), "words": words, **more} for name, (folder, words) in known.items()]


def shape(one: Job) -> set[str]:
    """Return what stands, drawn names aside."""
    return {_DRAWN.sub("…", path) for path in one["paths"] if not path.endswith(_OF_SQLITE)}


def judge(whole: Job, struck: list[Job], *, killed: bool = True) -> None:
    """The next command completes, or says that the struck one had; all stands that one of them makes, and no more."""
    assert whole["code"] == 0, whole["said"]
    assert len(struck) > 1
    for one in struck:
        where = (one["name"], one["at"], one["told"], one["said"])
        assert (one["died"] == -9) if killed else (one["died"] in (0, 2, 3, 4, 6)), where
        for said in (one["told"], one["said"]):
            assert "意外" not in said, where
            assert "Traceback" not in said, where
        assert one["code"] == 0 or any(words in one["said"] for words in _DONE_ALREADY), where
        assert one["stood"]["orphans"] == one["orphans"] == [], where
        assert bool(one["stood"].get("latest")) == bool(whole.get("latest")), where
        assert one.get("wrong", []) == [], where
        assert one.get("tables") == whole.get("tables"), where
        if one["name"].split()[0] not in TWICE:
            assert one.get("entries") == whole.get("entries"), where
        assert shape(one) == shape(whole), (*where, shape(one) ^ shape(whole))


@pytest.fixture(scope="session")
def ends(once: Once) -> dict[str, list[Job]]:
    return once("windows", lambda folder: _some_windows(plain_in(folder), season_in(folder), folder))


def _some_windows(plain: Path, season: Path, folder: Path) -> dict[str, list[Job]]:
    known = commands(plain, season, folder)
    kills = [job for name, n in SOME.items() for job in jobs_of({name: known[name]}, some=n)]
    refusals = [
        job | {"name": f"{name} refused"}
        for name, n in REFUSED.items()
        for job in jobs_of({name: known[name]}, some=n, refuse="EIO")
    ]
    return tried(folder, *kills, *refusals)


@pytest.mark.parametrize("name", SOME)
def test_a_kill_in_some_windows(ends: dict[str, list[Job]], name: str):
    whole, *killed = ends[name]
    judge(whole, killed)


@pytest.mark.parametrize("name", REFUSED)
def test_a_call_that_the_system_refuses_in_some_windows(ends: dict[str, list[Job]], name: str):
    whole, *refused = ends[f"{name} refused"]
    judge(whole, refused, killed=False)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_kill_in_every_window(plain: Path, season: Path, tmp_path: Path):
    for whole, *killed in tried(tmp_path, *jobs_of(commands(plain, season, tmp_path)), timeout=7000).values():
        judge(whole, killed)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_kill_in_every_window_of_what_decides(decided: Decided, tmp_path: Path):
    for whole, *killed in tried(tmp_path, *jobs_of(decisions(decided)), timeout=7000).values():
        judge(whole, killed)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", ["check", "run"])
def test_a_kill_in_many_windows_of_a_run(decided: Decided, tmp_path: Path, name: str):
    (ended,) = tried(tmp_path, *jobs_of({name: (decided.approved, [name, "@"])}, some=OF_A_RUN), timeout=7000).values()
    judge(ended[0], ended[1:])


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("lasting", [False, True])
def test_a_call_that_the_system_refuses_in_every_window(
    plain: Path, season: Path, decided: Decided, tmp_path: Path, lasting: bool
):
    blow = {"refuse": "ENOSPC" if lasting else "EIO", "lasting": lasting}
    known = commands(plain, season, tmp_path) | decisions(decided)
    jobs = jobs_of(known, **blow) + jobs_of({"check": (decided.approved, ["check", "@"])}, some=OF_A_RUN, **blow)
    for whole, *refused in tried(tmp_path, *jobs, timeout=7000).values():
        if refused:  # what only decides writes no file by itself: SQLite does
            judge(whole, refused, killed=False)
