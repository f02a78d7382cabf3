"""Decisions on students: approve, return, reopen, keep, withdraw. Each reads and writes in one ledger transaction."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Any, cast

import pandas as pd

from pipeline.colleges import College
from pipeline.errors import RefusedError, UsageError
from pipeline.logs import mask
from pipeline.review.chain import Entry, digest
from pipeline.review.decisions import ACTIONS, snapshot_of
from pipeline.review.ledger import Ledger
from pipeline.review.review_snapshot import (
    KINDS,
    ReviewSnapshot,
    RunTables,
    SeenStates,
    Student,
    build_snapshot,
    college_students,
    records,
    student_name,
    why_unseen,
)
from pipeline.tables import STATUSES

_REASON_IS_SHOWN = "原因会转告学生或留档备查"


@dataclass
class ActionOutcome:
    """The result of an action by SCHOOL/NUMBER: `done`, `already` (nothing to do), `skipped` (with reasons)."""

    done: list[str] = field(default_factory=list[str])
    already: list[str] = field(default_factory=list[str])
    skipped: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    entries: list[int] = field(default_factory=list[int])
    """The `seq` of the entries that were written, by which `review.granting.undo` takes the action back."""
    messages: list[str] = field(default_factory=list[str])
    """Messages about students on whom another person has decided since the run was made."""


@dataclass(frozen=True)
class Actor:
    """The person who acts, the reason, and the day on which exceptions must be valid."""

    by: str
    why: str = ""
    today: date = date.min

    def __post_init__(self) -> None:
        if not self.by.strip():
            raise UsageError("没有写经办人", where="--by", remedy="请写明姓名")
        for option, text in (("--by", self.by), ("--why", self.why)):
            if any("\ud800" <= character <= "\udfff" for character in text):  # bytes of another encoding
                raise UsageError("有不是文字的字符", where=option, remedy="请重新输入")

    def need_reason(self, what: str, remedy: str = "") -> None:
        """Raise UsageError if no reason was given for `what`."""
        if not self.why.strip():
            raise UsageError(f"{what}要写明原因", where="--why", remedy=remedy)


def record(
    ledger: Ledger, decide: Callable[[pd.DataFrame, ActionOutcome], Sequence[Entry]], *kinds: str
) -> ActionOutcome:
    """Write what `decide` returns for the current entries of these kinds, in one transaction; return the outcome."""
    outcome = ActionOutcome()
    stored = ledger.append_if(lambda entries: decide(entries, outcome), *kinds)
    outcome.entries += [entry.seq for entry in stored if entry.new]
    return outcome


def approve_ready(
    tables: RunTables, ledger: Ledger, college: College, actor: Actor, seen: SeenStates | None = None
) -> ActionOutcome:
    """Approve students of the college who await review and were `seen` unchanged. List all others with the reason."""

    def decide(snapshot: ReviewSnapshot, outcome: ActionOutcome) -> list[Entry]:
        rows = college_students(snapshot.people, college)
        changed = set(snapshot.findings["submission_id"][snapshot.findings["rule"] == "cohort.contact_changed"])
        ready: list[Student] = []
        for row in records(rows[(rows["status"] != "approved") | rows["change_request"]]):
            why = why_unseen(row, seen)
            if row["status"] not in ("awaiting", "approved"):
                why = refusal(snapshot, row) or STATUSES[str(row["status"])]
            elif row["change_request"]:
                why = "申请修改，请逐人处理"
            elif row["submission_id"] in changed:
                why = "联系方式改动较多，请逐人核实"
            if why:
                outcome.skipped.append((student_name(row), why))
            else:
                ready.append(row)
        return [_decision(snapshot, row, "approve", actor, outcome) for row in ready]

    return _decide(tables, ledger, actor, decide)


def decide_on(
    action: str, tables: RunTables, ledger: Ledger, numbers: Sequence[str], actor: Actor, seen: SeenStates | None = None
) -> ActionOutcome:
    """Decide on these students' submissions, all or none. `seen` is what the reviewer was shown (None: no check).

    approve: the counting submissions. return: back to the student. reopen: approvals are undone. keep: a change request
    is refused, the newer submission withdrawn and the approval kept. All but approve need a reason.

    Raises:
        RefusedError: the action does not fit a student (see `why_not`), or he changed since `seen`.
        UsageError: no reason; no student, or more than one, has a number.
    """
    if action != "approve":
        actor.need_reason(ACTIONS[action], _REASON_IS_SHOWN)

    def decide(snapshot: ReviewSnapshot, outcome: ActionOutcome) -> list[Entry]:
        rows = snapshot.students(dict.fromkeys(tables.numbers.position(number) for number in numbers))
        checked = [(student_name(row), why_not(snapshot, row, action, why_unseen(row, seen))) for row in rows]
        refused = [f"{name}：{why}" for name, why in checked if why]
        if refused:
            what = f"有 {len(refused)} 人不能{'处理' if action == 'keep' else ACTIONS[action]}，全部未处理"
            raise RefusedError(what, lines=refused, remedy="请先处理，或去掉这些学号再试")
        new = [row for row in rows if not is_repeated(row, action, actor.by, actor.why)]
        outcome.already += [name for name, _ in checked if name not in {student_name(row) for row in new}]
        return [_decision(snapshot, row, action, actor, outcome) for row in new]

    return _decide(tables, ledger, actor, decide)


approve = partial(decide_on, "approve")
send_back = partial(decide_on, "return")
reopen = partial(decide_on, "reopen")


def why_not(snapshot: ReviewSnapshot, row: Student, action: str, unseen: str) -> str:
    """Return why `action` is refused for this student, or "". `unseen` (of `why_unseen`) counts except for reopen."""
    if action == "approve":
        return "" if is_repeated(row, action, "", "") else refusal(snapshot, row) or unseen
    if action == "return":
        return unseen if row["submission_id"] else "未提交，没有可退回的"
    if action == "keep":
        return unseen if row["change_request"] else "没有申请修改"
    return "" if row["decision_state"] in ("approved", "stale") else "没有审核通过的记录，不能取消"


def is_repeated(row: Student, action: str, by: str, why: str) -> bool:
    """Return whether the decision exists: this approval, or a return by the same person for the same reason."""
    if action == "return":
        decided = (str(row["decided_by"]), str(row["decided_why"]))
        return row["decision_state"] == "returned" and decided == (by.strip(), why.strip())
    return action == "approve" and row["decision_state"] == "approved" and not row["change_request"]


def withdraw(tables: RunTables, ledger: Ledger, submission: str, actor: Actor) -> ActionOutcome:
    """Withdraw one submission, such as one of a wrong school. It stops counting and frees its numbers.

    Raises:
        RefusedError: the submission is approved and must be reopened first.
        UsageError: no reason was given, or no submission or several begin with this id.
    """
    actor.need_reason("撤销登记", _REASON_IS_SHOWN)
    ids = tables.submissions["submission_id"]
    matching = tables.submissions[ids.str.startswith(submission) if len(submission) >= 8 else ids == submission]
    if len(matching) != 1:
        what = f"{'不止一条' if len(matching) else '没有'}提交 {submission}"
        raise UsageError(what, where="--submission", remedy="请照 mingce explain 学号 给出的编号写全")
    row = cast("dict[str, Any]", matching.iloc[0].to_dict())
    submission_id = str(row["submission_id"])

    def decide(snapshot: ReviewSnapshot, outcome: ActionOutcome) -> list[Entry]:
        if (snapshot.people["approved_submission_id"] == submission_id).any():
            raise RefusedError(
                f"提交 {submission_id} 已审核通过", where="--submission", remedy="请先用 mingce review reopen 取消审核"
            )
        if submission_id in snapshot.withdrawn:
            outcome.already.append(submission_id)
            return []
        outcome.done.append(submission_id)
        return [_withdrawal(tables, row, actor)]

    return _decide(tables, ledger, actor, decide)


def withdraw_extras(tables: RunTables, ledger: Ledger, college: College, actor: Actor) -> ActionOutcome:
    """Withdraw every submission that claims the college and matches no registry row. Raises without a reason."""
    actor.need_reason("撤销登记", _REASON_IS_SHOWN)

    def decide(snapshot: ReviewSnapshot, outcome: ActionOutcome) -> list[Entry]:
        rows = records(snapshot.extras(college))
        outcome.done += [str(row["submission_id"]) for row in rows]
        return [_withdrawal(tables, row, actor) for row in rows]

    return _decide(tables, ledger, actor, decide)


def refusal(snapshot: ReviewSnapshot, row: Student) -> str:
    """Return why this student cannot be approved now, or ""."""
    if row["submission_id"] == "":
        return STATUSES["missing"]
    return "；".join(snapshot.reasons(row))


def _decision(snapshot: ReviewSnapshot, row: Student, action: str, actor: Actor, outcome: ActionOutcome) -> Entry:
    outcome.done.append(student_name(row))
    if action == "keep":
        return _withdrawal(snapshot.tables, snapshot.submission(str(row["later_id"] or row["submission_id"])), actor)
    outcome.messages += overruled_decision(snapshot, row, actor.by)
    return decision_entry(snapshot, row, action, by=actor.by, why=actor.why)


def overruled_decision(snapshot: ReviewSnapshot, row: Student, by: str) -> list[str]:
    """Return a Chinese line if another person has decided on this student since the run was made, else none."""
    other, at = str(row["decided_by"]), str(row["decided_at"])
    if not other or other == by.strip() or (at and at <= str(snapshot.tables.summary.get("started_at", ""))):
        return []
    action = {"approved": "approve", "stale": "approve", "returned": "return"}.get(str(row["decision_state"]), "reopen")
    when = f"于 {at[:16].replace('T', ' ')} " if at else "在同一张表里"
    return [f"{student_name(row)}：{other} 已{when}作了“{ACTIONS[action]}”的决定，现以您的为准，请与对方核对"]


def decision_entry(
    snapshot: ReviewSnapshot, row: Student, action: str, *, by: str, why: str, data: dict[str, Any] | None = None
) -> Entry:
    """Return the ledger entry of a decision on the student in `row` of the snapshot's people."""
    submission, registry = str(row["submission_id"]), str(row["registry_digest"])
    data, personal = {"registry_digest": registry, "run": snapshot.tables.run_id, **(data or {})}, dict[str, Any]()
    if action == "approve":
        personal = {"snapshot": snapshot_of(secrets.token_hex(8), row, snapshot.submission(submission))}
        data = {"later": str(row["later_id"]), **data} if row.get("later_id") else data
    else:
        submission = submission or str(row["approved_submission_id"])
    entry = Entry("decision", action, by.strip(), why.strip(), data=data, personal=personal).about(row)
    return replace(entry, submission_id=submission, made_on=digest(submission, registry))


def _withdrawal(tables: RunTables, submission: Mapping[str, Any], actor: Actor) -> Entry:
    submission_id = str(submission["submission_id"])
    return Entry(
        "withdrawal",
        by=actor.by,
        why=actor.why,
        school_code=next((code for code, name in tables.schools.items() if name == submission["school"]), ""),
        student_number=mask(str(submission["student_number"])),  # a submitter may have written an ID number here
        submission_id=submission_id,
        made_on=submission_id,
    )


def _decide(
    tables: RunTables, ledger: Ledger, actor: Actor, decide: Callable[[ReviewSnapshot, ActionOutcome], Sequence[Entry]]
) -> ActionOutcome:
    return record(
        ledger, lambda entries, outcome: decide(build_snapshot(tables, entries, actor.today), outcome), *KINDS
    )
