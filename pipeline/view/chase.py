"""Chase lists: the students who are not done, with what each waits for; the same on page, in mail and on paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from pipeline.logs import mask
from pipeline.review.status import one_a_slip, open_critical
from pipeline.states import State, states
from pipeline.tables import Frame

REASONS_SHOWN = 3
_COLUMNS = ["school", "college", "class_name", "counselor", "student_number", "name", "status", "submission_id"]


@dataclass(frozen=True)
class Chased:
    """One student who is not done: where, who, in which state, and why. Long numbers in texts are masked."""

    school: str
    college: str
    class_name: str
    counselor: str
    student_number: str
    name: str
    status: str
    submission_id: str
    reasons: tuple[str, ...]

    @property
    def state(self) -> State:
        """Return the state: its word, its colours, who acts."""
        return states()[self.status]

    @property
    def reason(self) -> str:
        """Return the first reasons in one line."""
        more = f"；等 {len(self.reasons)} 项" if len(self.reasons) > REASONS_SHOWN else ""
        return "；".join(self.reasons[:REASONS_SHOWN]) + more


@dataclass(frozen=True)
class Group:
    """One counselor's students who must be gone after."""

    counselor: str
    students: tuple[Chased, ...]

    @property
    def classes(self) -> int:
        """Return how many classes they are of."""
        return len({student.class_name for student in self.students})

    def count(self, family: str) -> int:
        """Return how many are in states of one family."""
        return sum(student.state.family == family for student in self.students)


def chase(roster: Frame, findings: Frame, returned: Mapping[tuple[str, str], str]) -> tuple[Chased, ...]:
    """Return the students who are not done, by state (in the order of `states.toml`), college, class and number.

    Args:
        roster: the students.
        findings: their findings. Those count that the state's own actor has to mend, one for each slip.
        returned: (school, student number) to the reason of a return, where it is known.
    """
    reasons = _reasons(roster, findings)
    order = {name: place for place, name in enumerate(states())}
    rows: list[Chased] = []
    for place, row in enumerate(roster[_COLUMNS].itertuples(index=False, name=None)):
        school, college, class_name, counselor, number, name, status, submission = map(str, row)
        state = states()[status]
        if not state.left:
            continue
        why = reasons.get((place, state.actor), (state.reason,))
        if status == "returned" and returned.get((school, number)):
            why = (f"退回：{mask(returned[school, number])}",)
        rows.append(Chased(school, college, class_name, counselor, number, mask(name), status, submission, why))
    return tuple(sorted(rows, key=lambda c: (order[c.status], c.school, c.college, c.class_name, c.student_number)))


def by_counselor(students: tuple[Chased, ...], families: tuple[str, ...]) -> list[Group]:
    """Return the students of some families of states by counselor, the most students first; by class within."""
    found: dict[str, list[Chased]] = {}
    for student in sorted(
        students,
        key=lambda c: (
            c.class_name,
            families.index(c.state.family) if c.state.family in families else 0,
            c.student_number,
        ),
    ):
        if student.state.family in families:
            found.setdefault(student.counselor or "未指定辅导员", []).append(student)
    groups = [Group(who, tuple(each)) for who, each in found.items()]
    return sorted(groups, key=lambda group: (-len(group.students), group.counselor))


def by_class(students: list[Chased]) -> list[tuple[str, list[Chased]]]:
    """Return the students by class, in their order."""
    classes: dict[tuple[str, str, str], list[Chased]] = {}
    for student in students:
        classes.setdefault((student.school, student.college, student.class_name), []).append(student)
    return [(key[2], members) for key, members in classes.items()]


def _reasons(roster: Frame, findings: Frame) -> dict[tuple[int, str], tuple[str, ...]]:
    """Return the messages of open critical findings by roster position and by who must act."""
    found: dict[tuple[int, str], dict[str, None]] = {}
    mine = _owned(one_a_slip(open_critical(findings)), roster)
    for owner, actor, message in zip(mine["owner"].tolist(), mine["actor"], mine["message"], strict=True):
        found.setdefault((int(owner), str(actor)), {})[mask(str(message))] = None
    return {key: tuple(messages) for key, messages in found.items()}


def _owned(findings: Frame, roster: Frame) -> Frame:
    """Return the findings of the roster's students, each with the student's `owner` (roster position).

    A finding belongs to the submission it names; one that names none, to the student number in the school.
    """
    ids = pd.Series(range(len(roster)), index=roster["submission_id"].to_numpy(), dtype="float64")
    ids = ids[(ids.index != "") & ~ids.index.duplicated()]
    numbers = pd.Series(
        range(len(roster)), index=pd.MultiIndex.from_frame(roster[["school", "student_number"]]), dtype="float64"
    )
    numbers = numbers[~numbers.index.duplicated()]
    asked = pd.MultiIndex.from_frame(findings[["school", "student_number"]])
    by_number = pd.Series(numbers.reindex(asked).to_numpy(), index=findings.index)
    owner = by_number.mask(findings["submission_id"] != "", findings["submission_id"].map(ids))
    return findings.assign(owner=owner)[owner.notna()].astype({"owner": "int64"})
