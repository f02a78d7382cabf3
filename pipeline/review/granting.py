"""Granting and revoking exceptions (commands `except`), resolving shared faults, and undoing the last action."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import pandas as pd

from pipeline import fields
from pipeline.atomic_files import write_atomically
from pipeline.check.shared import cause_of, judged_field
from pipeline.cohort import Cohort
from pipeline.colleges import College
from pipeline.errors import RefusedError, UsageError
from pipeline.knowledge.codes import ALIAS_COLUMNS, ALIASES, read_aliases
from pipeline.review.actions import ActionOutcome, Actor, record
from pipeline.review.chain import Entry, digest, json_object
from pipeline.review.decisions import UNDO
from pipeline.review.exceptions import COLLEGE_RULE, PROOFS, explanations, standing_exceptions, value_digest
from pipeline.review.ledger import Ledger, open_ledger
from pipeline.review.review_snapshot import KINDS, RunTables, Student, build_snapshot, college_students
from pipeline.run_folder import newest_full_run
from pipeline.tables import Frame, read_table

_UNDO_REASON = "撤销上一步"
RESOLUTIONS = ("alias", "students")
"""How a shared fault is resolved: its values become aliases of the office, or it goes back to the students."""


def add_exception(
    tables: RunTables, ledger: Ledger, number: str, rule: str, actor: Actor, proof: str, expires: date | None = None
) -> list[int]:
    """Grant one exception for each value by which the student breaks `rule` now; return the entries' `seq`.

    `expires` is the last day on which it is valid (None: no end).

    Raises:
        UsageError: unknown proof, past expiry, no reason, or a number that no student or several have.
        RefusedError: the student does not break the rule.
    """
    if proof not in PROOFS:
        raise UsageError(f"不认识的证明 {proof}", where="--proof", remedy=f"可选：{'、'.join(PROOFS)}")
    if expires and expires < actor.today:
        raise UsageError(f"到期日 {expires} 已过", where="--expires", remedy="请写今天或以后的日期")
    actor.need_reason("例外", "例如：服兵役，晚一年毕业")
    data = {"proof": proof, "expires": expires.isoformat() if expires else "", "run": tables.run_id}

    def decide(entries: pd.DataFrame) -> list[Entry]:
        snapshot = build_snapshot(tables, entries, actor.today)
        person, findings = snapshot.student(number), snapshot.findings
        is_student = (findings["school"] == person["school"]) & (findings["student_number"] == person["student_number"])
        without_submission = (findings["submission_id"] == "") & is_student  # such as that there is none
        counting = (findings["submission_id"] == person["submission_id"]) & (person["submission_id"] != "")
        of_student = findings[counting | without_submission]
        broken = of_student[of_student["rule"] == rule]
        if broken.empty:
            rules = "、".join(sorted(set(of_student["rule"]))) or "无"
            raise RefusedError(f"学号 {number} 没有违反规则 {rule}", remedy=f"这名学生现有的问题：{rules}")
        open_now = broken[~broken["excepted"]].drop_duplicates(["school", "student_number", "given"])
        return [_entry(person, row, rule, actor, data) for _, row in open_now.iterrows()]

    return [stored.seq for stored in ledger.append_if(decide, *KINDS)]


def explain_difference(tables: RunTables, ledger: Ledger, college: College, major: str, actor: Actor) -> list[int]:
    """Record why a major's headcount (all levels) differs from last year; return its `seq`, or [] if it is known."""
    actor.need_reason("说明人数变化")
    registered = int((college_students(tables.people, college)["major"] == major).sum())
    data = {"school": college.school, "proof": "其他", "major": major, "registered": registered}
    who = (actor.by, actor.why, college.code)
    entry = Entry("exception", "add", *who, college=college.name, rule=COLLEGE_RULE, data=data)
    key = (college.school, college.name, major, registered)

    def decide(entries: pd.DataFrame) -> list[Entry]:
        return [] if explanations(entries).get(key) == actor.why else [entry]

    return [stored.seq for stored in ledger.append_if(decide, "exception")]


