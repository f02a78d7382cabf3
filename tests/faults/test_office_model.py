"""The whole job against a plain model of the office: files change, people decide, runs crash, nothing is lost.

Each step goes through the functions that the commands call, on real files; only the pages are left out.
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pipeline.clock import SHANGHAI
from pipeline.cohort import load_cohort
from pipeline.collect.school_tables import read_people
from pipeline.colleges import find_college
from pipeline.errors import MingceError, RefusedError
from pipeline.progress import Reporter
from pipeline.review.actions import Actor, approve, reopen, send_back
from pipeline.review.granting import add_exception
from pipeline.review.ledger import open_ledger
from pipeline.review.review_snapshot import open_tables
from pipeline.review.signing import Terms, sign
from pipeline.run import run_cohort
from pipeline.run_folder import RenderOptions, RunOptions, RunOutcome
from pipeline.tables import read_table
from tests.cohorts import make_cohort
from tests.review.small import kept

pytestmark = pytest.mark.slow
CODE = "10534"
STUDENTS = 4  # who are played with; the others of the cohort never move
who = st.integers(0, STUDENTS - 1)


class PowerCut(Exception):
    """The power went."""


class Failing(Reporter):
    """Lets the power go when a stage ends."""

    def __init__(self, at: str) -> None:
        super().__init__(quiet=True)
        self._at = at

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        with super().stage(name):
            yield
        if name == self._at:
            raise PowerCut


class OfficeMachine(RuleBasedStateMachine):
    """`approved` and `registry_then` are the model: what was approved, and what the registry said of it then."""

    folder: tempfile.TemporaryDirectory[str]

    @initialize(seed=st.integers(0, 3))
    def start(self, seed: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        path = make_cohort(Path(self.folder.name), 40, 2, seed=seed, faults=0.0)
        self.cohort = load_cohort(path)
        self.registry_file, self.form = path / "registry" / f"{CODE}.csv", path / "submissions" / f"{CODE}.csv"
        given = {row["学号"]: row for row in _read(self.form)}
        rows = _read(self.registry_file)
        self.numbers = [row["学号"] for row in rows if row["学号"] in given][:STUDENTS]
        self.clean = {number: given[number] for number in self.numbers}
        _write(self.form, [row for number, row in given.items() if number not in self.numbers])
        self.now = datetime(2016, 10, 1, 9, tzinfo=SHANGHAI)
        self.approved: dict[str, dict[str, str]] = {}
        self.runs: list[str] = []
        self.run()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    # what students and the registrar do

    @rule(at=who, fault=st.sampled_from(["", "个人联系电话", "民族"]))
    def submit(self, at: int, fault: str) -> None:
        self.now += timedelta(minutes=7)
        row = self.clean[self.numbers[at]] | {"提交时间": f"{self.now:%Y-%m-%d %H:%M}"}
        _write(self.form, [*_read(self.form), row | ({fault: "12"} if fault else {})])

    @rule(at=who, word=st.sampled_from(["土木工程", "给排水科学与工程"]))
    def correct_registry(self, at: int, word: str) -> None:
        rows = _read(self.registry_file)
        for row in rows:
            if row["学号"] == self.numbers[at]:
                row["专业"] = word
        _write(self.registry_file, rows)

    # what the office does

    @rule()
    def run(self) -> None:
        self.now += timedelta(minutes=7)
        options = RunOptions(self.now.date(), self.now, "check", render=RenderOptions(False), reporter=Reporter(True))
        self._ran(run_cohort(self.cohort, options))

    def _ran(self, outcome: RunOutcome) -> None:
        assert outcome.summary["complete"]
        self.runs.append(outcome.folder.name)
        self.registry_then = {row["学号"]: row for row in _read(self.registry_file)}
        self._check(outcome.folder)

    @rule(at=st.sampled_from(["collect", "match", "check", "review", "tabulate"]))
    def crash(self, at: str) -> None:
        self.now += timedelta(minutes=7)
        options = RunOptions(self.now.date(), self.now, "check", render=RenderOptions(False), reporter=Failing(at))
        with suppress(PowerCut):
            outcome = run_cohort(self.cohort, options)
            assert at not in outcome.summary["timings"], "the power did not go"
            self._ran(outcome)  # nothing had changed: the stage was taken over from an earlier run

    @rule(at=who)
    def approve(self, at: int) -> None:
        number = self.numbers[at]
        tables, _ = open_tables(self.cohort)
        with suppress(RefusedError), open_ledger(self.cohort) as ledger:
            done = approve(tables, ledger, [f"{CODE}/{number}"], self._actor())
            if done.done:
                self.approved[number] = self.registry_then[number]
            assert number in self.approved

    @precondition(lambda self: self.approved)
    @rule(at=who, back=st.booleans())
    def undo(self, at: int, back: bool) -> None:
        number = self.numbers[at]
        tables, _ = open_tables(self.cohort)
        act = send_back if back else reopen
        with suppress(RefusedError), open_ledger(self.cohort) as ledger:
            if act(tables, ledger, [f"{CODE}/{number}"], self._actor()).done:
                self.approved.pop(number, None)

    @rule(at=who)
    def grant(self, at: int) -> None:
        tables, _ = open_tables(self.cohort)
        with suppress(MingceError), open_ledger(self.cohort) as ledger:
            add_exception(tables, ledger, f"{CODE}/{self.numbers[at]}", "phone.format", self._actor(), "其他")

    @rule()
    def sign(self) -> None:
        tables, _ = open_tables(self.cohort)
        college = self.registry_then[self.numbers[0]]["院系"]
        try:
            with open_ledger(self.cohort) as ledger:
                colleges = read_people(self.cohort)[0]
                of = Terms(colleges, self.cohort.window.college_due, datetime.now(SHANGHAI).date())
                named = find_college(f"{CODE}/{college}", self.cohort, colleges)
                sign(tables, ledger, named, of, self._actor(), kept)
        except RefusedError:
            return
        mine = {number for number, row in self.registry_then.items() if row["院系"] == college}
        assert mine <= set(self.approved), "signed although somebody is not approved"

    # what must hold

    @invariant()
    def the_ledger_stands(self) -> None:
        if hasattr(self, "cohort"):
            with open_ledger(self.cohort) as ledger:
                assert ledger.verify() == []
            runs = self.cohort.reports_folder / "runs"
            assert sorted(path.name for path in runs.iterdir() if path.name[0] != ".") == sorted(self.runs)

    def _actor(self) -> Actor:
        return Actor("王老师", "核对过", self.now.date())

    def _check(self, run: Path) -> None:
        roster = read_table(run, "roster")
        own = roster[roster["school"].eq("湖南科技大学") & roster["student_number"].isin(self.numbers)]
        shown = dict(zip(own["student_number"], own["status"], strict=True))
        for number, status in shown.items():
            then = self.approved.get(number)
            if then is None:
                assert status not in ("approved", "stale"), number
            else:
                assert status == ("approved" if then == self.registry_then[number] else "stale"), number
        _counts_add_up(roster, read_table(run, "headcount"))


def _counts_add_up(roster: pd.DataFrame, headcount: pd.DataFrame) -> None:
    keys = ["school", "college", "education_level", "major"]
    assert (headcount["registered"] == headcount["submitted"] + headcount["missing"]).all()
    registered = roster[roster["status"] != "extra"].groupby(keys).size()
    approved = roster[roster["status"] == "approved"].groupby(keys).size()
    for row in headcount.to_dict("records"):
        key = tuple(row[name] for name in keys)
        assert row["registered"] == registered.get(key, 0)
        assert row["approved"] == approved.get(key, 0)
        if row["equal"]:
            assert row["approved"] == row["registered"]
            assert row["extra"] == 0


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)


def _run_model(examples: int, steps: int, start: int = 0) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(start)(type("Seeded", (OfficeMachine,), {})), settings=chosen)


def test_a_short_season() -> None:
    """A few seasons of some steps."""
    _run_model(int(os.environ.get("MINGCE_MODEL_EXAMPLES", "2")), 6)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("start", range(1, 7))
def test_long_seasons(start: int) -> None:
    """Sixty seasons of forty steps, ten a part: a part that was run to its end is known."""
    _run_model(10, 40, start)
