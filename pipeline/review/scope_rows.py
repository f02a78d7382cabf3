"""Rows of the table of decisions on who belongs to the class: 意见 不在本届 or 在本届, with 说明 and 证明."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import cast

from pipeline.cohort import Cohort
from pipeline.errors import MingceError, RefusedError, UsageError
from pipeline.match.membership import with_scope
from pipeline.review.actions import Actor
from pipeline.review.chain import Entry
from pipeline.review.ledger import Ledger, open_ledger
from pipeline.review.review_snapshot import newest_run
from pipeline.review.scope_decisions import KIND, REASONS, ScopeDesk
from pipeline.review.worksheet import (
    Read,
    by_source,
    is_scope,
    last_reading,
    number_of,
    read_decision_rows,
    read_of,
    row_digest,
    summary_lines,
)
from pipeline.tables import Frame, read_table

_INSIDE = {"不在本届": False, "在本届": True}
_Rows = list[dict[str, str]]


@dataclass(frozen=True)
class DecisionRows:
    """The cohort's table of decisions, or None where it names none; and what is said of its rows on the scope."""

    rows: Frame | None = None
    said: list[str] = field(default_factory=list[str])


NO_DECISIONS = DecisionRows()


def take_scope_decisions(cohort: Cohort) -> DecisionRows:
    """Read the cohort's table of decisions, and take its rows on who belongs to the class before anything is counted.

    They decide on what the newest run showed, like `mingce scope`; before a first run they are told and not applied.

    Raises:
        InputError: the table cannot be read.
    """
    rows = read_decision_rows(cohort)
    own = None if rows is None else rows[is_scope(rows)]
    if own is None or own.empty:
        return DecisionRows(rows)
    try:
        registry = with_scope(read_table(newest_run(cohort), "registry"))
    except RefusedError as error:
        return DecisionRows(rows, [f"审核表里有 {len(own)} 条是否在本届的意见还没有记入：{error.what}"])
    schools = {school.code: school.name for school in cohort.schools}
    said: list[str] = []
    with open_ledger(cohort) as ledger:
        for source, each in by_source(own, cohort.review.decisions or ""):
            said += summary_lines(import_scope_rows(registry, schools, ledger, each, source), f"{source}（是否在本届）")
    return DecisionRows(rows, said)


def import_scope_rows(registry: Frame, schools: dict[str, str], ledger: Ledger, rows: Frame, source: str) -> list[Read]:
    """Take the decisions on who belongs to the class into the ledger, each once, and say what became of each row.

    Args:
        registry: the newest run's table, with the columns of `match.scope`.
        schools: code to name.
        ledger: the cohort's.
        rows: of `read_decision_rows`; other opinions are passed over.
        source: the file or sheet: a row decides where the last reading of this source did not have it.
    """
    report: list[Read] = []
    stream = f"{source}#{KIND}"
    own = cast("_Rows", rows[is_scope(rows)].to_dict("records"))

    def decide(entries: Frame) -> list[Entry]:
        before, _ = last_reading(entries, stream)
        desk = ScopeDesk(registry, entries)
        students: dict[tuple[str, str], _Rows] = {key: [] for key in before}
        for row in own:
            key = _student(desk, schools, row, report)
            if key is not None:
                students.setdefault(key, []).append(row)
        return [
            entry
            for key, theirs in students.items()
            for entry in _of_student(desk, key, theirs, before.get(key, []), stream, report)
        ]

    ledger.append_if(decide, KIND, "decision", "reading")
    return sorted(report, key=lambda read: read.row)


def _student(
    desk: ScopeDesk, schools: dict[str, str], row: dict[str, str], report: list[Read]
) -> tuple[str, str] | None:
    try:
        found = desk.row(number_of(row, schools))
    except UsageError as error:
        report.append(read_of(row, "refused", f"{error.what}。{error.remedy}"))
        return None
    return str(found["school_code"]), str(found["student_number"])


def _of_student(
    desk: ScopeDesk, key: tuple[str, str], rows: _Rows, before: list[str], stream: str, report: list[Read]
) -> list[Entry]:
    """Return the entries that one student's rows make: what the last reading had decides nothing again."""
    known, now = Counter(before), [row_digest(row) for row in rows]
    data = {"source": stream, "rows": now}
    entries: list[Entry] = []
    for row, mark in zip(rows, now, strict=True):
        if known[mark] > 0:
            known[mark] -= 1
            report.append(read_of(row, "seen", ""))
            continue
        entry = _decided(desk, key, row, report)
        entries += [] if entry is None else [replace(entry, data={**entry.data, **data})]
    if not entries and sorted(now) != sorted(before):
        entries.append(Entry("reading", "seen", school_code=key[0], student_number=key[1], data=data))
    return entries


def _decided(desk: ScopeDesk, key: tuple[str, str], row: dict[str, str], report: list[Read]) -> Entry | None:
    inside = _INSIDE[row["意见"]]
    why = "" if row["审核人"] else "没有写审核人"
    try:
        entry = desk.decide(
            "/".join(key),
            Actor(row["审核人"], row["说明"]),
            inside=inside,
            proof=row["证明"],
            reason="" if inside else reason_in(row["说明"]),
        )
    except MingceError as error:
        entry, why = None, why or f"{error.what}。{error.remedy}"
    if why:
        report.append(read_of(row, "refused", why))
        return None
    report.append(read_of(row, "already" if entry is None else "applied", ""))
    return entry


def reason_in(text: str) -> str:
    """Return the reason that an explanation names: the one of `REASONS` that stands in it, or 其他."""
    named = [reason for reason in REASONS if reason in text]
    return named[0] if len(named) == 1 else "其他"
