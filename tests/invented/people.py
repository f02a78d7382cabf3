"""The registry of one school: invented people, whole columns at a time.

A person's ID number is a county's code, a day of birth and a sequence number of 900 to 995 with the check character
of GB 11643. Registration offices give sequence numbers from 001 upwards, so these numbers are well-formed and, as far
as can be known, nobody's. Numbers never repeat within a cohort: each is a permutation of the person's index.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa

from tests.invented import names, numbers, places
from tests.invented.arrow import Table
from tests.invented.arrow import compute as pc
from tests.invented.classes import LEVELS, ClassPlan
from tests.invented.kinds import Kind, SchoolPlan
from tests.invented.numbers import Column, Digits, Ints

_DAYS = 730
_SEQUENCES = 48  # 900 to 947; a twin has 48 more
_FIRST_SEQUENCE = 900
_AGES = (24, 28, 33)  # oldest age at graduation, in years, of each level: their days of birth do not overlap
_ETHNICITIES = {
    "汉族": 86,
    "土家族": 4,
    "苗族": 4,
    "侗族": 2,
    "瑶族": 2,
    "壮族": 1,
    "回族": 1,
    "白族": 0.5,
    "彝族": 0.5,
}
UNITS = [city + "教育局" for city in ("怀化市", "邵阳市", "永州市", "郴州市", "岳阳市", "常德市", "益阳市", "娄底市")]


@dataclass(frozen=True)
class Numbering:
    """Which numbers a school's people get: `first`, `first` + 1, … in the cohort, scattered by `salt`."""

    first: int
    salt: int
    one_pair_in: int = 200
    """Of so many people one pair are twins, and one namesakes."""
    repeated: bool = False
    """Student numbers begin anew in each school, as schools that number for themselves do."""


@dataclass
class School:
    """One school's registry (a column for each field) and the facts from which its submissions are drawn."""

    plan: SchoolPlan
    classes: list[ClassPlan]
    registry: Table
    index: Ints
    """Each person's number in the cohort."""
    class_at: Ints
    place_at: Ints
    level: Ints


@dataclass
class _Bodies:
    index: Ints
    place_at: Ints
    day: Ints
    sequence: Ints


def make_school(
    plan: SchoolPlan, kind: Kind, classes: list[ClassPlan], numbering: Numbering, rng: np.random.Generator
) -> School:
    """Return a school of invented people, among them pairs of twins and of namesakes in one class."""
    class_at = np.repeat(np.arange(len(classes)), [c.size for c in classes]).astype(np.int64)
    level = np.array([c.level for c in classes], dtype=np.int64)[class_at]
    index = np.arange(numbering.first, numbering.first + len(class_at), dtype=np.int64)
    twins, namesakes = _pairs(class_at, numbering.one_pair_in, rng)
    bodies = _bodies(kind, index, numbering.salt)
    for column in (bodies.place_at, bodies.day):
        column[twins + 1] = column[twins]
    bodies.sequence[twins + 1] = bodies.sequence[twins] + _SEQUENCES
    minority = rng.random(len(index)) < 0.012
    minority[np.concatenate([twins, twins + 1])] = False
    columns = {
        "school": _repeat(plan.name, len(index)),
        **_numbers(plan, classes, class_at, bodies, repeated=numbering.repeated),
        "id_number": numbers.text(_id_numbers(kind, level, bodies)),
        "name": _names(bodies.sequence, minority, twins, namesakes, rng),
        "gender": numbers.chosen(["女", "男"], bodies.sequence % 2),
        "ethnicity": _ethnicity(minority, rng),
        **origin(bodies.place_at, "origin"),
        **_study(kind, classes, class_at, level, rng),
    }
    return School(plan, classes, pa.table(columns), index, class_at, bodies.place_at, level)


def _repeat(value: str, rows: int) -> Column:
    return pa.repeat(value, rows)


