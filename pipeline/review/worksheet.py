"""Import of decision rows. A row that stays in the sheet is imported once; a rewritten row is imported again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial, reduce
from glob import has_magic
from itertools import chain
from operator import or_
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
    OPINION_CHOICES,
    OPINIONS,
    SCOPE_OPINIONS,
    DecisionRows,
    decision_files,
    read_decision_rows,
)
from pipeline.review.ledger import Ledger, open_ledger
from pipeline.review.review_snapshot import (
    KINDS,
    ReviewSnapshot,
    RunTables,
    SeenStates,
    Student,
    build_snapshot,
    newest_run,
    seen_in_latest,
    why_unseen,
)
from pipeline.review.scope_decisions import KIND, REASONS, ScopeSnapshot
from pipeline.tables import Frame, read_table

_MAX_ROWS = 1_000  # rows that a summary lists
_OUTCOMES = {"applied": "已记入", "already": "无需再记", "seen": "以前已读", "refused": "未能执行", "bad": "看不懂"}
_Row = dict[str, str]
_Decide = Callable[[_Row, str], list[Entry]]
_Import = Callable[[Frame, str, Collection[str]], "list[RowResult]"]
_Key = TypeVar("_Key")


@dataclass(frozen=True)
class RowResult:
    """The result of one row: `row` as in the sheet, `outcome` (of `_OUTCOMES`), `why`, or where it was seen before."""

    row: int
    number: str
    outcome: str
    why: str = ""


class _LastReading:
    """The last reading of a source, from the ledger. `previous`: digests of the rows by school code and number.

    A source that is not among the `others` any more may have been renamed: its rows are not decided again.
    """

    def __init__(self, entries: Frame, source: str, report: list[RowResult], others: Collection[str]) -> None:
        self._source, self._results = source, report
        self.previous: dict[tuple[str, str], list[str]] = {}
        self._gone: dict[tuple[str, str], dict[str, list[str]]] = {}  # of sources read since this one and gone now
        self._refused: dict[tuple[str, str, str], str] = {}
        read = entries["data"].str.contains('"rows":', regex=False)
        for row in entries[entries["kind"].isin(["decision", "reading", KIND]) & read].to_dict("records"):
            data = json_object(row["data"])
            if (origin := str(data.get("source"))) != source and origin in others:
                continue
            key, marks = (str(row["school_code"]), str(row["student_number"])), [str(mark) for mark in data["rows"]]
            if origin == source:
                self.previous[key] = marks
                self._gone.pop(key, None)
            else:
                self._gone.setdefault(key, {})[origin] = marks
            if row["action"] == "refused":
                self._refused[*key, str(data["mark"])] = str(json_object(row["values"]).get("refused", "未能执行"))
            elif "mark" in data:
                self._refused.pop((*key, str(data["mark"])), None)

    def report(self, row: _Row, outcome: str, why: str = "") -> None:
        self._results.append(RowResult(int(row["row"]), row["学号"], outcome, why))

    def group_by_student(self, rows: Frame, place: Callable[[_Row], _Key]) -> dict[_Key, list[_Row]]:
        """Group rows by the student that `place` finds. Rows without a student but with an opinion are refused."""
        found: dict[_Key, list[_Row]] = {}
        for row in cast("list[_Row]", rows.to_dict("records")):
            try:
                found.setdefault(place(row), []).append(row)
            except UsageError as error:
                if row["意见"]:
                    self.report(row, "refused", f"{error.what}。{error.remedy}")  # uncut: see `_why`
        return found

    def entries_of(self, student: Mapping[str, object], rows: list[_Row], decide: _Decide) -> list[Entry]:
        """Return entries of the rows that are new since the last reading. Rows refused then are reported again."""
        key = (str(student["school_code"]), str(student["student_number"]))
        rows = [row for row in rows if row["意见"]]  # a removed opinion is new when written again
        before, now = self.previous.get(key, []), [_row_digest(row) for row in rows]
        gone = {mark: origin for origin, marks in self._gone.get(key, {}).items() for mark in {*marks} - {*before}}
        known = reduce(or_, map(Counter, self._gone.get(key, {}).values()), Counter(before))
        made: list[Entry] = []
        for row, mark in zip(rows, now, strict=True):
            if known[mark] > 0:
                known[mark] -= 1
                why = self._refused.get((*key, mark), "")
                self.report(row, "refused" if why else "seen", why or gone.get(mark, ""))
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
    tables: RunTables, ledger: Ledger, rows: Frame, source: str, today: date, seen: SeenStates | None = None,
    others: Collection[str] = (),
) -> list[RowResult]:  # fmt: skip
    """Import decisions in one transaction and return what became of each row.

    Rows are compared with the last reading of the same `source` (file or sheet), and of sources that are gone: `others`
    are those that are still there. A row that is refused is recorded, so that it never applies to data that its writer
    did not see. A row without 提交编号 decides on what was `seen`.
    """
    results: list[RowResult] = []

    def decide(entries: Frame) -> list[Entry]:
        snapshot, reading = build_snapshot(tables, entries, today), _LastReading(entries, source, results, others)
        placed = reading.group_by_student(rows, lambda row: tables.numbers.position(_number_of(row, tables.schools)))
        groups = zip(snapshot.students(placed), placed.values(), strict=True)
        return [
            entry
            for person, own_rows in groups
            for entry in reading.entries_of(person, own_rows, _decider(snapshot, person, seen, reading))
        ]

    ledger.append_if(decide, *KINDS)
    return sorted(results, key=lambda read: read.row)


def _decider(snapshot: ReviewSnapshot, person: Student, seen: SeenStates | None, reading: _LastReading) -> _Decide:
    """Return a function that makes entries from a row. Each row applies to the state after the previous one."""
    now = person

    def decide(row: _Row, mark: str) -> list[Entry]:
        nonlocal now
        action, by, why = OPINIONS.get(row["意见"], ""), row["审核人"], row["说明"]
        refused = _refusal(snapshot, now, action, row, seen)
        if refused:
            reading.report(row, "refused" if action else "bad", refused)
            data, personal = {"mark": mark, "run": snapshot.tables.run_id}, {"opinion": row["意见"], "refused": refused}
            of = str(now["submission_id"])
            return [Entry("reading", "refused", by, why, submission_id=of, data=data, personal=personal).about(now)]
        if is_repeated(now, action, by, why):
            reading.report(row, "already")
            return []
        reading.report(row, "applied", "".join(overruled_decision(snapshot, now, by)))
        entry = decision_entry(snapshot, now, action, by=by, why=why, data={"mark": mark})
        state = {"approve": "approved", "return": "returned", "reopen": ""}[action]
        approved = now["submission_id"] if action == "approve" else ""
        now = {**now, "decision_state": state, "approved_submission_id": approved, "change_request": False}
        now |= {"decided_by": by, "decided_at": "", "decided_why": why}
        return [entry]

    return decide


def _refusal(snapshot: ReviewSnapshot, person: Student, action: str, row: _Row, seen: SeenStates | None) -> str:
    if not action:
        return f"意见应为 {'、'.join(OPINION_CHOICES)}"
    if not row["审核人"]:
        return "没有写审核人"
    if action != "approve" and not row["说明"]:
        return f"{row['意见']}要写明说明"
    if not row["提交编号"]:
        return why_not(snapshot, person, action, why_unseen(person, seen))
    same = str(person["submission_id"]) == row["提交编号"]
    return why_not(snapshot, person, action, "" if same else "这名学生现在的提交不是表中的提交编号，请看过新的提交再写")


def import_scope_decisions(cohort: Cohort) -> DecisionRows:
    """Read the table of decisions and import its rows on membership, on data of the newest run (if there is one)."""
    rows, messages = read_decision_rows(cohort)
    scope_rows = None if rows is None else rows[is_scope(rows)]
    if scope_rows is None or scope_rows.empty:
        return rows, messages
    try:
        registry = with_scope(read_table(newest_run(cohort), "registry"))
    except RefusedError as error:
        return rows, [*messages, f"审核表里有 {len(scope_rows)} 条是否在本届的意见还没有记入：{error.what}"]
    with open_ledger(cohort) as ledger:
        import_rows = partial(import_scope, registry, cohort.school_names, ledger)
        return rows, [*messages, *_import_each(cohort, scope_rows, import_rows, "（是否在本届）")]


def import_scope(
    registry: Frame, schools: dict[str, str], ledger: Ledger, rows: Frame, source: str, others: Collection[str] = ()
) -> list[RowResult]:
    """Import rows on membership. `registry` has the columns of `match.membership`, `schools` maps code to name."""
    results: list[RowResult] = []

    def decide(entries: Frame) -> list[Entry]:
        snapshot, present = ScopeSnapshot(registry, entries), [f"{other}#{KIND}" for other in others]
        reading = _LastReading(entries, f"{source}#{KIND}", results, present)
        placed = reading.group_by_student(rows[is_scope(rows)], lambda row: snapshot.key(_number_of(row, schools)))
        new: list[Entry] = []
        for key, own_rows in ({key: list[_Row]() for key in reading.previous} | placed).items():
            student = {"school_code": key[0], "student_number": key[1], "college": ""}
            new += reading.entries_of(student, own_rows, lambda row, _, key=key: _on_scope(snapshot, key, row, reading))
        return new

    ledger.append_if(decide, KIND, "decision", "reading")
    return sorted(results, key=lambda read: read.row)


def _on_scope(snapshot: ScopeSnapshot, key: tuple[str, str], row: _Row, reading: _LastReading) -> list[Entry]:
    inside = row["意见"] == "在本届"
    reasons = [reason for reason in REASONS if reason in row["说明"]]  # the explanation may contain a reason
    reason = "" if inside else reasons[0] if len(reasons) == 1 else "其他"
    try:
        actor = Actor(row["审核人"], row["说明"])
        entry = snapshot.decide("/".join(key), actor, inside=inside, proof=row["证明"], reason=reason)
    except MingceError as error:
        reading.report(row, "refused", f"{error.what}。{error.remedy}" if row["审核人"] else "没有写审核人")
        return []
    reading.report(row, "already" if entry is None else "applied")
    return [] if entry is None else [entry]


def _number_of(row: _Row, schools: Mapping[str, str]) -> str:
    """Return NUMBER or SCHOOL/NUMBER of a row. Raises UsageError for a school that the cohort does not have."""
    school, number = row["学校名称"], row["学号"]
    if not school or "/" in number:
        return number
    code = next((code for code, name in schools.items() if school in (code, name)), "")
    if not code:
        raise UsageError(f"没有学校 {_masked_number(school)}", remedy="请照 cohort.toml 写学校名称或代码")
    return f"{code}/{number}"


def is_scope(rows: Frame) -> pd.Series:
    """Return which rows decide on membership of the class."""
    return rows["意见"].isin(list(SCOPE_OPINIONS))


def _row_digest(row: _Row) -> str:
    """Return the digest that identifies a row's decision at the next reading."""
    optional = [row[name] for name in ("提交编号", "证明") if row[name]]  # blank: as before they were columns
    return digest(*(row[name] for name in COLUMNS[2:5]), *optional)[:32]


