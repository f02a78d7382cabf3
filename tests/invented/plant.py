"""Turns right submissions into a lively cohort: some missing, some sent twice, some spoilt; every fault labelled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import chain, islice
from random import Random

import numpy as np
import pyarrow as pa

from pipeline import fields
from tests.invented import faults, faults_identity, faults_study
from tests.invented.arrow import Column, Table
from tests.invented.arrow import compute as pc
from tests.invented.case import Case, Fault, Row
from tests.invented.kinds import Kind
from tests.invented.numbers import Ints
from tests.invented.people import School

TRUTH = ["student_number", "name", "submitted_student_number", "rule", "cause"]
_ONCE = {"student_number.required"}  # the labels find a submission by its number, so one blank number is enough


@dataclass
class Planted:
    """One school's submissions as they arrive, its registry as it stands, and what is known of both."""

    school: School
    registry: Table
    submissions: Table
    colleges: Column
    """The college under which each submission was filed (its worksheet)."""
    truth: Table
    missing: Table
    clean: Ints
    """Positions in the registry of the students whose one submission is right."""
    people: Ints
    """Whose each submission is: the position in the registry."""
    pictures: dict[int, tuple[str, int]] = field(default_factory=dict[int, tuple[str, int]])
    """A person's position to what is wrong with the picture, and the classmate whose picture it is."""
    numeric_ids: dict[str, str] = field(default_factory=dict[str, str])
    """Damaged text of an ID number to the number that a spreadsheet took for a quantity."""


class Plan:
    """Which fault comes next: every applicable one in turn, or the identity faults by their shares."""

    def __init__(self, random: Random, *, identity: bool, photos: bool) -> None:
        every = dict(faults.FAULTS) | (faults.PHOTO_FAULTS if photos else {})
        self._faults: dict[str, Fault] = every
        self._random = random
        self._turn = self._shares() if identity else self._round()
        self._used: set[str] = set()
        self._waiting: list[str] = []

    def _round(self) -> Iterator[str]:
        names = sorted(self._faults)
        while True:
            self._random.shuffle(names)
            yield from names

    def _shares(self) -> Iterator[str]:
        bench = faults_identity.BENCH
        while True:
            yield self._random.choices(list(bench), list(bench.values()))[0]

    def spoil(self, case: Case) -> str:
        """Do the next fault that this student can have; return its rule."""
        for rule in chain(list(self._waiting), islice(self._turn, 60)):
            if rule in _ONCE and rule in self._used:
                continue
            if self._faults[rule](case):
                self._used.add(rule)
                self._waiting = [waiting for waiting in self._waiting if waiting != rule]
                return f"identity.{case.cause}" if case.cause else rule.partition("#")[0]
            if rule not in self._waiting:
                self._waiting.append(rule)
        return ""


@dataclass(frozen=True)
class Rates:
    """Shares of the registered who are missing, of the submitted who are spoilt or sent twice."""

    faults: float
    missing: float = 0.04
    twice: float = 0.03
    finished: str = ""
    """A college where all is in order."""


def plant(school: School, forms: Table, kind: Kind, rates: Rates, plan: Plan, rng: np.random.Generator) -> Planted:
    """Return the school with its faults."""
    rows = len(school.index)
    open_ = _open(school, rates.finished)
    missing = open_ & (rng.random(rows) < rates.missing)
    there = np.flatnonzero(~missing)
    candidates = np.flatnonzero(~missing & open_)
    count = min(round(rates.faults * len(there)), max(0, len(candidates) - 2))
    spoilt = np.sort(rng.choice(candidates, count, replace=False)) if count else np.empty(0, dtype=np.int64)
    clean = np.setdiff1d(there, spoilt, assume_unique=True)
    cases = _cases(school, forms, kind, spoilt, clean, rng)
    rules = [plan.spoil(case) for case in cases]
    twice = rng.choice(clean, round(rates.twice * len(clean)), replace=False)
    again = _first_tries(forms.take(pa.array(twice)).to_pylist(), kind, rng)
    planted = _assemble(school, forms, clean, spoilt, cases, again, twice)
    planted.truth = _truth(school, clean, spoilt, cases, rules)
    planted.missing = _missing(school, missing)
    return planted


def _open(school: School, finished: str) -> np.ndarray:
    names = np.array([plan.college.name != finished for plan in school.classes])
    return names[school.class_at]


