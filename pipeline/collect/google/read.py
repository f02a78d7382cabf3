"""Reading a shared Google Sheet: `gsheet:<key>` to worksheets as read (`Grid`), and decisions from a sheet."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pipeline.cohort import Cohort
from pipeline.collect.collected import Grid, Input, Note, Reading
from pipeline.collect.google import looks
from pipeline.collect.google.access import connect_google
from pipeline.collect.google.http_client import Patience, SheetsClient
from pipeline.collect.google.looks import Look
from pipeline.collect.google.sheet_cells import texts
from pipeline.collect.google.snapshot import Snapshot, SnapshotReader
from pipeline.collect.google.tabs import ANSWERS_MARK, ANSWERS_TITLE, Tab
from pipeline.collect.gsheet import is_gsheet, parse_source
from pipeline.collect.inputs import Content, keep_bytes
from pipeline.errors import InputError

_LOOKS = 3
_DECISION_KEY = "学号"


def read_sheet(source: str, cohort: Cohort, keep: Path | None, *, patience: Patience | None = None) -> Reading:
    """Read the worksheets of `source` (`gsheet:<key>`, or with `#title` one of them) as the people saw them.

    Our own answers and the office's decisions are left out. All that was read is kept as `<keep>/<sha256>`.

    Raises:
        InputError: no access, no such spreadsheet or worksheet, or Google did not answer within attempts and time.
        ConfigurationError: the source or the key file is wrong.
    """
    key, title = parse_source(source)
    client = connect_google(cohort, patience=patience)
    try:
        return _read(source, key, title, client, cohort, keep)
    except InputError as error:
        raise InputError(error.what, where=error.where or source, remedy=error.remedy) from None


def _read(source: str, key: str, title: str, client: SheetsClient, cohort: Cohort, keep: Path | None) -> Reading:
    own = _own_titles(cohort, key)
    reader = SnapshotReader(client, key, lambda tab: tab.title == title if title else _is_students(tab, own))
    snapshot = reader.read()
    if title and not snapshot.book.tabs:
        raise InputError(f"表格中没有工作表 {title}", where=source, remedy="请核对工作表名称")
    found, restless = _second_looks(client, reader, snapshot)
    content = _content(source, snapshot, found)
    keep_bytes(content, keep)
    grids = [_grid(source, tab, snapshot, found.get(tab.id)) for tab in snapshot.book.tabs if _filled(snapshot, tab)]
    detail = f"Google 表格“{snapshot.book.title}”，{len(grids)} 个工作表；{client.calls}"
    notes = [Note("info", source, "", 0, detail), *_book_notes(source, snapshot, restless)]
    return Reading(grids, notes, [Input(source, content.sha256, len(content.data), detail)])


def read_decisions_sheet(
    source: str, cohort: Cohort, keep: Path | None = None, *, patience: Patience | None = None
) -> list[dict[str, str]]:
    """Return the rows of a decisions worksheet (`gsheet:<key>#审核`) by its own headers, blank rows left out.

    Each row also has `row`, its 1-based place in the sheet as text.

    Raises:
        InputError: it cannot be read, or has no header with 学号.
    """
    key, title = parse_source(source)
    client = connect_google(cohort, patience=patience)
    snapshot = SnapshotReader(client, key, lambda tab: tab.title == title if title else tab.kind == "GRID").read()
    if not snapshot.book.tabs:
        raise InputError(f"表格中没有工作表 {title}", where=source, remedy="请核对工作表名称，或新建这个工作表")
    keep_bytes(_content(source, snapshot, {}), keep)
    rows, _ = texts(snapshot.values.get(snapshot.book.tabs[0].id, []))
    rows = [[cell.strip() for cell in row] for row in rows]
    top = next((number for number, row in enumerate(rows[:40]) if _DECISION_KEY in row), None)
    if top is None:
        raise InputError("工作表中没有表头“学号”", where=source, remedy="请把第一行写作：学号、意见、审核人、说明")
    header = rows[top]
    return [
        {"row": str(number), **{label: (row[n] if n < len(row) else "") for n, label in enumerate(header) if label}}
        for number, row in enumerate(rows[top + 1 :], top + 2)
        if any(row)
    ]


def _own_titles(cohort: Cohort, key: str) -> set[str]:
    """Return the titles of the worksheets that are not the students': answers, decisions in the same spreadsheet."""
    own = {ANSWERS_TITLE}
    decisions = cohort.review.decisions or ""
    if is_gsheet(decisions):
        decided, title = parse_source(decisions)
        own |= {title} if decided == key and title else set()
    return own


