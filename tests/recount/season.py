"""One small season on disk: raw files of two days with students at every boundary, decisions between, two runs."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from random import Random
from typing import NamedTuple

import pandas as pd

from pipeline.clock import SHANGHAI
from pipeline.cohort import load_cohort
from pipeline.progress import Reporter
from pipeline.review.actions import Actor, approve, send_back
from pipeline.review.ledger import open_ledger
from pipeline.review.review_snapshot import open_tables
from pipeline.run import run_cohort
from pipeline.run_folder import RenderOptions, RunOptions
from tests.cohorts import make_cohort
from tests.recount import plain

FIRST, SECOND = date(2016, 10, 20), date(2016, 11, 5)
BAD = "1390000"
PHONE, TIME = "个人联系电话", "提交时间"
# what each student handed in: moment, whether the phone is one; those past the first day come with the second
KINDS: dict[str, list[tuple[str, bool]]] = {
    "missing": [],
    "first second": [("2016-09-20 00:00:00", True)],
    "a second too early": [("2016-09-19 23:59:59", True)],
    "last second": [("2016-10-31 23:59:59", True)],
    "a second too late": [("2016-11-01 00:00:00", True)],
    "last second elsewhere": [("2016-10-31T15:59:59Z", True)],
    "too late elsewhere": [("2016-10-31T16:00:00Z", True)],
    "first second elsewhere": [("2016-09-19T16:00:00Z", True)],
    "no time": [("不详", True)],
    "to mend": [("2016-10-01 10:00", False)],
    "mended": [("2016-10-01 10:00", False), ("2016-10-05 10:00", True)],
    "mended, rows turned": [("2016-10-05 10:00", True), ("2016-10-01 10:00", False)],
    "mended, once more": [("2016-10-01 10:00", False), ("2016-10-05 10:00", True), ("2016-10-08 10:00", True)],
    "spoilt": [("2016-10-01 10:00", True), ("2016-10-05 10:00", False)],
    "mended too late": [("2016-10-01 10:00", False), ("2016-11-02 10:00", True)],
    "once more": [("2016-10-01 10:00", True), ("2016-10-05 10:00", True)],
    "other name": [("2016-10-02 10:00", True)],
    "approved": [("2016-10-02 10:00", True)],
    "approved, once more": [("2016-10-02 10:00", True), ("2016-10-30 10:00", True)],
    "approved, registry changed": [("2016-10-02 10:00", True)],
    "returned": [("2016-10-02 10:00", True)],
    "returned, once more": [("2016-10-02 10:00", True), ("2016-10-30 10:00", True)],
    "returned, then approved": [("2016-10-02 10:00", True)],
}


class Day(NamedTuple):
    """A run and the raw files that it read."""

    run: Path
    as_of: date
    given: plain.Given


class Season(NamedTuple):
    """Both days and all decisions, which fell between them."""

    cohort: Path
    days: tuple[Day, Day]
    decisions: pd.DataFrame
    codes: dict[str, str]

    def people(self, day: int) -> pd.DataFrame:
        """Return the students of one of the two days, counted anew."""
        if day == 0:
            return plain.people(self.days[0].given, None, self.decisions.iloc[:0], self.codes)
        return plain.people(self.days[1].given, self.days[0].given, self.decisions, self.codes)


def make_season(folder: Path) -> Season:
    """Write a cohort, run it, decide, write the second day's files, run it again."""
    cohort = make_cohort(folder / "cohort", 100, 2, seed=31, faults=0.0)
    clean = plain.read(cohort)
    kinds = _kinds(clean)
    codes = {school.name: school.code for school in load_cohort(cohort).schools}
    rows = _rows(clean, kinds)
    _write(cohort, codes, "submissions", rows[rows[TIME].map(plain.moment) <= f"{FIRST} 23:59"])
    days = [_run(cohort, FIRST)]
    _decide(cohort, kinds, codes)
    _write(cohort, codes, "submissions", rows)
    changed = clean.registry.assign(民族=[
        "满族" if kinds[number] == "approved, registry changed" else kept
        for number, kept in zip(clean.registry["学号"], clean.registry["民族"], strict=True)
    ])  # fmt: skip
    _write(cohort, codes, "registry", changed)
    days.append(_run(cohort, SECOND))
    return Season(cohort, (days[0], days[1]), plain.decisions(cohort), codes)


def _kinds(clean: plain.Given) -> dict[str, str]:
    """Return each student's kind, drawn by lot; who has handed in nothing stays so."""
    numbers = sorted(set(clean.submitted["学号"]))
    Random(31).shuffle(numbers)
    drawn = {number: list(KINDS)[at % len(KINDS)] for at, number in enumerate(numbers)}
    return dict.fromkeys(clean.registry["学号"], "missing") | drawn


def _rows(clean: plain.Given, kinds: dict[str, str]) -> pd.DataFrame:
    """Return what was handed in; names and ethnic groups are spelt as in the registry: plain pandas can judge them."""
    known, made = clean.registry.set_index("学号")[["姓名", "民族"]].to_dict("index"), []
    for at, given in enumerate(clean.submitted.drop_duplicates("学号").to_dict("records")):
        row = given | known[given["学号"]]
        kind, phone = kinds[row["学号"]], f"1390731{at:04d}"
        if kind == "other name":
            row["姓名"] = "欧阳某某"
        made += [{**row, TIME: moment, PHONE: phone if right else BAD} for moment, right in KINDS[kind]]
    stranger = made[0] | {
        "学号": "99999999",
        "考生号": "99999999999999",
        "姓名": "外人",
        "身份证号码": "110101199003070871",
    }
    return pd.DataFrame([*made, stranger | {TIME: "2016-10-02 10:00"}])


def _write(cohort: Path, codes: dict[str, str], folder: str, rows: pd.DataFrame) -> None:
    for school, code in codes.items():
        rows[rows["学校名称"] == school].to_csv(cohort / folder / f"{code}.csv", index=False)


def _run(cohort: Path, day: date) -> Day:
    now = datetime(day.year, day.month, day.day, 9, tzinfo=SHANGHAI)
    options = RunOptions(day, now, render=RenderOptions(notebooks=False), reporter=Reporter(quiet=True))
    return Day(run_cohort(load_cohort(cohort), options).folder, day, plain.read(cohort))


def _decide(cohort: Path, kinds: dict[str, str], codes: dict[str, str]) -> None:
    registry = plain.read(cohort).registry
    name = {row["学号"]: f"{codes[row['学校名称']]}/{row['学号']}" for row in registry.to_dict("records")}

    def of(*wanted: str) -> list[str]:
        return [name[number] for number, kind in kinds.items() if kind in wanted]

    at_night = datetime.fromisoformat("2016-10-21T16:30:00+00:00")  # half past midnight in Shanghai
    tables, _ = open_tables(load_cohort(cohort))
    with open_ledger(load_cohort(cohort), lambda: at_night) as ledger:
        back = of("returned", "returned, once more", "returned, then approved")
        send_back(tables, ledger, back, Actor("王老师", "请核对", FIRST))
        passed = of("approved", "approved, once more", "approved, registry changed", "returned, then approved")
        approve(tables, ledger, passed, Actor("王老师", "", FIRST))