def _cases(school: School, forms: Table, kind: Kind, spoilt: Ints, clean: Ints, rng: np.random.Generator) -> list[Case]:
    if not len(spoilt):
        return []
    mates = _mates(school, spoilt, clean, rng)
    drawn = zip(
        forms.take(pa.array(spoilt)).to_pylist(),
        school.registry.take(pa.array(spoilt)).to_pylist(),
        school.registry.take(pa.array(mates)).to_pylist(),
        forms.select(["phone", "qq"]).take(pa.array(mates)).to_pylist(),
        school.index[mates].tolist(),
        school.index[spoilt].tolist(),
        strict=True,
    )
    random = Random(int(rng.integers(0, 2**62)))
    return [
        Case(row, own, mate, form, other, school, kind, random, index) for row, own, mate, form, other, index in drawn
    ]


def _mates(school: School, spoilt: Ints, clean: Ints, rng: np.random.Generator) -> Ints:
    """Return a different clean student for each spoilt one, mostly the next one of the same class."""
    after = np.searchsorted(clean, spoilt) % len(clean)
    stray = rng.random(len(spoilt)) < 0.1
    after[stray] = rng.integers(0, len(clean), int(stray.sum()))
    return clean[after]


def _first_tries(rows: list[Row], kind: Kind, rng: np.random.Generator) -> list[Row]:
    """Return earlier submissions of students who sent a better one later: the same, a slip, or the wrong school."""
    random = Random(int(rng.integers(0, 2**62)))
    schools = [school.name for school in kind.schools]
    eve = date.fromisoformat(str(kind.opens)) - timedelta(days=1)  # before anybody's better one
    for at, row in enumerate(rows):
        row["submitted_at"] = f"{eve} 23:{random.randint(10, 59)}"
        sort = at % 4
        if sort == 1:
            row["phone"] = row["phone"][:-2]
        elif sort == 2 and len(schools) > 1:
            row["school"] = random.choice([name for name in schools if name != row["school"]])
        elif sort == 3:
            row["id_number"] = faults_identity.mistype(row["id_number"].strip(), random)
    return rows


def _assemble(
    school: School, forms: Table, clean: Ints, spoilt: Ints, cases: list[Case], again: list[Row], twice: Ints
) -> Planted:
    registry = _patched(school.registry, spoilt, cases)
    parts = [forms.take(pa.array(clean)), _table([case.row for case in cases]), _table(again)]
    college = school.registry["college"].combine_chunks()
    filed = [college.take(pa.array(at)) for at in (clean, spoilt, twice)]
    people = np.concatenate([clean, spoilt, twice])
    planted = Planted(school, registry, pa.concat_tables(parts), pa.concat_arrays(filed), None, None, clean, people)
    first = int(school.index[0])
    for at, case in zip(spoilt.tolist(), cases, strict=True):
        if case.photo:
            planted.pictures[at] = (case.photo, case.mate_index - first)
        if "numeric_id" in case.extra:
            planted.numeric_ids[case.row["id_number"]] = case.extra["numeric_id"]
    return planted


def _table(rows: list[Row]) -> Table:
    schema = pa.schema([(name, pa.string()) for name in fields.names()])
    return pa.Table.from_pylist(rows, schema=schema)


def _patched(registry: Table, spoilt: Ints, cases: list[Case]) -> Table:
    """Return the registry with what the faults wrote into it."""
    if not cases:
        return registry
    mask = np.zeros(len(registry), dtype=bool)
    mask[spoilt] = True
    for name in registry.column_names:
        values = pa.array([case.own[name] for case in cases], type=pa.string())
        column = pc.replace_with_mask(registry[name].combine_chunks(), pa.array(mask), values)
        registry = registry.set_column(registry.column_names.index(name), name, column)
    return registry


def _truth(school: School, clean: Ints, spoilt: Ints, cases: list[Case], rules: list[str]) -> Table:
    number, name = school.registry["student_number"], school.registry["name"]
    order = np.concatenate([clean, spoilt])
    blank = pa.repeat("", len(clean))
    given = [
        number.take(pa.array(clean)).combine_chunks(),
        pa.array([c.row["student_number"] for c in cases], pa.string()),
    ]
    columns = [
        number.take(pa.array(order)).combine_chunks(),
        name.take(pa.array(order)).combine_chunks(),
        pa.concat_arrays(given),
        pa.concat_arrays([blank, pa.array(rules, pa.string())]),
        pa.concat_arrays([blank, pa.array([case.cause for case in cases], pa.string())]),
    ]
    return pa.table(columns, names=TRUTH).take(pa.array(np.argsort(order, kind="stable")))


def _missing(school: School, missing: np.ndarray) -> Table:
    return school.registry.select(["student_number", "name", "college"]).filter(pa.array(missing))


_ENTERED = (faults_study, faults_identity)  # importing them enters their faults
