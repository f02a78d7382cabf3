"""A college's signature: on which set of people it was made, whether that set still stands, and the acceptance.

Three steps, each open when the one before is complete: every student approved, the vice secretary signs, the office
accepts. The signed set is a college's registry students with what the headcount counts them by, and their approvals.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

import pandas as pd

from pipeline.colleges import College
from pipeline.errors import RefusedError, UsageError
from pipeline.review.actions import Actor
from pipeline.review.chain import Entry, digest
from pipeline.review.desk import KINDS, Desk, RunTables, lay_desk, students_of
from pipeline.review.ledger import Ledger

_SIGNED = ["student_number", "name", "gender", "class_name", "education_level", "major"]
_STATE = ["signed_at", "signed_by", "signed_digest", "accepted_at", "accepted_by"]
SIGNATURE_TABLE = ["school_code", "college", *_STATE]


@dataclass(frozen=True)
class Signed:
    """What `sign` wrote: the digest of the signed set; `new` is false where the same set was signed already."""

    college: College
    digest: str
    new: bool


def signed_digest(roster: pd.DataFrame) -> str:
    """Return the digest of a college's signed set, from its rows of the roster (order does not matter).

    It covers every registry student with number, name, gender, class, level, major, and whether approved. A newer
    submission of an approved student changes nothing; one who comes, goes, changes major or loses the approval does.
    """
    return digest("1", *sorted(_people(roster).values()))


def college_digests(roster: pd.DataFrame, codes: dict[str, str]) -> dict[tuple[str, str], str]:
    """Return `signed_digest` for each (school code, college) of the roster; `codes` is school name to code."""
    groups = roster.groupby(["school", "college"], sort=True)
    return {
        (codes.get(str(school), str(school)), str(college)): signed_digest(rows) for (school, college), rows in groups
    }


def college_states(entries: pd.DataFrame) -> pd.DataFrame:
    """Return, from `Ledger.entries()`, one row per college that ever signed: `SIGNATURE_TABLE`, all text.

    After a revocation the row's other columns are empty; a new signature empties `accepted_at` until accepted anew.
    """
    states: dict[tuple[str, str], dict[str, str]] = {}
    for row in entries[entries["kind"].isin(["signature", "acceptance"])].to_dict("records"):
        key = (str(row["school_code"]), str(row["college"]))
        if row["kind"] == "signature":
            states[key] = dict.fromkeys(_STATE, "")
            if row["action"] == "sign":
                signed = {"signed_at": row["at"], "signed_by": row["by"], "signed_digest": row["made_on"]}
                states[key] |= {name: str(value) for name, value in signed.items()}
        elif key in states and row["made_on"] == states[key]["signed_digest"]:
            states[key] |= {"accepted_at": str(row["at"]), "accepted_by": str(row["by"])}
    rows = [{"school_code": code, "college": college, **state} for (code, college), state in states.items()]
    return pd.DataFrame(rows, columns=SIGNATURE_TABLE).astype("str")


def sign(tables: RunTables, ledger: Ledger, college: College, people: pd.DataFrame, due: date, actor: Actor) -> Signed:
    """Record the vice secretary's signature under a college's headcount.

    Args:
        tables: the newest run's.
        ledger: the cohort's.
        college: which one.
        people: the table of `[people] colleges`: school, college, secretary.
        due: the day by which colleges hand in; later asks for a reason, and so does signing again.
        actor: who signs.

    Raises:
        RefusedError: something of the college was not read, the name is not the vice secretary's, the sets are not
            equal, or a reason is missing.
    """
    tables.refuse_unread(college)
    done: list[Signed] = []

    def decide(entries: pd.DataFrame) -> list[Entry]:
        desk = lay_desk(tables, entries, actor.today)
        _is_secretary(people, college, actor.by)
        rows = _equal_set(desk, college)
        current = signed_digest(rows)
        state = _state(entries, college)
        done.append(Signed(college, current, new=state.get("signed_digest") != current))
        if not done[0].new:
            return []
        _reason_where_needed(state, actor, due)
        data = {"run": tables.run_id, "registered": len(rows), "late_days": max((actor.today - due).days, 0)}
        return [_entry("signature", "sign", college, current, actor, data, {"people": people_parts(rows)})]

    ledger.append_if(decide, *KINDS)
    return done[0]


def revoke(tables: RunTables, ledger: Ledger, college: College, actor: Actor) -> None:
    """Take a college's signature back (and with it the acceptance).

    Raises:
        RefusedError: the college has not signed.
        UsageError: no reason was given.
    """
    if not actor.why.strip():
        raise UsageError("撤销签字要写明原因", where="--why")

    def decide(entries: pd.DataFrame) -> list[Entry]:
        signed = _state(entries, college).get("signed_digest", "")
        if not signed:
            raise RefusedError("还没有签字，无从撤销", where=str(college))
        return [_entry("signature", "revoke", college, signed, actor)]

    ledger.append_if(decide, *KINDS)


def accept(tables: RunTables, ledger: Ledger, college: College, actor: Actor) -> Signed:
    """Record that the office accepts a signed college.

    Raises:
        RefusedError: the college has not signed, or its data differ from what was signed.
    """
    done: list[Signed] = []

    def decide(entries: pd.DataFrame) -> list[Entry]:
        desk = lay_desk(tables, entries, actor.today)
        state = _state(entries, college)
        signed = state.get("signed_digest", "")
        if not signed:
            raise RefusedError("学院还没有签字", where=str(college), remedy="请副书记先用 mingce sign 签字")
        rows = students_of(desk.people, college)
        if signed_digest(rows) != signed:
            who = "、".join(differing_students(entries, college.code, college.name, rows)[:20]) or "人数或名单"
            raise RefusedError(f"签字后数据有改动：{who}", where=str(college), remedy="请学院核对后重新签字")
        done.append(Signed(college, signed, new=not state.get("accepted_at")))
        return [_entry("acceptance", "accept", college, signed, actor)] * done[0].new

    ledger.append_if(decide, *KINDS)
    return done[0]


def people_parts(rows: pd.DataFrame) -> dict[str, str]:
    """Return for each student number a digest of what is signed about the person."""
    return {number: hashlib.sha256(text.encode()).hexdigest()[:16] for number, text in _people(rows).items()}


def differing_students(entries: pd.DataFrame, code: str, college: str, rows: pd.DataFrame) -> list[str]:
    """Return the student numbers that differ between the college's last signature and `rows` of the roster."""
    then = signed_parts(entries, code, college)
    return differing(then, people_parts(rows)) if then else []