def summary_lines(results: Sequence[RowResult], source: str = "") -> list[str]:
    """Return Chinese lines: counts by outcome, then at most `_TOLD` rows that were not applied or overrule someone."""
    counts = Counter(read.outcome for read in results)
    head = f"审核表{f' {source}' if source else ''}：" + "，".join(
        f"{label} {counts[key]} 条" for key, label in _OUTCOMES.items() if counts[key]
    )
    listed = [row for row in results if row.outcome in ("refused", "bad") or (row.outcome == "applied" and row.why)]
    lines = [f"  第 {row.row} 行 学号 {_masked_number(row.number)}：{_why(row)}" for row in listed[:_MAX_ROWS]]
    moved = Counter(row.why.removesuffix(f"#{KIND}") for row in results if row.outcome == "seen" and row.why)
    same = "里的相同，没有再记；要重新决定，请改写说明"
    lines += [f"  其中 {count} 条与已不在的 {name} {same}" for name, count in moved.items()]
    rest = [f"  另有 {len(listed) - _MAX_ROWS} 行未能执行或看不懂，请先处理上面这些"] if len(listed) > _MAX_ROWS else []
    return ([head] if results else []) + lines + rest


def _why(read: RowResult) -> str:
    return one_line(read.why.replace(read.number, _masked_number(read.number)) if read.number else read.why)


