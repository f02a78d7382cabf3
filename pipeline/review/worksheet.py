"""Decisions made in a `审核` worksheet or file: read them, and take each into the ledger once.

A row is new where this student's rows of the same source did not have it at the last reading. So a row that stays
in the sheet decides once and never renews a stale approval by itself, while 通过 written again after 取消审核 counts.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import pandas as pd

from pipeline.cohort import Cohort
from pipeline.collect.compact import whole_rows
from pipeline.collect.formats import read_table_file
from pipeline.collect.header import LOOK_DOWN
from pipeline.collect.inputs import files_of, is_gsheet, read_content
from pipeline.errors import InputError, UsageError, one_line
from pipeline.logs import mask
from pipeline.review.actions import decision_entry, has_approval, overruled, refusal, returned_already, stands_already
from pipeline.review.chain import Entry, digest
from pipeline.review.ledger import Ledger
from pipeline.review.review_snapshot import KINDS, RunTables, Student, lay_desk
from pipeline.review.seen import Seen, unseen

COLUMNS = ["学校名称", "学号", "意见", "审核人", "说明", "提交编号", "证明"]
OPINIONS = {"通过": "approve", "审核通过": "approve", "退回": "return", "取消审核": "reopen"}
SCOPE_OPINIONS = ("不在本届", "在本届")  # taken by `review.scope_rows`
WORKSHEET = "审核"
_TOLD = 1_000  # rows that a summary names
_UNREADABLE = "\ufffd"  # what the reader puts for bytes that are no character
OUTCOMES = {"applied": "已记入", "already": "无需再记", "seen": "以前已读", "refused": "未能执行", "bad": "看不懂"}


@dataclass(frozen=True)
class Read:
    """What became of one row: `row` as the sheet shows it, `outcome` a key of `OUTCOMES`, `why` where not applied."""

    row: int
    number: str
    opinion: str
    outcome: str
    why: str = ""


def read_decision_rows(cohort: Cohort) -> pd.DataFrame | None:
    """Return the rows of `[review] decisions` as text (`row` and `COLUMNS`), or None where the cohort names none.

    Raises:
        InputError: the file or the sheet cannot be read, or has no 学号 or 意见.
    """
    place = cohort.review.decisions
    if place is None:
        return None
    if is_gsheet(place):
        from pipeline.collect.google.read import read_decisions_sheet

        rows = read_decisions_sheet(place, cohort)
        return _conform(pd.DataFrame(rows, columns=None if rows else COLUMNS), place)
    read = [
        _conform(_read_file(path), path.name).assign(source=os.path.relpath(path, cohort.folder).replace(os.sep, "/"))
        for path in decision_files(cohort)
    ]
    return pd.concat(read, ignore_index=True) if read else _conform(pd.DataFrame(columns=COLUMNS), place)


def decision_files(cohort: Cohort) -> list[Path]:
    """Return the files of `[review] decisions` that are there: one, or all that its pattern finds; none of a sheet."""
    place = cohort.review.decisions
    if place is None or is_gsheet(place):
        return []
    with suppress(InputError):  # there is none yet
        return [path for path in files_of(place, cohort.folder)[0] if path.is_file()]
    return []


def missing_file(cohort: Cohort) -> list[str]:
    """Return a line for people where the file of `[review] decisions` is not there (nobody wrote one, or a slip)."""
    place = cohort.review.decisions
    if place is None or is_gsheet(place) or decision_files(cohort):
        return []
    return [f"没有审核表 {place}：还没有人填写，或请核对 cohort.toml 的 [review] decisions"]


def import_decisions(
    tables: RunTables, ledger: Ledger, rows: pd.DataFrame, source: str, today: date, seen: Seen | None = None
) -> list[Read]:
    """Take the rows' decisions into the ledger, all in one transaction, and say what became of each.

    A row that cannot be executed is kept in the ledger as refused, with its reason, and told again on every reading:
    it is not executed later on data that its writer never saw. To decide again, the row is written anew.

    Args:
        tables: the run's tables, current ones.
        ledger: the cohort's.
        rows: of `read_decision_rows`.
        source: the name of the file or sheet: rows are compared with the last reading of the same source.
        today: for exceptions' expiry.
        seen: what the office has seen of these students: a row without 提交编号 decides on that. None: nobody says.
    """
    report: list[Read] = []

    def decide(entries: pd.DataFrame) -> list[Entry]:
        reading = _Reading(tables, entries, source, today, seen)
        return reading.take(rows, report)

    ledger.append_if(decide, *KINDS)
    return sorted(report, key=lambda read: read.row)


class _Reading:
    """One reading of one source: rows by student, each compared with what was read before."""

    def __init__(self, tables: RunTables, entries: pd.DataFrame, source: str, today: date, seen: Seen | None) -> None:
        self._desk = lay_desk(tables, entries, today)
        self._source, self._seen_before = source, seen
        self._before, self._refused = last_reading(entries, source)

    def take(self, rows: pd.DataFrame, report: list[Read]) -> list[Entry]:
        students: dict[int, list[dict[str, str]]] = {}
        for row in cast("list[dict[str, str]]", rows.to_dict("records")):
            at = self._place(row, report)
            if at is not None:
                students.setdefault(at, []).append(row)
        people = self._desk.students(students)
        each = zip(people, students.values(), strict=True)
        return [entry for person, own in each for entry in self._student(person, own, report)]

    def _place(self, row: dict[str, str], report: list[Read]) -> int | None:
        opinion = row["意见"]
        try:
            return self._desk.tables.place(number_of(row, self._desk.tables.schools))
        except UsageError as error:
            if opinion:
                report.append(read_of(row, "refused", f"{error.what}。{error.remedy}"))  # uncut: see `_why`
            return None

    def _student(self, person: Student, rows: list[dict[str, str]], report: list[Read]) -> list[Entry]:
        key = (str(person["school_code"]), str(person["student_number"]))
        before = self._before.get(key, [])
        unseen = Counter(before)
        entries: list[Entry] = []
        now = [row_digest(row) for row in rows if row["意见"]]
        for row in rows:
            mark = row_digest(row)
            if not row["意见"]:
                continue
            if unseen[mark] > 0:
                unseen[mark] -= 1
                why = self._refused.get((*key, mark), "")
                report.append(read_of(row, "refused" if why else "seen", why))
                continue
            person, new = self._decide(person, row, now, report)
            entries += new
        if not entries and sorted(now) != sorted(before):
            entries.append(self._seen(person, now))
        # the last entry tells what was read: a thousand rows of one student need not be told a thousand times
        return [*(replace(entry, data={**entry.data, "rows": []}) for entry in entries[:-1]), *entries[-1:]]

    def _decide(
        self, person: Student, row: dict[str, str], now: list[str], report: list[Read]
    ) -> tuple[Student, list[Entry]]:
        """Return the person as the decision leaves it, and the entry to write."""
        action = OPINIONS.get(row["意见"], "")
        why = self._why_not(person, action, row)
        data = {"source": self._source, "rows": now, "mark": row_digest(row)}
        if why:
            report.append(read_of(row, "refused" if action else "bad", why))
            entry = Entry(
                "reading",
                action="refused",
                by=row["审核人"],
                why=row["说明"],
                school_code=str(person["school_code"]),
                student_number=str(person["student_number"]),
                submission_id=str(person["submission_id"]),
                college=str(person["college"]),
                data={**data, "run": self._desk.tables.run_id},
                personal={"opinion": row["意见"], "refused": why},
            )
            return person, [entry]
        if (action == "approve" and stands_already(person)) or (
            action == "return" and returned_already(person, row["审核人"], row["说明"])
        ):
            report.append(read_of(row, "already", ""))
            return person, [self._seen(person, now)]
        report.append(read_of(row, "applied", "".join(overruled(self._desk, person, row["审核人"]))))
        entry = decision_entry(self._desk, person, action, by=row["审核人"], why=row["说明"], data=data)
        return _after(person, action, row), [entry]

    def _why_not(self, person: Student, action: str, row: dict[str, str]) -> str:
        if not action:
            return f"意见应为 {'、'.join(['通过', '退回', '取消审核', *SCOPE_OPINIONS])}"
        if not row["审核人"]:
            return "没有写审核人"
        if action != "approve" and not row["说明"]:
            return f"{row['意见']}要写明说明"
        if action == "approve":
            return "" if stands_already(person) else refusal(self._desk, person) or self._unseen(person, row)
        if action == "return":
            return self._unseen(person, row) if person["submission_id"] else "未提交，没有可退回的"
        return "" if has_approval(person) else "没有审核通过的记录，不能取消"

    def _unseen(self, person: Student, row: dict[str, str]) -> str:
        """Return why the row does not decide on what stands now, or the empty string."""
        if row["提交编号"]:
            same = str(person["submission_id"]) == row["提交编号"]
            return "" if same else "这名学生现在的提交不是表中的提交编号，请看过新的提交再写"
        return unseen(person, self._seen_before)

    def _seen(self, person: Student, now: list[str]) -> Entry:
        return Entry(
            "reading",
            action="seen",
            school_code=str(person["school_code"]),
            student_number=str(person["student_number"]),
            college=str(person["college"]),
            data={"source": self._source, "rows": now},
        )


def _after(person: Student, action: str, row: dict[str, str]) -> Student:
    state = {"approve": "approved", "return": "returned", "reopen": ""}[action]
    approved = person["submission_id"] if action == "approve" else ""
    changed = {"decision_state": state, "approved_submission_id": approved, "change_request": False}
    changed |= {"decided_by": row["审核人"], "decided_at": "", "decided_why": row["说明"]}
    return {**person, **changed}


def last_reading(
    entries: pd.DataFrame, source: str
) -> tuple[dict[tuple[str, str], list[str]], dict[tuple[str, str, str], str]]:
    """Return for each student the rows of the last reading, and the reasons of the rows that were refused."""
    before: dict[tuple[str, str], list[str]] = {}
    refused: dict[tuple[str, str, str], str] = {}
    own = entries[
        entries["kind"].isin(["decision", "reading", "scope"]) & entries["data"].str.contains('"rows":', regex=False)
    ]
    for row in own.to_dict("records"):
        data = cast("dict[str, Any]", json.loads(str(row["data"])))
        if data.get("source") != source:
            continue
        key = (str(row["school_code"]), str(row["student_number"]))
        before[key] = [str(mark) for mark in data["rows"]]
        if row["action"] == "refused":
            values = cast("dict[str, Any]", json.loads(str(row["values"]))) if row["values"] else {}
            refused[*key, str(data["mark"])] = str(values.get("refused", "未能执行"))
        elif "mark" in data:
            refused.pop((*key, str(data["mark"])), None)
    return before, refused


def number_of(row: dict[str, str], schools: Mapping[str, str]) -> str:
    """Return NUMBER or SCHOOL/NUMBER of a row's student.

    Args:
        row: of `read_decision_rows`.
        schools: code to name.

    Raises:
        UsageError: the row names a school that the cohort does not have; another school's student may have the number.
    """
    school, number = row["学校名称"], row["学号"]
    if not school or "/" in number:
        return number
    code = next((code for code, name in schools.items() if school in (code, name)), "")
    if not code:
        raise UsageError(f"没有学校 {_short(school)}", remedy="请照 cohort.toml 写学校名称或代码")
    return f"{code}/{number}"


def is_scope(rows: pd.DataFrame) -> pd.Series:
    """Return which rows decide on who belongs to the class."""
    return rows["意见"].isin(list(SCOPE_OPINIONS))


def row_digest(row: dict[str, str]) -> str:
    """Return the mark of a row's decision, by which the next reading knows it again."""
    about = [row[name] for name in ("提交编号", "证明") if row[name]]  # without them: known of before they were columns
    return digest(*(row[name] for name in COLUMNS[2:5]), *about)[:32]


