"""Import of decision rows, each once: a row that stays in the sheet never decides again, but a rewritten one does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import TypeVar, cast

import pandas as pd

from pipeline.cohort import Cohort
from pipeline.errors import MingceError, RefusedError, UsageError, one_line
from pipeline.logs import mask
from pipeline.match.membership import with_scope
from pipeline.review.actions import Actor, decision_entry, is_repeated, overruled_decision, why_not
from pipeline.review.chain import Entry, digest, json_object
from pipeline.review.decision_rows import (
    COLUMNS,
    OFFERED,
    OPINIONS,
    SCOPE_OPINIONS,
    DecisionRows,
    read_decision_rows,
)
from pipeline.review.ledger import Ledger, open_ledger
from pipeline.review.review_snapshot import (
    KINDS,
    ReviewSnapshot,
    RunTables,
    Seen,
    Student,
    build_snapshot,
    newest_run,
    seen_in_latest,
    unseen,
)
from pipeline.review.scope_decisions import KIND, REASONS, ScopeSnapshot
from pipeline.tables import Frame, read_table

_TOLD = 1_000  # rows that a summary lists
_OUTCOMES = {"applied": "已记入", "already": "无需再记", "seen": "以前已读", "refused": "未能执行", "bad": "看不懂"}
_Row = dict[str, str]
_Decide = Callable[[_Row, str], list[Entry]]
_Place = TypeVar("_Place")


@dataclass(frozen=True)
class Read:
    """The result of one row: `row` as in the sheet, `outcome` (key of `_OUTCOMES`), `why` if not applied."""

    row: int
    number: str
    outcome: str
    why: str = ""


class _Reading:
    """What the last reading of a source left in the ledger (`before`: the rows' digests by student)."""

    def __init__(self, entries: Frame, source: str, report: list[Read]) -> None:
        self._source, self._report = source, report
        self.before: dict[tuple[str, str], list[str]] = {}
        self._refused: dict[tuple[str, str, str], str] = {}
        read = entries["data"].str.contains('"rows":', regex=False)
        for row in entries[entries["kind"].isin(["decision", "reading", KIND]) & read].to_dict("records"):
            data = json_object(row["data"])
            if data.get("source") != source:
                continue
            key = (str(row["school_code"]), str(row["student_number"]))
            self.before[key] = [str(mark) for mark in data["rows"]]
            if row["action"] == "refused":
                self._refused[*key, str(data["mark"])] = str(json_object(row["values"]).get("refused", "未能执行"))
            elif "mark" in data:
                self._refused.pop((*key, str(data["mark"])), None)

    def told(self, row: _Row, outcome: str, why: str = "") -> None:
        self._report.append(Read(int(row["row"]), row["学号"], outcome, why))

    def placed(self, rows: Frame, place: Callable[[_Row], _Place]) -> dict[_Place, list[_Row]]:
        """Group rows by the student that `place` finds. Rows without a student but with an opinion are refused."""
        found: dict[_Place, list[_Row]] = {}
        for row in cast("list[_Row]", rows.to_dict("records")):
            try:
                found.setdefault(place(row), []).append(row)
            except UsageError as error:
                if row["意见"]:
                    self.told(row, "refused", f"{error.what}。{error.remedy}")  # uncut: see `_why`
        return found

    def of_student(self, student: Mapping[str, object], rows: list[_Row], decide: _Decide) -> list[Entry]:
        """Return entries of the rows that are new since the last reading. Rows refused then are reported again."""
        key = (str(student["school_code"]), str(student["student_number"]))
        rows = [row for row in rows if row["意见"]]  # a removed opinion is new when written again
        before, now = self.before.get(key, []), [_row_digest(row) for row in rows]
        known = Counter(before)
        made: list[Entry] = []
        for row, mark in zip(rows, now, strict=True):
            if known[mark] > 0:
                known[mark] -= 1
                why = self._refused.get((*key, mark), "")
                self.told(row, "refused" if why else "seen", why)
            else:
                made += decide(row, mark)
        if not made and sorted(now) != sorted(before):
            made.append(Entry("reading", "seen").about(student))
        # the last entry alone lists the rows: in each of them a thousand rows would be a million digests
        listed = [[]] * (len(made) - 1) + [now]
        return [
            replace(entry, data={**entry.data, "source": self._source, "rows": marks})
            for entry, marks in zip(made, listed, strict=False)
        ]


def import_decisions(
    tables: RunTables, ledger: Ledger, rows: Frame, source: str, today: date, seen: Seen | None = None
) -> list[Read]:
    """Import decisions in one transaction and return what became of each row.

    Rows are compared with the last reading of the same `source` (file or sheet). A row that is refused is recorded, so
    that it never applies to data that its writer did not see. A row without 提交编号 decides on what was `seen`.
    """
    report: list[Read] = []

    def decide(entries: Frame) -> list[Entry]:
        desk, reading = build_snapshot(tables, entries, today), _Reading(entries, source, report)
        placed = reading.placed(rows, lambda row: tables.numbers.place(_number_of(row, tables.schools)))
        each = zip(desk.students(placed), placed.values(), strict=True)
        return [
            entry
            for person, own in each
            for entry in reading.of_student(person, own, _decider(desk, person, seen, reading))
        ]

    ledger.append_if(decide, *KINDS)
    return sorted(report, key=lambda read: read.row)


def _decider(desk: ReviewSnapshot, person: Student, seen: Seen | None, reading: _Reading) -> _Decide:
    """Return a function that makes entries from a row. Each row applies to the state after the previous one."""
    now = person

    def decide(row: _Row, mark: str) -> list[Entry]:
        nonlocal now
        action, by, why = OPINIONS.get(row["意见"], ""), row["审核人"], row["说明"]
        refused = _refusal(desk, now, action, row, seen)
        if refused:
            reading.told(row, "refused" if action else "bad", refused)
            data, personal = {"mark": mark, "run": desk.tables.run_id}, {"opinion": row["意见"], "refused": refused}
            entry = Entry("reading", "refused", by, why, data=data, personal=personal)
            return [replace(entry, submission_id=str(now["submission_id"])).about(now)]
        if is_repeated(now, action, by, why):
            reading.told(row, "already")
            return []
        reading.told(row, "applied", "".join(overruled_decision(desk, now, by)))
        entry = decision_entry(desk, now, action, by=by, why=why, data={"mark": mark})
        state = {"approve": "approved", "return": "returned", "reopen": ""}[action]
        approved = now["submission_id"] if action == "approve" else ""
        now = {**now, "decision_state": state, "approved_submission_id": approved, "change_request": False}
        now |= {"decided_by": by, "decided_at": "", "decided_why": why}
        return [entry]

    return decide


def _refusal(desk: ReviewSnapshot, person: Student, action: str, row: _Row, seen: Seen | None) -> str:
    if not action:
        return f"意见应为 {'、'.join(OFFERED)}"
    if not row["审核人"]:
        return "没有写审核人"
    if action != "approve" and not row["说明"]:
        return f"{row['意见']}要写明说明"
    if not row["提交编号"]:
        return why_not(desk, person, action, unseen(person, seen))
    same = str(person["submission_id"]) == row["提交编号"]
    return why_not(desk, person, action, "" if same else "这名学生现在的提交不是表中的提交编号，请看过新的提交再写")


def take_scope_decisions(cohort: Cohort) -> DecisionRows:
    """Read the table of decisions and import its rows on membership, on data of the newest run (if there is one)."""
    rows, told = read_decision_rows(cohort)
    own = None if rows is None else rows[is_scope(rows)]
    if own is None or own.empty:
        return rows, told
    try:
        registry = with_scope(read_table(newest_run(cohort), "registry"))
    except RefusedError as error:
        return rows, [*told, f"审核表里有 {len(own)} 条是否在本届的意见还没有记入：{error.what}"]
    with open_ledger(cohort) as ledger:
        take = partial(import_scope_rows, registry, cohort.school_names, ledger)
        return rows, [*told, *_import_each(cohort, own, take, "（是否在本届）")]


def import_scope_rows(registry: Frame, schools: dict[str, str], ledger: Ledger, rows: Frame, source: str) -> list[Read]:
    """Import new rows on membership. `registry` has the columns of `match.membership`, `schools` maps code to name."""
    report: list[Read] = []

    def decide(entries: Frame) -> list[Entry]:
        desk, reading = ScopeSnapshot(registry, entries), _Reading(entries, f"{source}#{KIND}", report)
        placed = reading.placed(rows[is_scope(rows)], lambda row: desk.key(_number_of(row, schools)))
        made: list[Entry] = []
        for key, own in ({key: list[_Row]() for key in reading.before} | placed).items():
            about = {"school_code": key[0], "student_number": key[1], "college": ""}
            made += reading.of_student(about, own, lambda row, _, key=key: _on_scope(desk, key, row, reading))
        return made

    ledger.append_if(decide, KIND, "decision", "reading")
    return sorted(report, key=lambda read: read.row)


def _on_scope(desk: ScopeSnapshot, key: tuple[str, str], row: _Row, reading: _Reading) -> list[Entry]:
    inside = row["意见"] == "在本届"
    named = [reason for reason in REASONS if reason in row["说明"]]  # the explanation may contain a reason
    reason = "" if inside else named[0] if len(named) == 1 else "其他"
    try:
        actor = Actor(row["审核人"], row["说明"])
        entry = desk.decide("/".join(key), actor, inside=inside, proof=row["证明"], reason=reason)
    except MingceError as error:
        reading.told(row, "refused", f"{error.what}。{error.remedy}" if row["审核人"] else "没有写审核人")
        return []
    reading.told(row, "already" if entry is None else "applied")
    return [] if entry is None else [entry]


def _number_of(row: _Row, schools: Mapping[str, str]) -> str:
    """Return NUMBER or SCHOOL/NUMBER of a row. Raises UsageError for a school that the cohort does not have."""
    school, number = row["学校名称"], row["学号"]
    if not school or "/" in number:
        return number
    code = next((code for code, name in schools.items() if school in (code, name)), "")
    if not code:
        raise UsageError(f"没有学校 {_short(school)}", remedy="请照 cohort.toml 写学校名称或代码")
    return f"{code}/{number}"


def is_scope(rows: Frame) -> pd.Series:
    """Return which rows decide on membership of the class."""
    return rows["意见"].isin(list(SCOPE_OPINIONS))


def _row_digest(row: _Row) -> str:
    """Return the digest that identifies a row's decision at the next reading."""
    about = [row[name] for name in ("提交编号", "证明") if row[name]]  # blank: as before they were columns
    return digest(*(row[name] for name in COLUMNS[2:5]), *about)[:32]


def summary_lines(report: Sequence[Read], source: str = "") -> list[str]:
    """Return Chinese lines: counts by outcome, then at most `_TOLD` rows that were not applied or overrule someone."""
    counts = Counter(read.outcome for read in report)
    head = f"审核表{f' {source}' if source else ''}：" + "，".join(
        f"{label} {counts[key]} 条" for key, label in _OUTCOMES.items() if counts[key]
    )
    told = [read for read in report if read.outcome in ("refused", "bad") or (read.outcome == "applied" and read.why)]
    lines = [f"  第 {read.row} 行 学号 {_short(read.number)}：{_why(read)}" for read in told[:_TOLD]]
    more = [f"  另有 {len(told) - _TOLD} 行未能执行或看不懂，请先处理上面这些"] if len(told) > _TOLD else []
    return ([head] if report else []) + lines + more


def _why(read: Read) -> str:
    return one_line(read.why.replace(read.number, _short(read.number)) if read.number else read.why)


def _short(number: str) -> str:
    """Mask and cut a student number: the cell may hold an ID number or a page of text."""
    return one_line(mask(number[:40]) if len(number) > 15 else number)


DeskRows = tuple[Frame, Frame, Frame]
"""Students to decide on, their submissions, and the findings of these."""


def student_numbers(rows: Frame) -> set[str]:
    """Return the student numbers in rows of decisions, without school codes."""
    return {str(number).rpartition("/")[2].strip() for number in rows["学号"]}


def import_from_file(
    cohort: Cohort, run_id: str, rows: Frame, desk: list[DeskRows], as_of: date
) -> tuple[list[str], bool]:
    """Import `rows` as decisions on the run `run_id`. Return Chinese lines, and whether the ledger was changed."""
    students, submissions, findings = (pd.concat(each, ignore_index=True) for each in zip(*desk, strict=True))
    with open_ledger(cohort) as ledger:
        before = ledger.head()
        tables = RunTables(run_id, students, submissions, findings, cohort.school_names)
        seen = seen_in_latest(cohort, student_numbers(rows))
        take = partial(import_decisions, tables, ledger, today=as_of, seen=seen)
        return _import_each(cohort, rows, take), ledger.head() != before


def _import_each(cohort: Cohort, rows: Frame, take: Callable[[Frame, str], list[Read]], about: str = "") -> list[str]:
    """Import each workbook's rows by `take`; return Chinese lines. A single file goes by its name in cohort.toml."""
    one = cohort.review.decisions or ""
    sources = [str(source) for source in rows["source"].unique()] if "source" in rows.columns else []
    parts = [(source, rows[rows["source"] == source]) for source in sources]
    if len(sources) < 2 and not set(one) & set("*?["):
        parts = [(one, rows)]
    return [line for source, own in parts for line in summary_lines(take(own, source), f"{source}{about}")]
