"""Match against a model: people who hand in again, strangers who use their numbers, and rows in any order."""

from __future__ import annotations

import random

import pandas as pd
import pytest

from pipeline.match.match_stage import roster_submissions
from tests.frames import registry, submissions
from tests.matching import match, registries_of
from tests.spec.judge import LATEST

SCHOOLS = ["湖南科技大学", "湖南科技大学潇湘学院"]
NAMES = ["王伟", "王伟", "李娜", "张敏", "刘洋", "陈静"]


class Model:
    """A small cohort and what its people and strangers hand in; `expected` says whose row stands on whose place."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.people = [
            {
                "school": SCHOOLS[n % 2],
                "id_number": f"43030219950314{n:03d}X",
                "student_number": f"13050300{n // 2:02d}",  # the same numbers in both schools
                "exam_number": f"1343030000{n // 2:04d}",
                "name": NAMES[n % len(NAMES)],
            }
            for n in range(12)
        ]
        self.rows: list[tuple[int, dict[str, str]]] = []  # whose (-1: a stranger's), what
        self.last: dict[int, int] = {}  # person to the row that must stand
        self.moment = 0

    def time(self) -> str:
        self.moment += 1
        return f"2016-10-{1 + self.moment // 60 % 28:02d} {8 + self.moment // 1700:02d}:{self.moment % 60:02d}"

    def hand_in(self, person: int) -> None:
        """A right row: from then on it stands."""
        self.rows.append((person, {**self.people[person], "submitted_at": self.time()}))
        self.last[person] = len(self.rows) - 1

    def mistake(self, person: int) -> None:
        """A row of his with one slip: it stands only where no right one does."""
        slip = self.random.choice(
            [{"id_number": "430302199503140000"}, {"exam_number": "7"}, {"name": f"{self.people[person]['name']}兰"}]
        )
        self.rows.append((person, {**self.people[person], **slip, "submitted_at": self.time()}))
        if "exam_number" in slip:  # ID number and name are right: he is certified
            self.last[person] = len(self.rows) - 1
        elif person not in self.last or self.last[person] < 0:
            self.last[person] = -1  # one of his faulty rows

    def attack(self, person: int) -> None:
        """Somebody who knows name and number of another, at any time, the future among them."""
        victim = self.people[person]
        stranger = {"id_number": f"1101011990010{self.random.randrange(10**4):04d}X", "exam_number": ""}
        time = self.random.choice(["2099-01-01 08:00", "", "国庆", self.time()])
        self.rows.append((-1, {**victim, **stranger, "submitted_at": time}))

    def flood(self) -> None:
        """A stranger who shares nothing, or a number, with somebody else."""
        n = len(self.rows)
        stranger = {
            "id_number": f"11010119900{n:06d}X",
            "student_number": f"9{n}",
            "exam_number": f"8{n}",
            "name": "无名氏",
        }
        stolen = self.random.choice([{}, {"exam_number": self.people[0]["exam_number"]}, {"phone": "17300411788"}])
        self.rows.append((-1, {**self.people[0], **stranger, **stolen, "submitted_at": self.time()}))

    def play(self, turns: int) -> None:
        for _ in range(turns):
            person = self.random.randrange(len(self.people))
            act = self.random.choice([self.hand_in, self.hand_in, self.mistake, self.attack])
            if act == self.attack and self.last.get(person, -1) < 0:
                continue  # of one who is not certified nobody can say who he is
            act(person)
            if self.random.random() < 0.5:
                self.flood()


def matched_of(model: Model, rows: list[tuple[int, dict[str, str]]]):
    frame = submissions(*(row for _, row in rows)).assign(superseded_by="")
    frame["submission_id"] = [f"s{model.rows.index(row)}" for row in rows]
    held = registry(*model.people)
    return match(frame, registries_of(held), LATEST)


@pytest.mark.parametrize("seed", range(25))
def test_nobody_vanishes_and_nobody_is_displaced(seed: int):
    model = Model(seed)
    model.play(40)
    matched = matched_of(model, model.rows)
    standing = roster_submissions(matched.order_time, matched.evidence)
    stands = matched.submissions["submission_id"].loc[standing.to_numpy()].set_axis(standing.index)
    whose = {f"s{n}": person for n, (person, _) in enumerate(model.rows)}
    for person, row in model.last.items():
        assert person in stands.index, f"{model.people[person]} vanished"
        assert stands[person] == f"s{row}" if row >= 0 else whose[stands[person]] == person
    counting = matched.submissions["superseded_by"] == ""
    ids = set(matched.submissions["submission_id"])
    assert set(matched.submissions["superseded_by"]) <= {"", *ids}
    assert matched.submissions["superseded_by"][~counting].isin(list(matched.counting["submission_id"])).all()


@pytest.mark.parametrize("seed", range(8))
def test_the_order_of_reading_decides_nothing_where_times_differ(seed: int):
    model = Model(100 + seed)
    for _ in range(30):
        person = model.random.randrange(len(model.people))
        model.random.choice([model.hand_in, model.mistake])(person)
    shuffled = model.random.sample(model.rows, len(model.rows))
    one, other = (matched_of(model, rows) for rows in (model.rows, shuffled))
    counts = [matched.submissions.set_index("submission_id")["superseded_by"] for matched in (one, other)]
    pd.testing.assert_series_equal(counts[0].sort_index(), counts[1].sort_index())


def test_a_flood_of_strangers_changes_nobody():
    model = Model(7)
    for person in range(len(model.people)):
        model.hand_in(person)
    before = matched_of(model, model.rows)
    for _ in range(500):
        model.flood()
        model.attack(model.random.randrange(len(model.people)))
    after = matched_of(model, model.rows)
    for matched in (before, after):
        standing = roster_submissions(matched.order_time, matched.evidence)
        ids = matched.submissions["submission_id"].loc[standing.to_numpy()]
        assert dict(zip(standing.index, ids, strict=True)) == {n: f"s{n}" for n in range(len(model.people))}
    mine = after.marks.loc[list(range(len(model.people)))]
    for name in ("student_number_clash", "exam_number_clash", "phone_shared"):
        assert (~mine[name] | mine[f"{name}_owned"] | (name == "phone_shared")).all()