def _pairs(class_at: Ints, one_in: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return the first ones of the pairs of twins and of namesakes; each pair sits side by side in one class."""
    beside = np.flatnonzero(class_at[:-1] == class_at[1:])
    starts = beside[beside % 4 == 0]
    rng.shuffle(starts)
    count = min(max(1, len(class_at) // one_in), len(starts) // 2) if len(starts) >= 2 else 0
    return starts[:count], starts[count : 2 * count]


def _bodies(kind: Kind, index: Ints, salt: int) -> _Bodies:
    """Return place, day of birth and sequence number of each person, no three of them alike."""
    every = places.places()
    home = np.array([at for at, place in enumerate(every) if place.province == kind.home], dtype=np.int64)
    away = np.array([at for at, place in enumerate(every) if place.province != kind.home], dtype=np.int64)
    sets = (home, away) if len(home) else (away, away)
    half = index % 2 if len(home) else np.zeros_like(index)
    place_at, day, sequence = (np.zeros_like(index) for _ in range(3))
    for side, counties in enumerate(sets):
        mine = half == side
        order = index[mine] // 2 if len(home) else index[mine]
        slot = numbers.scatter(order, len(counties) * _DAYS * _SEQUENCES, salt)
        place_at[mine] = counties[slot % len(counties)]
        day[mine] = slot // len(counties) % _DAYS
        sequence[mine] = _FIRST_SEQUENCE + slot // len(counties) // _DAYS
    return _Bodies(index, place_at, day, sequence)


def _id_numbers(kind: Kind, level: Ints, bodies: _Bodies) -> Digits:
    starts = [np.datetime64(f"{kind.year - age}-09-01") for age in _AGES]
    born = np.array(starts)[level] + bodies.day
    month = born.astype("datetime64[M]").astype(np.int64)
    dates = (
        (month // 12 + 1970) * 10_000 + (month % 12 + 1) * 100 + (born - born.astype("datetime64[M]")).astype(int) + 1
    )
    codes = _place_codes()[bodies.place_at]
    body = numbers.beside(numbers.digits(codes, 6), numbers.digits(dates, 8), numbers.digits(bodies.sequence, 3))
    return numbers.with_check(body)


def _numbers(
    plan: SchoolPlan, classes: list[ClassPlan], class_at: Ints, bodies: _Bodies, *, repeated: bool
) -> dict[str, Column]:
    """Return student numbers and exam numbers (14 digits; a postgraduate's begins with the school and has 15)."""
    enrolled = np.array([c.enrolled % 100 for c in classes], dtype=np.int64)[class_at]
    graduate = np.array([c.level > 0 for c in classes])[class_at]
    year = numbers.digits(enrolled, 2)
    codes = _place_codes()[bodies.place_at] // 100
    serial = numbers.digits(bodies.index, 8)
    local = bodies.index - bodies.index[0] if repeated else bodies.index
    plain = numbers.text(numbers.beside(year, numbers.digits(codes, 4), serial))
    own = numbers.text(numbers.beside(numbers.fixed(plan.code, len(year)), year, serial))
    return {
        "student_number": numbers.text(numbers.beside(year, numbers.digits(local, 9))),
        "exam_number": pc.if_else(pa.array(graduate), own, plain),
    }


@cache
def _name_pool(size: int) -> tuple[list[str], Column]:
    """Return women's, men's and long minority names, as a list and as a column."""
    both = [*names.pool(names.WOMAN, size), *names.pool(names.MAN, size), *names.MINORITY]
    return both, numbers.column(both)


def _names(sequence: Ints, minority: np.ndarray, twins: Ints, namesakes: Ints, rng: np.random.Generator) -> Column:
    rows = len(sequence)
    size = 20_000 if rows < 2_000 else 100_000
    both, pool = _name_pool(size)
    drawn = rng.integers(0, size, rows) + size * (sequence % 2)
    drawn[minority] = 2 * size + drawn[minority] % len(names.MINORITY)
    drawn[namesakes + 1] = drawn[namesakes]
    column = numbers.chosen(pool, drawn)
    if not len(twins):
        return column
    mask = np.zeros(rows, dtype=bool)
    mask[twins + 1] = True
    apart = [names.sibling(both[drawn[at]]) for at in np.sort(twins)]
    return pc.replace_with_mask(column, pa.array(mask), pa.array(apart, type=pa.string()))


def _ethnicity(minority: np.ndarray, rng: np.random.Generator) -> Column:
    drawn = numbers.weighted(rng, list(_ETHNICITIES.values()), len(minority))
    drawn[minority] = len(_ETHNICITIES)
    return numbers.chosen([*_ETHNICITIES, "维吾尔族"], drawn)


def origin(place_at: Ints, prefix: str) -> dict[str, Column]:
    """Return the columns `<prefix>_province`, `_city` and `_county` of each place."""
    return {f"{prefix}_{part}": numbers.chosen(_place_parts(part), place_at) for part in ("province", "city", "county")}


@cache
def _place_parts(part: str) -> Column:
    return numbers.column([str(getattr(place, part)) for place in places.places()])


@cache
def _place_codes() -> Ints:
    return np.array([int(place.code) for place in places.places()], dtype=np.int64)


def _study(
    kind: Kind, classes: list[ClassPlan], class_at: Ints, level: Ints, rng: np.random.Generator
) -> dict[str, Column]:
    rows = len(class_at)

    def each(of: Callable[[ClassPlan], str]) -> Column:
        return numbers.chosen([of(plan) for plan in classes], class_at)

    months = [kind.month, *(f"{kind.year}-{month}" for month in kind.postgraduate_months)]
    month_at = np.where(level == 0, 0, 1 + rng.integers(0, len(months) - 1, rows))
    mode = numbers.weighted(rng, [0.97, 0.025, 0.005], rows)
    unit = np.where(mode == 0, 0, 1 + rng.integers(0, len(UNITS), rows))
    return {
        "college": each(lambda c: c.college.name),
        "class_name": each(lambda c: c.name),
        "major": each(lambda c: c.major),
        "education_level": each(lambda c: LEVELS[c.level]),
        "study_years": each(lambda c: str(c.study_years)),
        "enrolment_month": each(lambda c: f"{c.enrolled}-09"),
        "graduation_month": numbers.chosen(months, month_at),
        "teacher_training": numbers.chosen(["否", "是"], (rng.random(rows) < 0.06).astype(np.int64)),
        "training_mode": numbers.chosen(["非定向", "定向", "委培"], mode),
        "commissioning_unit": numbers.chosen(["", *UNITS], unit),
    }
