"""Chase lists: the students who wait for somebody, by counselor and class, with what each must do."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.render.mask import mask_id, mask_phone
from pipeline.render.theme import FAMILY_OF
from pipeline.review.status import open_critical
from pipeline.tables import STATUSES, Frame

_SHOWN_FAMILIES = ("missing", "fix", "verify")
_MESSAGES = 3
_RETURNED = "按退回意见改好重交"  # the reason itself is the student's: it goes to her by mail


@dataclass(frozen=True)
class Student:
    """One student to chase, as the page may show her: numbers masked, reasons without registry values."""

    number: str
    name: str
    class_name: str
    status: str
    label: str
    family: str
    reasons: tuple[str, ...]
    id_number: str
    phone: str


@dataclass(frozen=True)
class Group:
    """A counselor's students to chase."""

    counselor: str
    students: tuple[Student, ...]
    classes: int
    counts: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True)
class Waiting:
    """The students of one class who wait for the college's review: (student number, name)."""

    class_name: str
    people: tuple[tuple[str, str], ...]


def chase_groups(roster: Frame, findings: Frame, identities: dict[str, str], phones: dict[str, str]) -> list[Group]:
    """Return the students to chase, by counselor (the most students first), class and state.

    Args:
        roster: the scope.
        findings: its findings.
        identities: ID number by student number (registry).
        phones: phone by submission.
    """
    families = roster["status"].map(FAMILY_OF)
    wanted = roster[families.isin(_SHOWN_FAMILIES)]
    messages = _messages(findings)
    students: dict[str, list[Student]] = {}
    for row in wanted.to_dict("records"):
        who = str(row["counselor"]) or "未指定辅导员"
        student = _student({str(key): str(value) for key, value in row.items()}, messages, identities, phones)
        students.setdefault(who, []).append(student)
    groups = [_group(who, found) for who, found in students.items()]
    return sorted(groups, key=lambda group: (-len(group.students), group.counselor))


def _group(counselor: str, found: list[Student]) -> Group:
    order = {name: at for at, name in enumerate(_SHOWN_FAMILIES)}
    ordered = sorted(found, key=lambda student: (student.class_name, order[student.family], student.number))
    counts = {name: sum(student.family == name for student in found) for name in _SHOWN_FAMILIES}
    return Group(counselor, tuple(ordered), len({student.class_name for student in found}), counts)


def _student(
    row: dict[str, str], messages: dict[str, list[str]], identities: dict[str, str], phones: dict[str, str]
) -> Student:
    told = messages.get(row["submission_id"], []) if row["submission_id"] else []
    if row["status"] == "returned" and not told:
        told = [_RETURNED]
    rest = len(told) - _MESSAGES
    shown = (*told[:_MESSAGES], f"等 {len(told)} 处") if rest > 0 else tuple(told)
    return Student(
        number=row["student_number"],
        name=row["name"],
        class_name=row["class_name"],
        status=row["status"],
        label=STATUSES[row["status"]],
        family=FAMILY_OF[row["status"]],
        reasons=shown,
        id_number=mask_id(identities.get(row["student_number"], "")),
        phone=mask_phone(phones.get(row["submission_id"], "")),
    )


def _messages(findings: Frame) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    mine = open_critical(findings)
    for submission, message in zip(mine["submission_id"], mine["message"], strict=True):
        messages = told.setdefault(str(submission), [])
        if message not in messages:
            messages.append(str(message))
    return told


def waiting(roster: Frame) -> list[Waiting]:
    """Return the students who wait for the college's review, by class."""
    found = roster[roster["status"].map(FAMILY_OF).eq("review")].sort_values(["class_name", "student_number"])
    return [
        Waiting(str(name), tuple(zip(group["student_number"], group["name"], strict=True)))
        for name, group in found.groupby("class_name")
    ]
