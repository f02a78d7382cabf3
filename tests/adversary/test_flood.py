"""A flood of strangers changes nobody's status and keeps no college from signing (contract, Whose row counts)."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.adversary.flood import write_strangers
from tests.cohorts import make_cohort
from tests.command import run

DAY = ("--as-of", "2016-11-01")
Student = tuple[str, str]


def statuses(cohort: Path) -> dict[Student, tuple[str, ...]]:
    """Return of each student of the newest run's roster his status and the submission that stands on him."""
    newest = max((cohort / "reports").glob("*/runs/[!.]*"))
    roster = pd.read_csv(newest / "tables" / "roster.csv", dtype=str, keep_default_na=False)
    columns = ["school", "student_number", "status", "submission_id"]
    return {(row[0], row[1]): row[2:] for row in roster[columns].itertuples(index=False, name=None)}


def colleges(cohort: Path) -> list[tuple[str, str]]:
    """Return each college, with its school, and its secretary."""
    names = {row["学校名称"]: path.stem for path in (cohort / "registry").glob("*.csv") for row in _rows(path)}
    return [(f"{names[row['学校名称']]}/{row['院系']}", row["副书记"]) for row in _rows(cohort / "colleges.csv")]


def signing(cohort: Path) -> set[str]:
    """Sign every college that can sign, and return them."""
    signed = [(name, run("sign", name, cohort, "--by", by, "--why", "补交")) for name, by in colleges(cohort)]
    assert {code for _, code in signed} <= {0, 6}
    return {name for name, code in signed if code == 0}


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def _leave_out_the_missing(cohort: Path, of_each: int) -> None:
    """Take the students without a submission out of the registry, but every so many of them."""
    given = {row["身份证号码"] for path in (cohort / "submissions").glob("*.csv") for row in _rows(path)}
    for path in (cohort / "registry").glob("*.csv"):
        rows = _rows(path)
        away = [row for row in rows if row["身份证号码"] not in given]
        kept = {row["学号"] for row in away[::of_each]}
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, list(rows[0]))
            writer.writeheader()
            writer.writerows(row for row in rows if row not in away or row["学号"] in kept)


def flooded(folder: Path, students: int, strangers: int) -> None:
    calm = make_cohort(folder / "calm", students, 2, seed=20, faults=0)
    _leave_out_the_missing(calm, 9)
    assert run("check", calm, *DAY) == 0
    for name, _ in colleges(calm):
        run("review", "approve", calm, "--all-ready", "--college", name, "--by", "王老师")
    assert run("check", calm, *DAY) == 0
    before = statuses(calm)
    assert {"approved", "missing"} <= {status for status, _ in before.values()}
    wild = Path(shutil.copytree(calm, folder / "wild"))
    write_strangers(wild, strangers, seed=20)
    assert run("check", wild, *DAY) == 0
    after = statuses(wild)
    assert {who: (was, after[who]) for who, was in before.items() if after[who] != was} == {}
    assert set(after) == set(before)
    able = signing(calm)
    assert able and able - signing(wild) == set()


@pytest.mark.slow
def test_a_flood_of_strangers(tmp_path: Path):
    flooded(tmp_path, 120, 500)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_strangers(tmp_path: Path):
    flooded(tmp_path, 1_500, 100_000)
