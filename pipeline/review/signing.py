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

Keep = Callable[[ReviewSnapshot, College, str, Mapping[str, str]], dict[str, str]]
"""Writes a college's final files for this signed digest, and returns their SHA-256 by name.

The last argument holds those that an earlier signature under the same digest recorded: such files stay as they are.
"""
_SIGN_ANEW = "请学院核对后由副书记用 mingce sign 签字"


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


def sign(tables: RunTables, ledger: Ledger, college: College, terms: Terms, actor: Actor, keep: Keep) -> Signed:
    """Record the vice secretary's signature for a college. `keep` writes its final files before that.

    Raises:
        RefusedError: unread data, another name, an unapproved student, or no reason for a late or repeated signature.
    """
    tables.refuse_unread(college)

    def decide(entries: pd.DataFrame) -> list[Entry]:
        desk = build_snapshot(tables, entries, actor.today)
        _need_secretary(terms.secretaries, college, actor.by)
        if since := scope_since(desk, entries, college.code, college.name):
            raise RefusedError(since[0], where=str(college), lines=since[1:])
        rows = _all_approved(desk, college)
        current = signed_digest(rows)
        before = standing_signature(entries, college.code, college.name)
        if before is not None and before.digest == current:
            return []
        waiting = _may_be_missing(desk, college)
        _reason_where_needed(entries, college, actor, terms, waiting)
        same = (one.files for one in reversed(signatures(entries)) if one.digest == current)
        files = keep(desk, college, current, next(same, {}))
        data = {
            "version": VERSION,
            "run": tables.run_id,
            "registered": len(rows),
            "late_days": max((terms.today - terms.due).days, 0),
            "majors": majors_of(rows),
            "files": files,
            "extras": waiting,
        }
        entry = _entry("signature", "sign", college, current, actor, data)
        return [replace(entry, personal={"people": person_parts(rows)})]

    return _signed(ledger, college, decide)


def revoke(ledger: Ledger, college: College, actor: Actor) -> None:
    """Revoke a college's signature, and with it the acceptance. Raises if there is none, and without a reason."""
    actor.need_reason("撤销签字")

    def decide(entries: pd.DataFrame) -> list[Entry]:
        signature = _standing(entries, college, "还没有签字，无从撤销")
        return [_entry("signature", "revoke", college, signature.digest, actor)]

    ledger.append_if(decide, *KINDS)


def accept(
    tables: RunTables, ledger: Ledger, college: College, actor: Actor, standing: Mapping[str, float] | None = None
) -> Signed:
    """Record that the office accepts a college, and fix its `standing`. RefusedError unless it signed these data."""

    def decide(entries: pd.DataFrame) -> list[Entry]:
        desk = build_snapshot(tables, entries, actor.today)
        refused = unsigned(desk, entries, college.code, college.name)
        signature = standing_signature(entries, college.code, college.name)
        if refused or signature is None:
            raise RefusedError(refused[0], where=str(college), lines=refused[1:], remedy=_SIGN_ANEW)
        accepted = entries[(entries["kind"] == "acceptance") & (entries["seq"] > signature.seq)]
        own = (accepted["school_code"] == college.code) & (accepted["college"] == college.name)
        data = {"standing": dict(standing or {})}
        return [] if own.any() else [_entry("acceptance", "accept", college, signature.digest, actor, data)]

    return _signed(ledger, college, decide)


def _signed(ledger: Ledger, college: College, decide: Callable[[pd.DataFrame], list[Entry]]) -> Signed:
    new = bool(ledger.append_if(decide, *KINDS))
    return Signed(_standing(ledger.entries("signature"), college, "还没有签字"), new)


def file_scan(ledger: Ledger, college: College, actor: Actor, sha256: str) -> bool:
    """Record the SHA-256 of a scan of the signed paper; return whether it is new. Raises if none has signed."""

    def decide(entries: pd.DataFrame) -> list[Entry]:
        signature = _standing(entries, college, "学院还没有签字，扫描件无从归档", _SIGN_ANEW)
        entry = _entry("scan", "keep", college, signature.digest, actor, {"sha256": sha256})
        return [replace(entry, unique_key=f"scan/{college}/{signature.digest}/{sha256}")]

    return ledger.append_if(decide, *KINDS)[0].new


def _standing(entries: pd.DataFrame, college: College, lacking: str, remedy: str = "") -> Signature:
    signature = standing_signature(entries, college.code, college.name)
    if signature is None:
        raise RefusedError(lacking, where=str(college), remedy=remedy)
    return signature


def _entry(
    kind: str, action: str, college: College, made_on: str, actor: Actor, data: dict[str, Any] | None = None
) -> Entry:
    by, why = actor.by.strip(), actor.why.strip()
    return Entry(kind, action, by, why, college.code, college=college.name, made_on=made_on, data=data or {})


def _all_approved(desk: ReviewSnapshot, college: College) -> pd.DataFrame:
    """Return the college's rows. Raises RefusedError if somebody is not approved, or outside and not decided on."""
    rows = college_students(desk.people, college)
    found = open_critical(desk.findings[desk.findings["rule"] == OUTSIDE])
    asked = found if found.empty else college.rows_of(found)
    if len(asked):  # outside the class by the registry alone
        numbers = "、".join(dict.fromkeys(asked["student_number"].head(20)))
        raise RefusedError(
            f"有 {len(asked)} 人学籍状态不在本届却提交了信息，还没有决定是否列入。学号：{numbers}",
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


def _may_be_missing(desk: ReviewSnapshot, college: College) -> int:
    """Count extras that the registry may lack: valid ID number of no registry row, a name, a registry class."""
    own, people = desk.extras(college), desk.people
    known = is_in(own["class_name"], people["class_name"][people["school"] == college.school])
    unknown = ~is_in(own["id_number"], people["id_number"])
    told = (own["name"] != "") & (own["class_name"] != "")
    return int((IdNumbers(own["id_number"]).valid & unknown & known & told).sum())


def _reason_where_needed(entries: pd.DataFrame, college: College, actor: Actor, terms: Terms, waiting: int) -> None:
    if actor.why.strip():
        return
    own = [one for one in signatures(entries) if one.place == str(college)]
    if own and own[-1].version == VERSION:
        raise RefusedError("这个院系签过字，再次签字要写明原因", where="--why")
    if terms.today > terms.due:
        late = (terms.today - terms.due).days
        raise RefusedError(f"已过上交日期 {terms.due}（{late} 天），要写明原因", where="--why")
    if waiting:
        raise RefusedError(
            f"有 {waiting} 条名单外的提交可能是学籍库漏了的人（身份证号码有效，班级在册），要写明原因",
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
