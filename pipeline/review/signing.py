"""Signing: every student is approved, the vice secretary signs, the office accepts. Each step needs the one before."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple

import pandas as pd

from pipeline.colleges import College
from pipeline.errors import RefusedError
from pipeline.knowledge.identifiers import IdNumbers
from pipeline.knowledge.text_columns import is_in
from pipeline.review.actions import Actor
from pipeline.review.chain import Entry
from pipeline.review.decisions import open_critical
from pipeline.review.ledger import Ledger
from pipeline.review.review_snapshot import KINDS, OUTSIDE, ReviewSnapshot, RunTables, build_snapshot, college_students
from pipeline.review.signatures import (
    VERSION,
    Signature,
    majors_of,
    person_parts,
    scope_since,
    signatures,
    signed_digest,
    standing_signature,
    unsigned,
)

WriteFiles = Callable[[ReviewSnapshot, College, str, Mapping[str, str]], dict[str, str]]
"""Writes a college's final files for this signed digest, and returns their SHA-256 by name.

The last argument holds those that an earlier signature under the same digest recorded: such files stay as they are.
"""
_SIGN_REMEDY = "请学院核对后由副书记用 mingce sign 签字"


class Signed(NamedTuple):
    """A college's signature. `new` is false if nothing was written."""

    signature: Signature
    new: bool


@dataclass(frozen=True)
class Terms:
    """Who may sign (`[people] colleges`: school, college, secretary), the due date, and today."""

    secretaries: pd.DataFrame
    due: date
    today: date


def sign(tables: RunTables, ledger: Ledger, college: College, terms: Terms, actor: Actor, write: WriteFiles) -> Signed:
    """Record the vice secretary's signature for a college. `write` writes its final files before that.

    Raises RefusedError for unread data, another name, an unapproved student, a late or repeated one without reason.
    """
    tables.refuse_unread(college)

    def decide(entries: pd.DataFrame) -> list[Entry]:
        snapshot = build_snapshot(tables, entries, actor.today)
        _need_secretary(terms.secretaries, college, actor.by)
        if since := scope_since(snapshot, entries, college.code, college.name):
            raise RefusedError(since[0], where=str(college), lines=since[1:])
        rows = _need_all_approved(snapshot, college)
        current = signed_digest(rows)
        before = standing_signature(entries, college.code, college.name)
        if before is not None and before.digest == current:
            return []
        maybe_missing = _count_maybe_missing(snapshot, college)
        _need_reason(entries, college, actor, terms, maybe_missing)
        earlier = (signature.files for signature in reversed(signatures(entries)) if signature.digest == current)
        files = write(snapshot, college, current, next(earlier, {}))
        data = {
            "version": VERSION,
            "run": tables.run_id,
            "registered": len(rows),
            "late_days": max((terms.today - terms.due).days, 0),
            "majors": majors_of(rows),
            "files": files,
            "extras": maybe_missing,
        }
        entry = _entry("signature", "sign", college, current, actor, data)
        return [replace(entry, personal={"people": person_parts(rows)})]

    return _append_and_read(ledger, college, decide)


def revoke(ledger: Ledger, college: College, actor: Actor) -> None:
    """Revoke a college's signature, and with it the acceptance. Raises if there is none, and without a reason."""
    actor.need_reason("撤销签字")

    def decide(entries: pd.DataFrame) -> list[Entry]:
        signature = _need_signature(entries, college, "还没有签字，无从撤销")
        return [_entry("signature", "revoke", college, signature.digest, actor)]

    ledger.append_if(decide, *KINDS)


def accept(
    tables: RunTables, ledger: Ledger, college: College, actor: Actor, standing: Mapping[str, float] | None = None
) -> Signed:
    """Record that the office accepts a college, and fix its `standing`. RefusedError unless it signed these data."""

    def decide(entries: pd.DataFrame) -> list[Entry]:
        snapshot = build_snapshot(tables, entries, actor.today)
        refused = unsigned(snapshot, entries, college.code, college.name)
        signature = standing_signature(entries, college.code, college.name)
        if refused or signature is None:
            raise RefusedError(refused[0], where=str(college), lines=refused[1:], remedy=_SIGN_REMEDY)
        accepted = entries[(entries["kind"] == "acceptance") & (entries["seq"] > signature.seq)]
        is_college = (accepted["school_code"] == college.code) & (accepted["college"] == college.name)
        data = {"standing": dict(standing or {})}
        return [] if is_college.any() else [_entry("acceptance", "accept", college, signature.digest, actor, data)]

    return _append_and_read(ledger, college, decide)


def _append_and_read(ledger: Ledger, college: College, decide: Callable[[pd.DataFrame], list[Entry]]) -> Signed:
    new = bool(ledger.append_if(decide, *KINDS))
    return Signed(_need_signature(ledger.entries("signature"), college, "还没有签字"), new)