def signed_parts(entries: pd.DataFrame, code: str, college: str, made_on: str = "") -> dict[str, str]:
    """Return `people_parts` of the college's last signature (on this digest); empty where none, or purged."""
    own = entries[(entries["kind"] == "signature") & (entries["action"] == "sign")]
    own = own[(own["school_code"] == code) & (own["college"] == college)]
    own = own[own["made_on"] == made_on] if made_on else own
    if own.empty or not own["values"].iloc[-1]:
        return {}
    return dict(cast("dict[str, Any]", json.loads(own["values"].iloc[-1])).get("people", {}))


def differing(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return the student numbers on which two `people_parts` differ."""
    return sorted(number for number in {*then, *now} if then.get(number) != now.get(number))


def attestation(cohort: str, school: str, college: str, count: int) -> str:
    """Return the text that stands above the signature."""
    return (
        f"本人确认：{school}{college}{cohort}毕业生共 {count} 人，已逐人核对并全部审核通过，"
        "各专业审核通过的名单与学籍库在册名单完全一致。"
    )


def _people(roster: pd.DataFrame) -> dict[str, str]:
    """Return one canonical text per person, by student number (numbered where the registry repeats one)."""
    approved = (roster["status"] == "approved").map({True: "approved", False: ""})
    ordered = roster[_SIGNED].assign(approved=approved).sort_values(_SIGNED)
    texts: dict[str, str] = {}
    for values in ordered.itertuples(index=False, name=None):
        number = str(values[0])
        while number in texts:
            number += "′"
        texts[number] = json.dumps([str(value) for value in values], ensure_ascii=False)
    return texts


def _entry(
    kind: str,
    action: str,
    college: College,
    made_on: str,
    actor: Actor,
    data: dict[str, Any] | None = None,
    personal: dict[str, Any] | None = None,
) -> Entry:
    return Entry(
        kind,
        action=action,
        by=actor.by.strip(),
        why=actor.why.strip(),
        school_code=college.code,
        college=college.name,
        made_on=made_on,
        data=data or {},
        personal=personal or {},
    )


def _equal_set(desk: Desk, college: College) -> pd.DataFrame:
    rows = students_of(desk.people, college)
    open_rows = rows[rows["status"] != "approved"]
    if not open_rows.empty:
        by_major = (open_rows["education_level"] + open_rows["major"]).value_counts(sort=False)
        majors = "、".join(f"{major} 差 {count} 人" for major, count in by_major.items())
        numbers = "、".join(open_rows["student_number"].head(20))
        raise RefusedError(
            f"审核通过的名单与在册名单还不一致：{majors}。学号：{numbers}{'等' if len(open_rows) > 20 else ''}",
            where=str(college),
            remedy="请先逐人审核",
        )
    _no_extras(desk, college)
    return rows


def _no_extras(desk: Desk, college: College) -> None:
    extras = desk.tables.extras
    if extras is None:
        return
    own = extras[(extras["school"] == college.school) & (extras["college"] == college.name) & (extras["extra"] > 0)]
    if not own.empty:
        majors = "、".join(f"{major} {count} 条" for major, count in zip(own["major"], own["extra"], strict=True))
        raise RefusedError(
            f"还有名单外的提交：{majors}",
            where=str(college),
            remedy="请核实后用 mingce review withdraw 撤销，重新运行 mingce run 再签字",
        )


def _state(entries: pd.DataFrame, college: College) -> dict[str, str]:
    states = college_states(entries)
    own = states[(states["school_code"] == college.code) & (states["college"] == college.name)]
    return {} if own.empty else {str(key): str(value) for key, value in own.iloc[0].items()}


def _reason_where_needed(state: dict[str, str], actor: Actor, due: date) -> None:
    if actor.why.strip():
        return
    if state:
        raise RefusedError("这个院系签过字，再次签字要写明原因", where="--why")
    if actor.today > due:
        late = (actor.today - due).days
        raise RefusedError(f"已过上交日期 {due}（{late} 天），要写明原因", where="--why")


def _is_secretary(people: pd.DataFrame, college: College, by: str) -> None:
    own = people[(people["school"] == college.school) & (people["college"] == college.name)]
    names = {_plain(name) for text in own["secretary"] for name in re.split(r"[；;、,，/]", text) if name.strip()}
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