def _is_students(tab: Tab, own: set[str]) -> bool:
    return tab.kind == "GRID" and tab.title not in own and ANSWERS_MARK not in tab.protections


def _filled(snapshot: Snapshot, tab: Tab) -> bool:
    return any(any(cell != "" for cell in row) for row in snapshot.values.get(tab.id, []))


def _second_looks(client: SheetsClient, reader: SnapshotReader, snapshot: Snapshot) -> tuple[dict[int, Look], set[int]]:
    """Look again at the columns that need it; a worksheet that changed meanwhile is read again first, within bounds.

    Returns what was seen by worksheet id, and the ids that would not hold still.
    """
    found: dict[int, Look] = {}
    left = {tab.id for tab in snapshot.book.tabs if tab.id in snapshot.values}
    for attempt in range(_LOOKS):
        wanted = [
            wish for number in sorted(left) for wish in looks.wishes(snapshot.tab(number), snapshot.values[number])
        ]
        seen = looks.look(client, snapshot.book.key, wanted, snapshot.values) if wanted else {}
        found |= {number: look for number, look in seen.items() if look is not None}
        left = {number for number, look in seen.items() if look is None}
        if not left:
            return found, snapshot.restless
        if attempt < _LOOKS - 1:
            before = dict(snapshot.values)
            reader.again(left)  # which also reads again whatever else has changed by now
            left = {number for number, values in snapshot.values.items() if before.get(number) is not values}
            found = {number: look for number, look in found.items() if number not in left}
    return found, snapshot.restless | left


def _content(source: str, snapshot: Snapshot, found: dict[int, Look]) -> Content:
    """Return all that was read as JSON bytes: the same content gives the same bytes."""
    sheets = [
        {
            "sheetId": tab.id, "title": tab.title, "merges": tab.merges, "hiddenRows": tab.hidden_rows,
            "hiddenColumns": tab.hidden_columns, "values": snapshot.values.get(tab.id, []),
            "looks": [[row, column, text] for (row, column), text in sorted(_texts(found.get(tab.id)).items())],
        }
        for tab in snapshot.book.tabs
    ]  # fmt: skip
    book = {"source": source, "title": snapshot.book.title, "locale": snapshot.book.locale, "sheets": sheets}
    data = json.dumps(book, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return Content(source, data, hashlib.sha256(data).hexdigest())


def _texts(found: Look | None) -> dict[tuple[int, int], str]:
    return found.texts if found else {}


def _grid(source: str, tab: Tab, snapshot: Snapshot, found: Look | None) -> Grid:
    values: list[list[Any]] = snapshot.values[tab.id]
    rows, cells = texts(values)
    for (row, column), text in _texts(found).items():
        rows[row][column] = text
    cells = cells + (found.cells if found else [])
    width = max(map(len, rows), default=0)
    rows = [row + [""] * (width - len(row)) for row in rows]
    return Grid(source, tab.title, rows, cells=cells, merged=tab.merges, notes=_tab_notes(source, tab, len(rows)))


def _tab_notes(source: str, tab: Tab, rows: int) -> list[Note]:
    notes: list[Note] = []
    if tab.hidden:
        notes.append(
            Note("warning", source, tab.title, 0, "工作表被隐藏，仍然读取；若不是学生提交的数据，请移到别的表格")
        )
    hidden = [row for row in tab.hidden_rows if row <= rows]
    if hidden:
        notes.append(Note("warning", source, tab.title, hidden[0], f"有 {len(hidden)} 行被隐藏或筛选掉，仍然读取"))
    if tab.hidden_columns:
        notes.append(Note("info", source, tab.title, 0, f"有 {len(tab.hidden_columns)} 列被隐藏，仍然读取"))
    if tab.merges:
        top = min(merge[0] for merge in tab.merges) + 1
        what = f"有 {len(tab.merges)} 处合并单元格，只有左上角一格有内容；请取消合并"
        notes.append(Note("warning", source, tab.title, top, what))
    return notes


def _book_notes(source: str, snapshot: Snapshot, restless: set[int]) -> list[Note]:
    notes = [
        Note("info", source, tab.title, 0, "工作表是空的，未读取")
        for tab in snapshot.book.tabs
        if not _filled(snapshot, tab)
    ]
    for number in sorted(restless & {tab.id for tab in snapshot.book.tabs}):
        what = "读取期间一直有人在改：取的是最后一次读到的内容，请在没有人填写时再运行一次"
        notes.append(Note("warning", source, snapshot.tab(number).title, 0, what))
    return notes
