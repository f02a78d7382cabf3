"""Write states and advice back to Google Sheets, into a protected worksheet of our own (认证结果).

Measured: writing into students' rows while they sort, insert and delete put 54 to 60 of 60 states on wrong rows, even
after a re-read. So one call replaces a complete worksheet that students cannot edit.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from gspread.utils import absolute_range_name, rowcol_to_a1

from pipeline.cohort import Cohort
from pipeline.collect.google.access import connect_google
from pipeline.collect.google.http_client import RejectedRequestError, RetryPolicy, SheetsClient
from pipeline.collect.google.tabs import ANSWERS_MARK, ANSWERS_TITLE, Book, Tab, read_book, refused_by_protection
from pipeline.collect.inputs import GSHEET, is_gsheet, parse_source, spreadsheet_key
from pipeline.errors import RefusedError
from pipeline.papers.errata import reported_students
from pipeline.states import State, states, theme, tint
from pipeline.tables import STATUSES
from pipeline.view.answers import HEADER, KEY, NUMBER, STATE, TIME, answer_rows
from pipeline.view.run_tables import load_run

_TRIES = 3  # attempts, because the worksheet may be renamed or removed meanwhile
_COLOURED = ("done", "fix", "missing")
"""The families of states whose cells are coloured."""

Values = list[list[str]]


@dataclass(frozen=True)
class SheetAnswers:
    """The rows of one spreadsheet. `counts` and `previous` are students by state, now and in the old rows.

    `changed`: student numbers (with school if repeated) whose row differs in more than the time. `cost`: the calls.
    """

    key: str
    title: str
    rows: int
    counts: dict[str, int]
    previous: dict[str, int]
    changed: list[str]
    written: bool
    cost: str


@dataclass(frozen=True)
class WriteBack:
    """The results by spreadsheet, and the number of students that are in no spreadsheet."""

    sheets: list[SheetAnswers]
    unplaced: int


def write_answers(cohort: Cohort, run: Path, dry_run: bool = False, *, retry: RetryPolicy | None = None) -> WriteBack:
    """Write the answers of `run` into the answers spreadsheet, or into each spreadsheet of submissions.

    A `dry_run` writes nothing, and does not request the scope for writing.

    Raises:
        RefusedError: the cohort has no Google sheet.
        PartialError, InputError: no access, or Google did not answer within attempts and time.
    """
    rows = answer_rows(run, reported_students(cohort, load_run(run)))
    placed = place_rows(rows, targets(cohort), single=cohort.google.answers is not None)
    sheets = [_write_one(cohort, key, part, dry_run, retry) for key, part in placed.items()]
    return WriteBack(sheets, unplaced=len(rows) - sum(len(part) for part in placed.values()))


def targets(cohort: Cohort) -> list[str]:
    """Return the keys of the spreadsheets that get answers. Raise `RefusedError` if there is none."""
    answers, sources = cohort.google.answers, cohort.submissions.paths
    keys = [answers] if answers else [parse_source(source)[0] for source in sources if is_gsheet(source)]
    if not keys:
        raise RefusedError(
            "这一届没有 Google 表格可以回写", where=str(cohort.folder),
            remedy='请在 [submissions] 的 from 中写 "gsheet:<key>"，或在 [google] 中写 answers',
        )  # fmt: skip
    return list(dict.fromkeys(spreadsheet_key(key) for key in keys))


def place_rows(rows: pd.DataFrame, keys: list[str], *, single: bool) -> dict[str, pd.DataFrame]:
    """Return the rows by spreadsheet. Of several, each gets only the classes that submitted there."""
    if single or len(keys) == 1:
        return {keys[0]: rows.drop(columns="file")}
    is_sheet = rows["file"].str.startswith(GSHEET)
    submitted = rows[is_sheet].assign(key=rows.loc[is_sheet, "file"].map(lambda name: parse_source(str(name))[0]))
    group = ["学校", "院系", "班级"]
    home = submitted.groupby(group)["key"].agg(lambda keys: keys.mode().iloc[0]).rename("key").reset_index()
    located = rows.merge(home, on=group, how="left")
    return {key: located[located["key"] == key][HEADER].reset_index(drop=True) for key in keys}


def _write_one(
    cohort: Cohort, key: str, rows: pd.DataFrame, dry_run: bool, retry: RetryPolicy | None
) -> SheetAnswers:  # fmt: skip
    client = connect_google(cohort, write=not dry_run, retry=retry)
    book = read_book(client, key, formats=True)
    tab = book.answers()
    (values,) = client.read_values(key, [tab.full_range], {"prettyPrint": "false"}) if tab else ([],)
    current = [[str(cell) for cell in row] for row in values]
    if tab and ANSWERS_MARK not in tab.protections and current and current[0] != HEADER:
        remedy = f"请给那张工作表改名，系统会另建一张 {ANSWERS_TITLE}"
        what = f"已有一张名为 {ANSWERS_TITLE} 的工作表，不是系统建的，没有改动"
        raise RefusedError(what, where=book.title, remedy=remedy)
    if not dry_run:
        _replace(client, book, [HEADER, *rows.to_numpy().tolist()], len(current))
    previous = _frame(current)
    return SheetAnswers(
        key, book.title, len(rows), _counts(rows), _counts(previous), _changed(previous, rows), not dry_run,
        str(client.calls),
    )  # fmt: skip


def _frame(values: Values) -> pd.DataFrame:
    """Return the old rows with the columns `HEADER`, all blank if the header differs."""
    header = values[0] if values else []
    rows = [row + [""] * (len(header) - len(row)) for row in values[1:]]
    frame = pd.DataFrame([row[: len(header)] for row in rows], columns=pd.Index(header), dtype="str")
    frame = frame if set(KEY) <= set(header) and len(set(header)) == len(header) else pd.DataFrame()
    return frame.reindex(columns=HEADER).fillna("").astype("str")


def _counts(rows: pd.DataFrame) -> dict[str, int]:
    counts = rows[STATE].value_counts()
    return {state: int(counts[state]) for state in STATUSES.values() if state in counts}


def _changed(previous: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """Return the student numbers whose row was added, removed, or differs in more than the time of the check."""
    compared = [name for name in HEADER if name != TIME]
    old = previous[previous[NUMBER] != ""].drop_duplicates(KEY)
    merged = rows[compared].merge(old[compared], on=compared, how="outer", indicator=True)
    differing = merged.loc[merged["_merge"] != "both", KEY].drop_duplicates().sort_values(KEY)
    repeats = set(differing.loc[differing[NUMBER].duplicated(keep=False), NUMBER])
    return [f"{school}/{number}" if number in repeats else number for school, number in differing.to_numpy().tolist()]


def _replace(client: SheetsClient, book: Book, values: Values, old_rows: int) -> None:
    """Update the structure of the answers worksheet, then replace its content in one call."""
    for attempt in range(_TRIES):
        try:
            tab = _prepare(client, book, len(values))
            return _write_values(client, tab, book.key, values, max(old_rows, len(values)))
        except RejectedRequestError:  # protected, or renamed or removed since it was listed: nothing was written
            book = read_book(client, book.key, formats=True)
            tab = book.answers()
            if tab is not None and tab.locked:
                raise refused_by_protection(client, book, tab) from None
            if attempt == _TRIES - 1:
                raise
    return None


def _prepare(client: SheetsClient, book: Book, rows: int) -> Tab:
    state = book

    def added() -> bool:
        nonlocal state
        state = read_book(client, book.key, formats=True)
        return state.answers() is not None

    def complete() -> bool:
        return added() and not structure_requests(_tab(state), rows, client.address)

    if state.answers() is None:
        grid = {"rowCount": rows, "columnCount": len(HEADER), "frozenRowCount": 1}
        new = {"addSheet": {"properties": {"title": ANSWERS_TITLE, "gridProperties": grid}}}
        client.write(lambda: client.batch_update(book.key, {"requests": [new]}), added)
        added()
    if structure_requests(_tab(state), rows, client.address):
        client.write(
            lambda: client.batch_update(book.key, {"requests": structure_requests(_tab(state), rows, client.address)}),
            complete,
        )
    return _tab(state)


def _tab(book: Book) -> Tab:
    tab = book.answers()
    if tab is None:
        raise RejectedRequestError(f"工作表 {ANSWERS_TITLE} 被删除", remedy="请再运行一次")
    return tab


def structure_requests(tab: Tab, rows: int, address: str) -> list[dict[str, Any]]:
    """Return the batch requests that complete `tab`: size, text format, protection, colours."""
    requests: list[dict[str, Any]] = []
    if tab.rows < rows or tab.columns < len(HEADER):
        grid = {"rowCount": max(tab.rows, rows), "columnCount": max(tab.columns, len(HEADER))}
        size = {"properties": {"sheetId": tab.id, "gridProperties": grid}}
        grid_fields = "gridProperties.rowCount,gridProperties.columnCount"
        requests.append({"updateSheetProperties": {**size, "fields": grid_fields}})
    if ANSWERS_MARK not in tab.protections:
        text = {"userEnteredFormat": {"numberFormat": {"type": "TEXT"}, "wrapStrategy": "WRAP"}}
        fields = "userEnteredFormat.numberFormat,userEnteredFormat.wrapStrategy"
        requests.append({"repeatCell": {"range": {"sheetId": tab.id}, "cell": text, "fields": fields}})
        protected: dict[str, Any] = {"range": {"sheetId": tab.id}, "description": ANSWERS_MARK, "warningOnly": False}
        protected |= {"editors": {"users": [address]}} if address else {}
        requests.append({"addProtectedRange": {"protectedRange": protected}})
    coloured = {_coloured(rule) for rule in tab.formats}
    requests += [
        _colour(tab, state) for state in states().values() if state.family in _COLOURED and state.word not in coloured
    ]
    return requests


def _coloured(rule: dict[str, Any]) -> str:
    """Return the state that a conditional format colours, or "". Formats have no name."""
    condition = rule.get("booleanRule", {}).get("condition", {})
    values = condition.get("values") or [{}]
    return str(values[0].get("userEnteredValue", "")) if condition.get("type") == "TEXT_EQ" else ""


def _colour(tab: Tab, state: State) -> dict[str, Any]:
    column = HEADER.index(STATE)
    shade = tint(theme().family(state.family).fill, 0.4)
    red, green, blue = (int(shade[start : start + 2], 16) / 255 for start in (1, 3, 5))
    rule = {
        "ranges": [{"sheetId": tab.id, "startRowIndex": 1, "startColumnIndex": column, "endColumnIndex": column + 1}],
        "booleanRule": {
            "condition": {"type": "TEXT_EQ", "values": [{"userEnteredValue": state.word}]},
            "format": {"backgroundColor": {"red": red, "green": green, "blue": blue}},
        },
    }
    return {"addConditionalFormatRule": {"rule": rule, "index": 0}}


def _write_values(client: SheetsClient, tab: Tab, key: str, values: Values, rows: int) -> None:
    blank = [[""] * len(HEADER)] * (rows - len(values))
    area = absolute_range_name(tab.title, f"A1:{rowcol_to_a1(rows, len(HEADER))}")
    body = {"valueInputOption": "RAW", "data": [{"range": area, "majorDimension": "ROWS", "values": values + blank}]}

    def written() -> bool:
        (stored,) = client.read_values(key, [area], {"prettyPrint": "false"})
        return [[*map(str, row), *[""] * (len(HEADER) - len(row))] for row in stored] == values

    client.write(lambda: client.values_batch_update(key, body), written)