def revoke_exception(ledger: Ledger, seq: int, actor: Actor) -> None:
    """Revoke an exception. Raises UsageError if none that holds has this number, or without a reason."""
    actor.need_reason("撤销例外")

    def decide(entries: pd.DataFrame) -> list[Entry]:
        exceptions = standing_exceptions(entries)
        found = exceptions[exceptions["seq"] == seq]
        if found.empty:
            raise UsageError(f"没有编号 {seq} 的例外", remedy="请用 mingce except list 查看编号")
        return [_revocation(found.iloc[0], actor)]

    ledger.append_if(decide, "exception")


def _revocation(granted: pd.Series, actor: Actor) -> Entry:
    data, rule = {"revokes": int(granted["seq"])}, str(granted["rule"])
    return Entry("exception", "revoke", actor.by, actor.why, rule=rule, data=data).about(granted.to_dict())


def _entry(person: Student, finding: pd.Series, rule: str, actor: Actor, data: Mapping[str, str]) -> Entry:
    salt, submission = secrets.token_hex(16), str(finding["submission_id"])
    covered = value_digest(salt, str(finding["given"]))
    personal, data = {"salt": salt, "value_digest": covered}, {"school": str(finding["school"]), **data}
    kind = ("exception", "add", actor.by, actor.why)
    entry = Entry(*kind, submission_id=submission, rule=rule, made_on=digest(covered), data=data, personal=personal)
    return entry.about({**person, "student_number": finding["student_number"]})  # by which it matches later findings


def undo(ledger: Ledger, written: Sequence[int], actor: Actor) -> ActionOutcome:
    """Undo the decisions of these entries (`ActionOutcome.entries`), all or none.

    A decision returns to the one before it, or to none. An exception is revoked. A withdrawn submission counts again.
    Raises RefusedError if a student has a newer decision, or the action was already undone.
    """

    def decide(entries: pd.DataFrame, outcome: ActionOutcome) -> list[Entry]:
        rows = entries[entries["seq"].isin(list(written))]
        if rows.empty:
            raise RefusedError("没有可撤销的操作", remedy="只能撤销本页上最近的一次操作")
        new = [_undo_entry(entries, rows.loc[index], actor) for index in rows.index]
        outcome.done += [f"{entry.school_code}/{entry.student_number}" for entry in new]
        return new

    return record(ledger, decide)


def _undo_entry(entries: pd.DataFrame, row: pd.Series, actor: Actor) -> Entry:
    kind = str(row["kind"])
    if kind == "exception":
        if int(row["seq"]) not in set(standing_exceptions(entries)["seq"]):
            raise _newer_decision(row)
        return _revocation(row, Actor(actor.by, actor.why or _UNDO_REASON))
    key = ["school_code", "student_number"] if kind in ("decision", "scope") else ["submission_id"]
    same = entries[(entries["kind"] == kind) & (entries[key] == row[key]).all(axis=1)]
    if (same["seq"] > row["seq"]).any():
        raise _newer_decision(row)
    before = same[same["seq"] < row["seq"]].sort_values("seq")
    return _restore_entry(row, before.iloc[-1] if len(before) else None, actor)


def _restore_entry(row: pd.Series, before: pd.Series | None, actor: Actor) -> Entry:
    """Return an entry that repeats the decision `before`, or that removes the decision if there is none."""
    stands, action = (row, "reopen" if row["kind"] == "decision" else UNDO) if before is None else (before, "")
    data = json_object(stands["data"]) | {"undoes": int(row["seq"])}
    for name in ("source", "rows", "mark"):  # these belong to the reading of a worksheet
        data.pop(name, None)
    return Entry(
        str(row["kind"]),
        action or str(stands["action"]),
        actor.by.strip(),
        actor.why.strip() or (_UNDO_REASON if before is None else str(before["why"]) or _UNDO_REASON),
        submission_id=str(stands["submission_id"]),
        made_on=str(stands["made_on"]),
        data=data,
        personal={} if before is None else json_object(before["values"]),
    ).about(row.to_dict())


