"""How a school's students fall into colleges, majors and classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.invented.kinds import CollegePlan, Kind, SchoolPlan

LEVELS = ("本科", "硕士研究生", "博士研究生")
_MARKS = ("", "研", "博")
_GROUP = (34, 6, 4)  # students a major has at least, where there are enough
_CLASS = 55  # a class has at most about so many


@dataclass(frozen=True)
class ClassPlan:
    """A class: where it belongs, what its students study and for how long."""

    name: str
    college: CollegePlan
    major: str
    level: int
    enrolled: int
    study_years: int
    size: int


def plan_classes(school: SchoolPlan, kind: Kind, students: int, rng: np.random.Generator) -> list[ClassPlan]:
    """Return the classes of a school of `students` people; their sizes add up to it."""
    sizes = _apportion(students, np.asarray(school.levels))
    return [
        plan
        for level, people in enumerate(sizes)
        if people
        for plan in _classes_of_level(school, kind, level, people, rng)
    ]


def _classes_of_level(
    school: SchoolPlan, kind: Kind, level: int, people: int, rng: np.random.Generator
) -> list[ClassPlan]:
    colleges = school.colleges
    deepest = max(len(college.majors) for college in colleges)
    groups = [(c, c.majors[rank]) for rank in range(deepest) for c in colleges if rank < len(c.majors)]
    groups = groups[: max(1, people // _GROUP[level])]
    sizes = _apportion(people, rng.uniform(0.8, 1.25, len(groups)))
    plans: list[ClassPlan] = []
    for (college, major), size in zip(groups, sizes, strict=True):
        plans += _classes_of_major(kind, college, major, level, size)
    order = {college.name: at for at, college in enumerate(colleges)}
    return sorted(plans, key=lambda plan: order[plan.college.name])


def _classes_of_major(kind: Kind, college: CollegePlan, major: str, level: int, size: int) -> list[ClassPlan]:
    years = college.study_years if level == 0 else 3
    enrolled = kind.year - years
    parts = _apportion(size, np.ones(max(1, -(-size // _CLASS))))
    return [
        ClassPlan(f"{enrolled % 100:02d}{major}{_MARKS[level]}{number}班", college, major, level, enrolled, years, part)
        for number, part in enumerate(parts, 1)
        if part
    ]


def _apportion(total: int, weights: np.ndarray) -> list[int]:
    """Split `total` by weight into whole numbers that add up to it."""
    edges = np.round(np.cumsum(weights) / np.sum(weights) * total).astype(int)
    return np.diff(edges, prepend=0).tolist()


def split_students(schools: tuple[SchoolPlan, ...], students: int) -> list[int]:
    """Return how many students each school has."""
    return _apportion(students, np.array([school.share for school in schools]))
