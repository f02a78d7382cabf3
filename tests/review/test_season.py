"""A whole season, played day by day with crashes: what the ledger says is what happened, on every day."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest

from pipeline.errors import RefusedError
from pipeline.review import actions
from pipeline.review.actions import Actor
from pipeline.review.decisions import decision_states, standing_decisions
from pipeline.review.exceptions import apply_exceptions
from pipeline.review.granting import add_exception
from pipeline.review.ledger import Ledger
from pipeline.review.review_snapshot import KINDS, build_snapshot
from pipeline.review.signatures import college_states, signed_digest
from pipeline.review.signing import accept, sign

from .small import COLLEGES, SCHOOLS, Clock, finding, kept, open_in, person, submission, tables, terms

START = date(2016, 9, 20)


class Crash(Exception):
    """The power went."""


@dataclass
class Student:
    """One student as the office would know them, kept apart from the ledger."""

    number: str
    school: str
    registry: int = 0
    rows: list[tuple[str, bool]] = field(default_factory=list)  # (submission id, whether something is wrong with it)
    withdrawn: set[str] = field(default_factory=set)
    approved: tuple[str, int] | None = None
    returned: str = ""
    excepted: dict[str, date] = field(default_factory=dict)  # submission id to last day

    @property
    def live(self) -> list[tuple[str, bool]]:
        return [row for row in self.rows if row[0] not in self.withdrawn]

    @property
    def counting(self) -> str:
        return self.live[-1][0] if self.live else ""

    def status(self, day: date) -> str:
        if not self.live:
            return "missing"
        key, wrong = self.live[-1]
        if self.approved:
            stands = self.approved[0] in {row[0] for row in self.live} and self.approved[1] == self.registry
            lapsed = wrong and self.approved[0] == key and key in self.excepted and self.excepted[key] < day
            return "approved" if stands and not lapsed else "stale"
        if wrong and self.excepted.get(key, date.min) < day:
            return "correct"
        return "returned" if self.returned == key else "awaiting"

    @property
    def change_request(self) -> bool:
        return self.approved is not None and self.counting != self.approved[0]


class Season:
    """Days of an office; every action may crash at any step and is then simply done again."""

    def __init__(self, folder, students, seed):
        self.random = random.Random(seed)
        self.clock = Clock(START)
        self.ledger = open_in(folder, self.clock)
        names = list(SCHOOLS.values())
        self.students = [Student(str(1000 + n // 2), names[n % 2]) for n in range(students)]
        self.by = {(s.school, s.number): s for s in self.students}
        self.serial = 0
        self.day = START
        self.made = {"approve": 0, "return": 0, "reopen": 0, "withdrawal": 0, "exception": 0}
        self.days: dict[date, tuple] = {}

    def name(self, student):
        return f"{next(code for code, name in SCHOOLS.items() if name == student.school)}/{student.number}"

    def actor(self, by="王老师"):
        return Actor(by, f"{self.day} 处理", self.day)

    def tables(self):
        people = [person(s.number, s.school, exam_number=f"e{s.number}.{s.registry}") for s in self.students]
        rows, findings = [], []
        for s in self.students:
            for key, wrong in s.live:
                rows.append(submission(key, s.number, s.school))
                if wrong and key == s.counting:
                    findings.append(finding(key, s.number, school=s.school, given=key))
        return tables(people, rows, findings, run_id=f"{self.day}")

    def submit(self, student, wrong):
        self.serial += 1
        student.rows.append((f"sub{self.serial:07d}", wrong))

    def move(self):
        """What students and registrars do on a day, whatever the office thinks of it."""
        chance = self.random.random
        for s in self.students:
            status = s.status(self.day)
            if chance() < {"missing": 0.08, "correct": 0.25, "returned": 0.25}.get(status, 0):
                self.submit(s, wrong=chance() < 0.2)
            elif status == "approved" and not s.change_request and chance() < 0.01:
                self.submit(s, wrong=chance() < 0.3)  # a change request
            elif status == "approved" and chance() < 0.006:
                s.rows.pop(next(at for at, row in enumerate(s.rows) if row[0] == s.approved[0]))
                self.submit(s, wrong=False)  # edited in place
            if chance() < 0.003:
                s.registry += 1

    def safely(self, act):
        """Do it; where the power goes before, within or after the writing, do it again."""
        for _ in range(5):
            where = self.random.choice(["", "", "", "", "", "before", "within", "after"])
            write = Ledger._write

            def failing(self, connection, new, where=where, write=write):
                if where == "before":
                    raise Crash
                stored = write(self, connection, new)
                if where == "within":
                    raise Crash
                return stored

            Ledger._write = failing
            try:
                result = act()
                if where == "after":
                    raise Crash
                return result
            except Crash:
                continue
            finally:
                Ledger._write = write
        return act()

    def office(self):
        run = self.tables()
        if self.day.toordinal() % 2:
            self.rejections(run)
        for code, school in list(SCHOOLS.items())[self.day.toordinal() % 2 :: 2]:
            ready = [s for s in self.students if s.school == school and s.status(self.day) == "awaiting"]
            self.safely(lambda code=code: actions.approve_ready(run, self.ledger, COLLEGES[code], self.actor()))
            self.approve(ready)
        again = [s for s in self.students if s.status(self.day) == "stale" and s.counting and not self.wrong(s)]
        again = [s for s in again if self.random.random() < 0.4]
        if again:
            self.safely(lambda: actions.approve(run, self.ledger, [self.name(s) for s in again], self.actor()))
            self.approve(again)
        self.requests(run)
        self.exception(run)

    def wrong(self, student):
        key, wrong = student.live[-1]
        return wrong and student.excepted.get(key, date.min) < self.day

    def approve(self, students):
        for s in students:
            s.approved, s.returned = (s.counting, s.registry), ""
            self.made["approve"] += 1

    def rejections(self, run):
        waiting = [s for s in self.students if s.status(self.day) == "awaiting" and self.random.random() < 0.1]
        if waiting:
            self.safely(lambda: actions.send_back(run, self.ledger, [self.name(s) for s in waiting], self.actor()))
        for s in waiting:
            s.returned = s.counting
            self.made["return"] += 1
        undone = [
            s for s in self.students if s.status(self.day) in ("approved", "stale") and self.random.random() < 0.01
        ]
        if undone:
            names = [self.name(s) for s in undone]
            with suppress(RefusedError):  # done before the crash: the second try finds no approval
                self.safely(lambda: actions.reopen(run, self.ledger, names, self.actor()))
        for s in undone:
            s.approved = None
            self.made["reopen"] += 1

    def requests(self, run):
        asking = [s for s in self.students if s.status(self.day) == "approved" and s.change_request]
        for s in asking[:2]:
            if self.wrong(s) or self.random.random() < 0.5:
                key = s.counting
                self.safely(lambda key=key: actions.withdraw(run, self.ledger, key, self.actor()))
                s.withdrawn.add(key)
                self.made["withdrawal"] += 1
            else:
                self.safely(lambda s=s: actions.approve(run, self.ledger, [self.name(s)], self.actor()))
                self.approve([s])

    def exception(self, run):
        mending = [s for s in self.students if s.status(self.day) == "correct"]
        if mending and self.random.random() < 0.3:
            s = self.random.choice(mending)
            last = self.day + timedelta(days=self.random.randint(0, 4))
            told = ("phone.format", self.actor(), "其他", last)
            self.safely(lambda: add_exception(run, self.ledger, self.name(s), *told))
            s.excepted[s.counting] = last
            self.made["exception"] += 1

    def look(self, live):
        """Keep what the model says this evening; where `live`, the desk says the same at once."""
        run = self.tables()
        known = {key: s.status(self.day) for key, s in self.by.items()}
        self.days[self.day] = (run, known)
        if not live:
            return
        desk = build_snapshot(run, self.ledger.entries(*KINDS), self.day)
        told = {(row.school, row.student_number): row.status for row in desk.people.itertuples()}
        assert told == known, [(key, told[key], known[key]) for key in known if told[key] != known[key]][:5]

    def close(self):
        """The last days: everybody mends and submits, the office decides on the rest."""
        for s in self.students:
            done = s.status(self.day) == "approved" and not s.change_request
            if not done and (s.approved or not s.live or self.wrong(s) or s.returned):
                self.submit(s, wrong=False)
        run = self.tables()
        todo = [s for s in self.students if s.status(self.day) != "approved" or s.change_request]
        self.safely(lambda: actions.approve(run, self.ledger, [self.name(s) for s in todo], self.actor()))
        self.approve(todo)


def play(folder, students, days=60, seed=1):
    season = Season(folder, students, seed)
    for number in range(days):
        season.day = START + timedelta(days=number)
        season.clock.now = Clock(season.day).now
        season.move()
        if season.day.weekday() < 5:  # students hand in at weekends too, the office rests
            season.office()
        if number == days - 1:
            season.close()
        season.look(live=season.day.weekday() == 4)
    return season


def check_season(season):
    entries = season.ledger.entries()
    assert season.ledger.verify() == []
    for day, (run, known) in season.days.items():  # every state of every day can be rebuilt
        until = entries[entries["at"].str.slice(0, 10) <= day.isoformat()]
        desk = build_snapshot(run, until, day)
        told = {(row.school, row.student_number): row.status for row in desk.people.itertuples()}
        assert told == known
        if day.toordinal() % 5:
            continue
        decided = standing_decisions(until)
        _, lapsed = apply_exceptions(run.findings, until, day)
        states = decision_states(run.people, run.submissions["submission_id"], decided, lapsed=lapsed)["decision_state"]
        shown = dict(zip(zip(run.people["school"], run.people["student_number"], strict=True), states, strict=True))
        assert {key for key, state in shown.items() if state == "approved"} == {
            key for key, state in known.items() if state == "approved"
        }
    counts = entries["action"].where(entries["kind"] == "decision", entries["kind"]).value_counts().to_dict()
    assert {key: counts.get(key, 0) for key in season.made} == season.made  # nothing lost, nothing doubled
    assert season.made["reopen"] and season.made["withdrawal"] and season.made["exception"]
    assert any("stale" in known.values() for _, known in season.days.values())


def check_signatures(season):
    run = season.tables()
    of = terms(season.day)
    for code in SCHOOLS:
        college = COLLEGES[code]
        season.safely(lambda c=college: sign(run, season.ledger, c, of, season.actor("李书记"), kept))
        season.safely(lambda c=college: accept(run, season.ledger, c, season.actor()))
    entries = season.ledger.entries()
    assert entries["kind"].isin(["signature", "acceptance"]).sum() == 2 * len(SCHOOLS)
    states = college_states(entries)
    people = build_snapshot(run, entries, season.day).people
    for row in states.itertuples():
        assert row.accepted_at
        assert row.signed_digest == signed_digest(people[people["school_code"] == row.school_code])
    assert set(people["status"]) == {"approved"}


@pytest.mark.slow
def test_three_weeks_of_a_season(tmp_path):
    whole_season(tmp_path, 120, days=21)


@pytest.mark.soak
@pytest.mark.parametrize("students", [600, 8000])
def test_sixty_days_of_a_season(tmp_path, students):
    """What `test_three_weeks_of_a_season` promises, for longer."""
    whole_season(tmp_path, students)


def whole_season(folder, students, days=60):
    season = play(folder, students, days)
    check_season(season)
    check_signatures(season)
    season.ledger.purge(before=f"{START + timedelta(days=days // 2)}", by="王", why="期满")
    assert season.ledger.verify() == []
    season.ledger.close()
