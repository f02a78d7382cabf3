"""Commands at once, children killed, little memory, few files, full disks, wrong clocks: told, and mended by the next.

Whatever happens: nobody sees a traceback, the ledger verifies, the last complete run stands, nothing half-written and
no process is left, and the next command completes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.faults.decided import Decided, decide
from tests.faults.test_windows import season  # noqa: F401  # a fixture

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the commands are forked"),
]
Job = dict[str, Any]
TIMES = int(os.environ.get("MINGCE_STRAIN_TIMES", "10"))
YEAR = 365 * 86400
CODES = {0, 4, 5, 6}
ROOTS_ALONE = pytest.mark.skipif(os.getuid() != 0, reason="mounts a disk")


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Decided:
    return decide(tmp_path_factory.mktemp("decided"))


def strained(folder: Path, *jobs: Job, timeout: int = 570) -> list[Job]:
    """Do the jobs; return what became of each time."""
    report = folder / "strain.jsonl"
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.strain", str(report), *map(json.dumps, jobs)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=timeout,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]


def judge(one: Job) -> None:
    ends = [*one["commands"], *one["then"]]
    told = json.dumps({key: one[key] for key in ("name", "bounds", "killed", "commands", "then")}, ensure_ascii=False)
    assert {end["code"] for end in one["commands"]} <= CODES, told
    assert {end["code"] for end in one["then"]} <= {0}, told
    assert not [end for end in ends if "意外" in end["said"] or "Traceback" in end["said"]], told
    assert one["stood"]["orphans"] == one["orphans"] == [], told
    assert one["stood"]["latest"] or not any("latest.txt" in path for path in one["stood"]["paths"]), told
    assert one.get("wrong", []) == [], told
    assert list(half(one["paths"])) == [], told


def half(paths: list[str]) -> Iterator[str]:
    """Yield what is half-written, or a kernel's."""
    for path in paths:
        name = path.rpartition("/")[2]
        if name.startswith((".part-", "nb-")) or name.endswith(".part"):
            yield path


SEND, PURGE, BACKUP = ["send", "@"], ["purge", "@", "--by", "王"], ["backup", "@/../copies", "@"]


def test_some_at_once(season: Path, tmp_path: Path):  # noqa: F811
    pairs = {"send twice": [SEND, SEND], "purge and send": [PURGE, SEND], "backup and purge": [BACKUP, PURGE]}
    jobs = [
        {"name": name, "folder": str(season), "commands": both, "times": 1, "within": 0.2, "then": SEND}
        for name, both in pairs.items()
    ]
    for one in strained(tmp_path, *jobs):
        judge(one)
        settled = [entry for entry in one["entries"] if entry[1] in ("written", "unclear")]
        assert len(settled) == 2, one["name"]  # each mail once


def pairs_of(of: Decided) -> list[Job]:
    """Return what people and timers may start at once."""
    by = ["--by", "王", "--why", "核对过"]
    approve, back = (["review", word, "@", "--student", of.student, *by] for word in ("approve", "return"))
    reopen, sign = (
        ["review", "reopen", "@", "--student", of.student, *by],
        ["sign", of.college, "@", "--by", of.secretary, "--why", "迟交"],
    )
    accept, check, handin = ["accept", of.college, "@", *by], ["check", "@"], ["handin", "@", "--draft"]
    shared = ["--reports", "@/../shared"]
    each = [
        ("two checks", of.checked, [check, check], 2.0),
        ("check and sign", of.approved, [check, sign], 2.0),
        ("check and send", of.approved, [check, SEND], 2.0),
        ("check and backup", of.approved, [check, BACKUP], 2.0),
        ("check and purge", of.approved, [check, PURGE], 2.0),
        ("run and send", of.approved, [["run", "@"], SEND], 12.0),
        ("run and approve", of.checked, [["run", "@"], approve], 12.0),
        ("send and purge", of.approved, [SEND, PURGE], 0.5),
        ("approve twice", of.checked, [approve, approve], 0.1),
        ("approve and return", of.checked, [approve, back], 0.1),
        ("sign and reopen", of.approved, [sign, reopen], 0.1),
        ("accept and reopen", of.signed, [accept, reopen], 0.1),
        ("hand in twice", of.signed, [handin, handin], 0.1),
        ("two cohorts of one name", of.approved, [["check", "@", *shared], ["check", "@2", *shared]], 2.0),
    ]
    return [
        {"name": name, "folder": str(folder), "commands": both, "within": within, "times": TIMES, "then": check}
        for name, folder, both, within in each
    ]


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_two_at_once(decided: Decided, tmp_path: Path):
    for one in strained(tmp_path, *pairs_of(decided), timeout=7000):
        judge(one)
        actions = [entry[1] for entry in one["entries"] if entry[0] in ("decision", "signature", "acceptance")]
        if one["name"] == "approve twice":
            assert actions == ["approve"]
        if one["name"] == "sign and reopen":  # one came first: a signature, or a person who is not approved
            assert len(actions) - 23 in (1, 2)


def same_tables(done: list[Job]) -> None:
    """Hold every time's tables to those of the first, which nothing strained."""
    assert done[0]["tables"]
    for one in done:
        judge(one)
        assert one["tables"] == done[0]["tables"], one["name"]


def runs_under(of: Decided, command: str = "run", **strain: object) -> list[Job]:
    """Return one run (or check) without strain, and several under it."""
    plain: Job = {"name": "plain", "folder": str(of.approved), "commands": [[command, "@"]], "times": 1}
    return [plain, {**plain, "name": "strained", "times": TIMES, "then": [command, "@"], **strain}]


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_children_killed(decided: Decided, tmp_path: Path):
    """Notebooks' processes, kernels, and the prepared process that they are forked from."""
    done = strained(tmp_path, *runs_under(decided, kills=3, over=1.5), timeout=7000)
    same_tables(done)
    assert sum(len(one["killed"]) for one in done) >= TIMES


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(
    "limits",
    [{"RLIMIT_NOFILE": [16, 96]}, {"RLIMIT_AS": [400 << 20, 3000 << 20]}, {"RLIMIT_FSIZE": [1 << 10, 256 << 10]}],
    ids=lambda limits: next(iter(limits)),
)
def test_little_of_what_the_system_gives(decided: Decided, tmp_path: Path, limits: dict[str, list[int]]):
    same_tables(strained(tmp_path, *runs_under(decided, limits=limits), timeout=7000))


@ROOTS_ALONE
@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_disk_that_fills_at_any_moment(decided: Decided, tmp_path: Path):
    same_tables(strained(tmp_path, *runs_under(decided, disk=[4 << 10, 8 << 20]), timeout=7000))


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Shanghai", "UTC"])
def test_a_clock_that_is_wrong_or_is_set_meanwhile(decided: Decided, tmp_path: Path, zone: str):
    """A year back or ahead, over midnight both ways; the next run, on the true clock, is the newest nevertheless."""
    day = 86400.0
    jobs = [
        {
            "name": f"{ahead:+.0f} s after {jumps} s", "folder": str(decided.approved), "times": 1, "zone": zone,
            "commands": [words], "then": ["check", "@"], "clock": ahead, "jumps": jumps,
        }
        for words in (["check", "@"], ["sign", decided.college, "@", "--by", decided.secretary, "--why", "迟交"], SEND)
        for ahead in (-YEAR, YEAR, -day, day)
        for jumps in (0.0, 1.5)
    ]  # fmt: skip
    for one in strained(tmp_path, *jobs, timeout=7000):
        judge(one)
        assert {end["code"] for end in one["commands"]} == {0}, one["commands"]
        assert one["tables"]