def file_scan(ledger: Ledger, college: College, actor: Actor, sha256: str) -> bool:
    """Record the SHA-256 of a scan of the signed paper; return whether it is new. Raises if none has signed."""

    def decide(entries: pd.DataFrame) -> list[Entry]:
        signature = _need_signature(entries, college, "学院还没有签字，扫描件无从归档", _SIGN_REMEDY)
        entry = _entry("scan", "keep", college, signature.digest, actor, {"sha256": sha256})
        return [replace(entry, unique_key=f"scan/{college}/{signature.digest}/{sha256}")]

    return ledger.append_if(decide, *KINDS)[0].new


def _need_signature(entries: pd.DataFrame, college: College, message: str, remedy: str = "") -> Signature:
    signature = standing_signature(entries, college.code, college.name)
    if signature is None:
        raise RefusedError(message, where=str(college), remedy=remedy)
    return signature


def _entry(
    kind: str, action: str, college: College, made_on: str, actor: Actor, data: dict[str, Any] | None = None
) -> Entry:
    by, why = actor.by.strip(), actor.why.strip()
    return Entry(kind, action, by, why, college.code, college=college.name, made_on=made_on, data=data or {})


def _need_all_approved(snapshot: ReviewSnapshot, college: College) -> pd.DataFrame:
    """Return the college's rows. Raises RefusedError if somebody is not approved, or outside and not decided on."""
    rows = college_students(snapshot.people, college)
    found = open_critical(snapshot.findings[snapshot.findings["rule"] == OUTSIDE])
    undecided = found if found.empty else college.rows_of(found)
    if len(undecided):  # outside the class by the registry alone
        numbers = "、".join(dict.fromkeys(undecided["student_number"].head(20)))
        raise RefusedError(
            f"有 {len(undecided)} 人学籍状态不在本届却提交了信息，还没有决定是否列入。学号：{numbers}",
            where=str(college),
            remedy="请用 mingce scope out 或 mingce scope in 登记，再运行 mingce run",
        )
    open_rows = rows[rows["status"] != "approved"]
    if open_rows.empty:
        return rows
    by_major = (open_rows["education_level"] + open_rows["major"]).value_counts(sort=False)
    majors = "、".join(f"{major} 差 {count} 人" for major, count in by_major.items())
    numbers = "、".join(open_rows["student_number"].head(20))
    raise RefusedError(
        f"审核通过的名单与在册名单还不一致：{majors}。学号：{numbers}{'等' if len(open_rows) > 20 else ''}",
        where=str(college),
        remedy="请先逐人审核",
    )


def _count_maybe_missing(snapshot: ReviewSnapshot, college: College) -> int:
    """Count extras that the registry may lack: valid ID number of no registry row, a name, a registry class."""
    extras, people = snapshot.extras(college), snapshot.people
    known = is_in(extras["class_name"], people["class_name"][people["school"] == college.school])
    unknown = ~is_in(extras["id_number"], people["id_number"])
    filled_in = (extras["name"] != "") & (extras["class_name"] != "")
    return int((IdNumbers(extras["id_number"]).valid & unknown & known & filled_in).sum())


def _need_reason(entries: pd.DataFrame, college: College, actor: Actor, terms: Terms, maybe_missing: int) -> None:
    if actor.why.strip():
        return
    earlier = [signature for signature in signatures(entries) if signature.place == str(college)]
    if earlier and earlier[-1].version == VERSION:
        raise RefusedError("这个院系签过字，再次签字要写明原因", where="--why")
    if terms.today > terms.due:
        late = (terms.today - terms.due).days
        raise RefusedError(f"已过上交日期 {terms.due}（{late} 天），要写明原因", where="--why")
    if maybe_missing:
        raise RefusedError(
            f"有 {maybe_missing} 条名单外的提交可能是学籍库漏了的人（身份证号码有效，班级在册），要写明原因",
            where="--why",
            remedy=f"或先处理：mingce review withdraw --extras {college} 撤销，或换用补齐的学籍库再运行",
        )


def _need_secretary(people: pd.DataFrame, college: College, by: str) -> None:
    secretaries = college.rows_of(people)["secretary"]
    names = {_plain(name) for text in secretaries for name in re.split(r"[；;、,，/]", text) if name.strip()}
    if not names:
        raise RefusedError(
            "院系表里没有写这个院系的副书记", where=str(college), remedy="请在 colleges.csv 补上，再签字"
        )
    if _plain(by) not in names:
        raise RefusedError(
            "签字人不是院系表里登记的副书记", where=str(college), remedy="请副书记本人签字，或更正 colleges.csv"
        )


def _plain(name: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", name))
