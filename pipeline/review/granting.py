"""Granting and revoking exceptions: what the commands `except` do."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date

import pandas as pd

from pipeline.colleges import College
from pipeline.errors import RefusedError, UsageError
from pipeline.review.actions import Actor
from pipeline.review.chain import Entry, digest
from pipeline.review.exceptions import COLLEGE_RULE, PROOFS, standing_exceptions, value_digest
from pipeline.review.ledger import Ledger
from pipeline.review.previous import explanations
from pipeline.review.review_snapshot import KINDS, RunTables, Student, college_students, lay_desk


@dataclass(frozen=True)
class Grant:
    """What is asked to be excepted: a rule, with which proof, until when (None: no end)."""

    rule: str
    proof: str
    expires: date | None = None


def add_exception(tables: RunTables, ledger: Ledger, number: str, grant: Grant, actor: Actor) -> list[int]:
    """Except what the student's rows break of the rule now; return the entries' numbers.

    One exception for each value: a changed value is a new question.

    Raises:
        UsageError: unknown kind of proof, an expiry that is past, no reason, or an unknown or ambiguous number.
        RefusedError: the student breaks no such rule.
    """
    _check(grant, actor)

    def decide(entries: pd.DataFrame) -> list[Entry]:
        desk = lay_desk(tables, entries, actor.today)
        person = desk.student(number)
        own = _findings_of(desk.findings, person)
        broken = own[own["rule"] == grant.rule]
        if broken.empty:
            named = "、".join(sorted(set(own["rule"]))) or "无"
            raise RefusedError(f"学号 {number} 没有违反规则 {grant.rule}", remedy=f"这名学生现有的问题：{named}")
        open_now = broken[~broken["excepted"]].drop_duplicates(["school", "student_number", "given"])
        return [_entry(tables, person, row, grant, actor) for _, row in open_now.iterrows()]

    return [stored.seq for stored in ledger.append_if(decide, *KINDS)]


def explain_difference(tables: RunTables, ledger: Ledger, college: College, major: str, actor: Actor) -> list[int]:
    """Keep the college's explanation of a major's headcount that differs much from the year before's.

    It holds for the number that is registered now, of all education levels: another one asks again. Return the entry's
    number, or none where just this is said already.

    Raises:
        UsageError: no reason was given, or the college has no students.
    """
    if not actor.why.strip():
        raise UsageError("说明人数变化要写明原因", where="--why")
    registered = int((college_students(tables.people, college)["major"] == major).sum())
    entry = Entry(
        "exception",
        action="add",
        by=actor.by,
        why=actor.why,
        school_code=college.code,
        college=college.name,
        rule=COLLEGE_RULE,
        data={"school": college.school, "proof": "其他", "major": major, "registered": registered},
    )
    about = (college.school, college.name, major, registered)

    def decide(entries: pd.DataFrame) -> list[Entry]:
        return [] if explanations(entries).get(about) == actor.why else [entry]

    return [stored.seq for stored in ledger.append_if(decide, "exception")]


def revoke_exception(ledger: Ledger, seq: int, actor: Actor) -> None:
    """Take an exception back.

    Raises:
        UsageError: no standing exception has this number, or no reason was given.
    """
    if not actor.why.strip():
        raise UsageError("撤销例外要写明原因", where="--why")

    def decide(entries: pd.DataFrame) -> list[Entry]:
        own = standing_exceptions(entries)
        found = own[own["seq"] == seq]
        if found.empty:
            raise UsageError(f"没有编号 {seq} 的例外", remedy="请用 mingce except list 查看编号")
        return [revocation(found.iloc[0], actor)]

    ledger.append_if(decide, "exception")


def revocation(granted: pd.Series, actor: Actor) -> Entry:
    """Return the entry that takes an exception back.

    Args:
        granted: its row of the ledger's entries, or of `standing_exceptions`.
        actor: who takes it back, and why.
    """
    return Entry(
        "exception",
        "revoke",
        actor.by,
        actor.why,
        str(granted["school_code"]),
        str(granted["student_number"]),
        college=str(granted["college"]),
        rule=str(granted["rule"]),
        data={"revokes": int(granted["seq"])},
    )


def _check(grant: Grant, actor: Actor) -> None:
    if grant.proof not in PROOFS:
        raise UsageError(f"不认识的证明 {grant.proof}", where="--proof", remedy=f"可选：{'、'.join(PROOFS)}")
    if grant.expires and grant.expires < actor.today:
        raise UsageError(f"到期日 {grant.expires} 已过", where="--expires", remedy="请写今天或以后的日期")
    if not actor.why.strip():
        raise UsageError("例外要写明原因", where="--why", remedy="例如：服兵役，晚一年毕业")


def _findings_of(findings: pd.DataFrame, person: Student) -> pd.DataFrame:
    """Return the findings about a person: of the counting submission, and those without one (not submitted)."""
    by_row = (findings["submission_id"] == person["submission_id"]) & (person["submission_id"] != "")
    without = (
        (findings["submission_id"] == "")
        & (findings["school"] == person["school"])
        & (findings["student_number"] == person["student_number"])
    )
    return findings[by_row | without]


def _entry(tables: RunTables, person: Student, finding: pd.Series, grant: Grant, actor: Actor) -> Entry:
    salt = secrets.token_hex(16)
    covered = value_digest(salt, str(finding["given"]))
    return Entry(
        "exception",
        action="add",
        by=actor.by,
        why=actor.why,
        school_code=str(person["school_code"]),
        # the finding's own number: what a later finding of the same person is recognised by
        student_number=str(finding["student_number"]),
        submission_id=str(finding["submission_id"]),
        college=str(person["college"]),
        rule=grant.rule,
        made_on=digest(covered),
        data={
            "school": str(finding["school"]),
            "proof": grant.proof,
            "expires": grant.expires.isoformat() if grant.expires else "",
            "run": tables.run_id,
        },
        personal={"salt": salt, "value_digest": covered},
    )
