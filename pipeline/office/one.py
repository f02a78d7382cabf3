"""One student: submission and registry compared, findings with advice, history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline import fields
from pipeline.knowledge.photos import Shelf
from pipeline.office.desk_cohort import DeskCohort
from pipeline.render.pieces import Piece, piece
from pipeline.review.ledger import open_ledger
from pipeline.review.review_snapshot import Desk, Student, open_tables, student_name
from pipeline.states import ACTORS
from pipeline.student_facts import ROLES, by_whom, student_facts_of, what_was_done
from pipeline.tables import STATUSES

_LONGEST_PICTURE = 4_000_000  # bytes


def one_student(office: DeskCohort, student: Student) -> tuple[Piece, bytes | None]:
    """Return the facts about a student as a piece, and the submitted photo, if any.

    Raises:
        MingceError: there is no run, or no student has the number.
    """
    name = student_name(student)
    tables, today = open_tables(office.cohort)
    with open_ledger(office.cohort) as ledger:
        entries = ledger.entries()
    facts = student_facts_of(tables, office.cohort.reports_folder / "runs" / tables.run_id, entries, name, today)
    counting = next((one for one in facts["submissions"] if one["role"] == "counts"), None)
    shown = piece(
        "student",
        f"{student['name']}（{name}）",
        title=f"{student['name']}　{name}",
        place=_place(facts["student"]),
        rows=_side_by_side(counting["fields"] if counting else {}, facts["registry"], office),
        findings=[_finding(one) for one in [*(counting["findings"] if counting else []), *facts["findings"]]],
        submissions=[
            (one["fields"]["submitted_at"], ROLES[one["role"]], one["submission_id"]) for one in facts["submissions"]
        ],
        history=[_entry(one) for one in facts["ledger"]],
    )
    return shown, _picture(office, counting["fields"] if counting else {}, student)


@dataclass(frozen=True)
class ComparedField:
    """One normalised field of the approved and of the requested submission."""

    field: str
    approved: str
    requested: str

    @property
    def differs(self) -> bool:
        """Whether the requested value differs from the approved one."""
        return self.approved != self.requested


def change_requested(desk: Desk, student: Student) -> list[ComparedField]:
    """Return the non-blank fields of a change request, changed ones first, without `submitted_at`: always differs."""
    if not student["change_request"]:
        return []
    approved = desk.submission(str(student["approved_submission_id"] or student["submission_id"]))
    requested = desk.submission(str(student["later_id"] or student["submission_id"]))
    named = [name for name in fields.names() if name in approved and name != "submitted_at"]
    both = [ComparedField(name, str(approved[name]), str(requested[name])) for name in named]
    return sorted((one for one in both if one.approved or one.requested), key=lambda one: not one.differs)


def change_request(desk: Desk, student: Student) -> Piece | None:
    """Return the approved and the requested submission as a piece, or None if the student requests no change."""
    both = change_requested(desk, student)
    if not both:
        return None

    def labelled(differs: bool) -> list[dict[str, str]]:
        return [
            {"label": fields.label(one.field), "approved": one.approved, "requested": one.requested}
            for one in both
            if one.differs == differs
        ]

    newer = str(student["later_id"] or student["submission_id"])
    approved = str(student["approved_submission_id"] or student["submission_id"])
    then, now = (str(desk.submission(submission)["submitted_at"]) for submission in (approved, newer))
    title = f"{student['name']}（{student_name(student)}）申请修改"
    return piece(
        "comparison",
        title,
        title=title,
        lead=f"{then} 提交的已通过，仍然有效；{now} 又提交了一次。",
        changed=labelled(True),
        same=labelled(False),
        reasons=desk.reasons(newer),
    )


def _place(about: dict[str, Any]) -> str:
    state = STATUSES[about["status"]] + ("，申请修改" if about["change_request"] else "")
    return (
        f"{about['college']}　{about['class_name']}　{about['major']}　辅导员 {about['counselor'] or '未登记'}　{state}"
    )


def _side_by_side(given: dict[str, Any], registry: dict[str, Any], office: DeskCohort) -> list[dict[str, Any]]:
    compared = {*fields.compared(), "id_number", "name"}
    lines: list[dict[str, Any]] = []
    for name in fields.names():
        one, other = str(given.get(name, "")), str(registry.get(name, ""))
        if one or other:
            differs = bool(given and one and other and one != other and name in compared)
            lines.append({"label": fields.label(name), "given": one, "registry": other, "differs": differs})
    return sorted(lines, key=lambda line: not line["differs"])


def _finding(row: dict[str, Any]) -> dict[str, str]:
    family = "done" if row["excepted"] else {"critical": "fix", "warning": "verify"}.get(str(row["severity"]), "review")
    said = f"{row['message']}{'（已准予例外）' if row['excepted'] else ''}"
    return {"family": family, "who": ACTORS[row["actor"]], "said": said, "rule": str(row["rule"])}


def _entry(row: dict[str, Any]) -> tuple[str, str, str, str]:
    what = f"{what_was_done(row['kind'], row['action'])} {row['rule']}".strip()
    return str(row["at"])[:16].replace("T", " "), what, by_whom(row), str(row["why"])


def _picture(office: DeskCohort, given: dict[str, Any], student: Student) -> bytes | None:
    folder = office.cohort.photos_folder
    if folder is None or not given.get("photo"):
        return None
    found = Shelf(folder).find(str(given["photo"]), str(student["student_number"]), str(given.get("id_number", "")))
    if found is None or found.stat().st_size > _LONGEST_PICTURE:
        return None
    return found.read_bytes()
