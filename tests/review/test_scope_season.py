"""A season in which students leave the class and come back, recounted every evening from the files alone."""

from __future__ import annotations

import csv
import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.cohorts import make_cohort
from tests.command import run

REASONS = {"休学": "休学", "参军入伍": "参军入伍", "退学": "退学", "注册学籍": "", "挂起": "", "": ""}
PROOF = ("--proof", "学籍异动证明", "--by", "王老师")
Student = tuple[str, str]
"""School code and student number."""


def registry(cohort: Path) -> dict[Student, dict[str, str]]:
    """Return the registry rows as they stand in the files."""
    rows: dict[Student, dict[str, str]] = {}
    for path in sorted((cohort / "registry").glob("*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows |= {(path.stem, row["学号"]): row for row in csv.DictReader(lines)}
    return rows


def rewrite(cohort: Path, changed: dict[Student, dict[str, str]]) -> None:
    """Write the registry anew, with the cells of `changed` changed."""
    rows = registry(cohort)
    for path in sorted((cohort / "registry").glob("*.csv")):
        own = [
            {"学籍状态": "注册学籍", **row, **changed.get(key, {})} for key, row in rows.items() if key[0] == path.stem
        ]
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, list(own[0]))
            writer.writeheader()
            writer.writerows(own)


def expected(cohort: Path) -> dict[Student, str]:
    """Return why each student is outside (blank: inside), by registry and ledger and nothing of the product's."""
    reasons = {
        key: REASONS[row.get("学籍状态", "")] or ("非本届" if not row["毕业年份"].startswith("2017") else "")
        for key, row in registry(cohort).items()
    }
    with sqlite3.connect(f"file:{cohort / 'ledger.sqlite'}?mode=ro", uri=True) as ledger:
        entries = ledger.execute(
            "select school_code, student_number, action, data from entries where kind = 'scope' order by seq"
        ).fetchall()
    for code, number, action, data in entries:
        reasons[code, number] = "" if action == "in" else json.loads(data)["reason"]
    return reasons


def table(cohort: Path, name: str) -> list[dict[str, str]]:
    newest = max((cohort / "reports").glob("*/runs/[!.]*"))
    with (newest / "tables" / f"{name}.csv").open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def recount(cohort: Path) -> None:
    """Hold roster, table of outside, headcount and findings against the independent count."""
    reasons, rows = expected(cohort), registry(cohort)
    codes = {row["学校名称"]: code for (code, _), row in rows.items()}
    inside = {key for key, reason in reasons.items() if not reason}
    roster = {(codes[row["school"]], row["student_number"]): row for row in table(cohort, "roster")}
    assert set(roster) == inside
    outside = {(codes[row["school"]], row["student_number"]): row["reason"] for row in table(cohort, "outside")}
    assert outside == {key: reason for key, reason in reasons.items() if reason}
    registered = Counter((rows[key]["学校名称"], rows[key]["院系"], rows[key]["专业"]) for key in inside)
    counted: Counter[tuple[str, str, str]] = Counter()
    missing = 0
    for row in table(cohort, "headcount"):
        counted[row["school"], row["college"], row["major"]] += int(row["registered"])
        missing += int(row["missing"])
    assert +counted == registered
    assert missing == sum(row["status"] == "missing" for row in roster.values())
    away = {number for _, number in outside}
    told = {row["student_number"] for row in table(cohort, "findings") if row["rule"] == "cohort.missing"}
    assert not told & away


@pytest.mark.slow
def test_students_leave_and_come_back_and_every_evening_is_right(tmp_path: Path):
    cohort = make_cohort(tmp_path / "c", students=60, seed=29)
    chance = random.Random(29)
    people = sorted(registry(cohort))
    suspended, army, back, later, odd, *others = chance.sample(people, 12)
    first = {suspended: {"学籍状态": "休学"}, odd: {"学籍状态": "挂起"}}
    evenings = [("2016-10-18", first | {army: {"学籍状态": "参军入伍"}, later: {"毕业年份": "2018-06"}})]
    evenings.append(("2016-10-25", {suspended: {"学籍状态": "注册学籍"}, others[0]: {"学籍状态": "退学"}}))
    evenings.append(("2016-11-01", {army: {"学籍状态": "注册学籍"}, others[1]: {"学籍状态": "休学"}}))
    decisions = {
        "2016-10-18": [("out", back, "其他"), ("in", later, "")],
        "2016-10-25": [("out", army, "参军入伍"), ("in", others[0], "")],
        "2016-11-01": [("in", back, ""), ("in", army, "")],
    }
    for day, changed in [*evenings, ("2016-11-08", {})]:
        rewrite(cohort, changed)
        if day in ("2016-10-25", "2016-11-08"):  # after decisions that no check has seen
            killed_check(cohort, day, chance.uniform(0.5, 4))
        assert run("check", cohort, "--as-of", day) == 0
        recount(cohort)
        for action, (code, number), reason in decisions.get(day, []):
            more = ("--reason", reason) if reason else ()
            words = ("scope", action, cohort, "--student", f"{code}/{number}", *more, "--why", "教字 3 号", *PROOF)
            assert run(*words) == 0


def killed_check(cohort: Path, day: str, after: float) -> None:
    """Begin a check and kill it with all that it started."""
    words = [sys.executable, "-m", "pipeline", "check", str(cohort), "--as-of", day]
    begun = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(after)
    begun.send_signal(signal.SIGKILL)
    begun.wait()


def _sign(cohort: Path, college: str) -> int:
    with (cohort / "colleges.csv").open(encoding="utf-8-sig", newline="") as lines:
        secretary = next(row["副书记"] for row in csv.DictReader(lines) if row["院系"] == college)
    return run("sign", college, cohort, "--by", secretary, "--why", "补交")


@pytest.mark.slow
def test_a_suspended_student_is_signed_without_once_he_does_not_submit_or_somebody_decided(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    cohort = make_cohort(tmp_path / "c", students=120, schools=2, seed=5, faults=0)
    people = registry(cohort)
    first, second = sorted({row["院系"] for key, row in people.items() if key[0] == "10534"})[:2]
    with (cohort / "truth_missing.csv").open(encoding="utf-8-sig", newline="") as lines:
        missing = {row["student_number"] for row in csv.DictReader(lines)}
    silent = [key for key, row in people.items() if key[1] in missing and row["院系"] in (first, second)]
    submits = next(key for key, row in people.items() if row["院系"] == second and key not in silent)
    rewrite(cohort, {key: {"学籍状态": "休学"} for key in [*silent, submits]})
    day = ("--as-of", "2016-11-01")
    assert run("check", cohort, *day) == 0
    for college in (first, second):
        run("review", "approve", cohort, "--all-ready", "--college", college, "--by", "王老师")
    capsys.readouterr()
    assert _sign(cohort, first) == 0
    names = "、".join(sorted(people[key]["姓名"] for key in silent if people[key]["院系"] == first))
    assert names and f"人：{names}" in capsys.readouterr().out
    assert _sign(cohort, second) == 6
    assert "学籍状态不在本届却提交了信息" in capsys.readouterr().err
    out_of = ("scope", "out", cohort, "--student", submits[1], "--reason", "休学", "--why", "教字 3 号", *PROOF)
    assert run(*out_of) == 0 and run("check", cohort, *day) == 0
    assert _sign(cohort, second) == 0
    recount(cohort)