def _masked_number(number: str) -> str:
    """Mask and cut a student number: the cell may hold an ID number or a page of text."""
    return one_line(mask(number[:40]) if len(number) > 15 else number)


ReviewRows = tuple[Frame, Frame, Frame]
"""Students to decide on, their submissions, and the findings of these."""


def student_numbers(rows: Frame) -> set[str]:
    """Return the student numbers in rows of decisions, without school codes."""
    return {str(number).rpartition("/")[2].strip() for number in rows["学号"]}


def import_from_file(
    cohort: Cohort, run_id: str, rows: Frame, rows_to_review: list[ReviewRows], as_of: date
) -> tuple[list[str], bool]:
    """Import `rows` as decisions on the run `run_id`. Return Chinese lines, and whether the ledger was changed."""
    students, submissions, findings = (pd.concat(part, ignore_index=True) for part in zip(*rows_to_review, strict=True))
    with open_ledger(cohort) as ledger:
        before = ledger.head()
        tables = RunTables(run_id, students, submissions, findings, cohort.school_names)
        seen = seen_in_latest(cohort, student_numbers(rows))
        lines = _import_each(
            cohort, rows, lambda part, name, others: import_decisions(tables, ledger, part, name, as_of, seen, others)
        )
        return lines, ledger.head() != before


def _import_each(cohort: Cohort, rows: Frame, act: _Import, suffix: str = "") -> list[str]:
    """Import each workbook's rows by `act`; return Chinese lines. A single file goes by its name in cohort.toml."""
    setting = cohort.review.decisions or ""
    if not has_magic(setting):
        return summary_lines(act(rows, setting, ()), f"{setting}{suffix}")
    present = decision_files(cohort)
    parts = [(str(source), part) for source, part in rows.groupby("source", sort=False)]
    lines = [summary_lines(act(part, source, present.keys() - {source}), f"{source}{suffix}") for source, part in parts]
    return list(chain.from_iterable(lines))