def _newer_decision(row: pd.Series) -> RefusedError:
    name = f"{row['school_code']}/{row['student_number']}"
    return RefusedError(f"{name} 之后又有新的决定，不能撤销", remedy="请查看这名学生，再作决定")


def resolve_fault(cohort: Cohort, number: str, how: str, by: str, why: str) -> str:
    """Resolve one shared fault of the newest run or check; return a Chinese line.

    Raises:
        UsageError: the fault or the way is unknown, or no name was given.
        RefusedError: the values differ from person to person or have several meanings, so no alias is possible.
    """
    if how not in RESOLUTIONS:
        raise UsageError(f"没有了结方式 {how}", where="--as", remedy=f"请写 {'、'.join(RESOLUTIONS)} 之一")
    actor = Actor(by, why)
    newest = newest_full_run(cohort.reports_folder)
    faults = newest[1].get("shared_faults", []) if newest else []
    fault = next((other for other in faults if other["number"] == number), None)
    if newest is None or fault is None:
        listed = "、".join(str(other["number"]) for other in faults if not other["settled"]) or "没有"
        raise UsageError(f"没有编号为 {number} 的整体问题", where="--settle", remedy=f"最近一次运行中的编号：{listed}")
    related = [other for other in faults if cause_of(other) == cause_of(fault)]
    aliases = {} if how == "students" else _aliases(cohort, read_table(newest[0], "findings"), related)
    new = Entry("shared_fault", how, actor.by, actor.why)
    with open_ledger(cohort) as ledger:  # first: it may refuse the name
        ledger.append(*(replace(new, rule=other["rule"], data={"number": other["number"]}) for other in related))
    message = _add_aliases(cohort, aliases) if aliases else "已交回学生更正"
    return f"{message}；下一次 mingce run 起生效"


def _aliases(cohort: Cohort, findings: Frame, faults: list[dict[str, str]]) -> dict[tuple[str, str], str]:
    name = judged_field(faults[0]["rule"])
    field = fields.fields()[name]
    if cohort.rules.folder is None:
        raise RefusedError("没有设置自己的规则文件夹", where="cohort.toml", remedy='请加上 [rules] folder = "rules"')
    if field.sensitive != "no" or field.type not in ("code", "text", "region"):
        raise RefusedError(f"{field.label}各人不同，不能作别名", remedy="请重新导出，或用 --as students 交回学生")
    is_fault = findings["shared_fault"].isin([fault["number"] for fault in faults]) & (findings["field"] == name)
    pairs = findings.loc[is_fault, ["given", "expected"]].drop_duplicates()
    pairs = pairs[(pairs["given"] != "") & (pairs["expected"] != "")]
    if pairs.empty:
        why = "已经交回学生更正" if faults[0]["settled"] else f"学籍库里没有{field.label}可以对照，不知道是哪一项"
        table = f"{cohort.rules.folder}/{ALIASES}（表头 {','.join(ALIAS_COLUMNS)}）"
        raise RefusedError(why, remedy=f"作别名的，请自己写进 {table}，再运行")
    if pairs["given"].duplicated().any():
        raise RefusedError("同一写法对应学籍中的几个值，不能作别名", remedy="请核对来源，或用 --as students 交回学生")
    new = {(name, given): meant for given, meant in pairs.itertuples(index=False, name=None)}
    return read_aliases(cohort.rules_folder) | new


def _add_aliases(cohort: Cohort, aliases: dict[tuple[str, str], str]) -> str:
    path = cohort.path(str(cohort.rules.folder)) / ALIASES
    table = pd.DataFrame(sorted((*key, meant) for key, meant in aliases.items()), columns=ALIAS_COLUMNS)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, table.to_csv(index=False, lineterminator="\n"))
    return f"已把这些写法作为别名写入 {cohort.rules.folder}/{ALIASES}"