def read_of(row: dict[str, str], outcome: str, why: str) -> Read:
    """Return what became of a row."""
    return Read(int(row["row"]), row["学号"], row["意见"], outcome, why)


def _conform(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    frame = frame.rename(columns=lambda name: str(name).strip())
    missing = [name for name in ("学号", "意见") if name not in frame.columns]
    if missing:
        raise InputError(f"审核表缺少列 {'、'.join(missing)}", where=where, remedy=f"表头应为：{'、'.join(COLUMNS)}")
    row = frame["row"] if "row" in frame.columns else pd.Series(range(2, len(frame) + 2), index=frame.index)
    blank = pd.Series("", index=frame.index, dtype="str")
    text = {name: frame[name].fillna("").astype("str").str.strip() if name in frame else blank for name in COLUMNS}
    clean = pd.DataFrame({"row": row.astype("int64"), **text})
    return clean[(clean["学号"] != "") | (clean["意见"] != "")].reset_index(drop=True)


def _read_file(path: Path) -> pd.DataFrame:
    """Return the rows of a table of decisions, read like every other table: anybody may have written it."""
    reading = read_table_file(read_content(path, path.parent))
    grids = {grid.sheet: grid for grid in reversed(reading.grids)}
    grid = grids.get(WORKSHEET) or next(iter(reading.grids), None)
    if grid is None:
        why = next((note.message for note in reading.notes if note.level == "error"), "是空表")
        raise InputError(why, where=path.name, remedy="请存为 UTF-8 的 CSV 或 xlsx")
    rows = [[cell.strip() for cell in row] for row in whole_rows(grid)]
    if any(_UNREADABLE in cell for row in rows for cell in row):
        raise InputError(
            f"审核表里有认不出的字（{_UNREADABLE}），可能只存了一半",
            where=path.name,
            remedy="请重新存为 UTF-8 的 CSV 或 xlsx",
        )
    top = next((at for at, row in enumerate(rows[:LOOK_DOWN]) if "学号" in row), 0)
    names, body = rows[top] if rows else [], rows[top + 1 :]
    places = {name: names.index(name) for name in COLUMNS if name in names}
    columns = {name: [row[at] if at < len(row) else "" for row in body] for name, at in places.items()}
    first = top + 2
    return pd.DataFrame({"row": range(first, first + len(body)), **columns})


def by_source(rows: pd.DataFrame, one: str) -> list[tuple[str, pd.DataFrame]]:
    """Return the rows of each workbook; rows of the one file or worksheet under the name that the cohort gives it."""
    sources = list(rows["source"].unique()) if "source" in rows.columns else []
    if len(sources) < 2 and not set(one) & set("*?["):
        return [(one, rows)]
    return [(str(source), rows[rows["source"] == source]) for source in sources]


def summary_lines(report: Sequence[Read], source: str = "") -> list[str]:
    """Return Chinese lines for people: how many rows were taken, and each row that could not be (of thousands some)."""
    counts = Counter(read.outcome for read in report)
    head = f"审核表{f' {source}' if source else ''}：" + "，".join(
        f"{label} {counts[key]} 条" for key, label in OUTCOMES.items() if counts[key]
    )
    told = [read for read in report if read.outcome in ("refused", "bad") or (read.outcome == "applied" and read.why)]
    lines = [f"  第 {read.row} 行 学号 {_short(read.number)}：{_why(read)}" for read in told[:_TOLD]]
    more = [f"  另有 {len(told) - _TOLD} 行未能执行或看不懂，请先处理上面这些"] if len(told) > _TOLD else []
    return ([head] if report else []) + lines + more


def _why(read: Read) -> str:
    return one_line(read.why.replace(read.number, _short(read.number)) if read.number else read.why)


def _short(number: str) -> str:
    """Return what stands for a student number: somebody may have put an ID number there, or a page of text."""
    return one_line(mask(number[:40]) if len(number) > 15 else number)
