"""Reads `gsheet:<key>` into worksheets (`Grid`), and a worksheet of decisions.

Cells are read as stored, dates as displayed. Columns with ambiguous dates ("9/5/2016") are read again as serial
numbers, identifiers with missing digits again as displayed, because a format may show leading zeros.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline import fields
from pipeline.cohort import Cohort
from pipeline.collect.collected import Cell, Grid, Input, Note, Reading
from pipeline.collect.google.access import connect_google
from pipeline.collect.google.http_client import Patience, RejectedRequestError, SheetsClient, Values
from pipeline.collect.google.tabs import (
    ANSWERS_MARK,
    ANSWERS_TITLE,
    COMPACT,
    LARGEST_RANGES,
    Snapshot,
    SnapshotReader,
    Tab,
    key_column,
    sheet_column,
    texts_of,
)
from pipeline.collect.inputs import Content, is_gsheet, keep_bytes, parse_source
from pipeline.errors import InputError

_LOOKS = 3
_DECISION_KEY = "学号"
_SERIAL = {"valueRenderOption": "UNFORMATTED_VALUE", "dateTimeRenderOption": "SERIAL_NUMBER", **COMPACT}
_SHOWN = {"valueRenderOption": "FORMATTED_VALUE", **COMPACT}
_MONTHS = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
# a date that does not begin with its year
_FOREIGN = re.compile(
    rf"\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{2,4}}(?:\D.*)?|(?:\d{{1,2}}[ -])?{_MONTHS}[ -].*\d", re.IGNORECASE
)
_DAY_ZERO = datetime(1899, 12, 30)  # of Google's serial numbers
_AFTER_9999 = 2_958_466  # the first serial number that is not a date
_PADDED = ("exam_number", "student_number", "postcode")  # identifiers of one width that may begin with zeros


@dataclass(frozen=True)
class _Wish:
    tab: Tab
    column: int
    dates: bool


@dataclass(frozen=True)
class _Reread:
    texts: dict[tuple[int, int], str] = field(default_factory=dict[tuple[int, int], str])
    cells: list[Cell] = field(default_factory=list[Cell])


def read_sheet(source: str, cohort: Cohort, keep: Path | None, *, patience: Patience | None = None) -> Reading:
    """Read the worksheets of `source` (`gsheet:<key>`, or one with `#title`), without our answers and the decisions.

    Raises:
        InputError: if there is no access, no such spreadsheet or worksheet, or no answer in time.
        ConfigurationError: if the source or the key file is wrong.
    """
    key, title = parse_source(source)
    client = connect_google(cohort, patience=patience)
    try:
        return _read(source, key, title, client, cohort, keep)
    except InputError as error:
        raise InputError(error.what, where=error.where or source, remedy=error.remedy) from None


def _read(source: str, key: str, title: str, client: SheetsClient, cohort: Cohort, keep: Path | None) -> Reading:
    decisions = cohort.review.decisions or ""
    decided = parse_source(decisions) if is_gsheet(decisions) else ("", "")
    own = {ANSWERS_TITLE, decided[1]} if decided[0] == key and decided[1] else {ANSWERS_TITLE}

    def wanted(tab: Tab) -> bool:
        if title:
            return tab.title == title
        return tab.kind == "GRID" and tab.title not in own and ANSWERS_MARK not in tab.protections

    reader = SnapshotReader(client, key, wanted)
    snapshot = reader.read()
    if title and not snapshot.book.tabs:
        raise InputError(f"表格中没有工作表 {title}", where=source, remedy="请核对工作表名称")
    reread, restless = _reread_columns(client, reader, snapshot)
    content = _content(source, snapshot, reread)
    keep_bytes(content, keep)
    filled = [
        tab for tab in snapshot.book.tabs if any(cell != "" for row in snapshot.values.get(tab.id, []) for cell in row)
    ]
    grids = [_grid(source, tab, snapshot.values[tab.id], reread.get(tab.id, _Reread())) for tab in filled]
    detail = f"Google 表格“{snapshot.book.title}”，{len(grids)} 个工作表；{client.calls}"
    notes = [Note("info", source, "", 0, detail)]
    blank = [tab.title for tab in snapshot.book.tabs if tab not in filled]
    notes += [Note("info", source, each, 0, "工作表是空的，未读取") for each in blank]
    moving = "读取期间一直有人在改：取的是最后一次读到的内容，请在没有人填写时再运行一次"
    changing = [snapshot.tabs[number].title for number in sorted(restless & set(snapshot.tabs))]
    notes += [Note("warning", source, each, 0, moving) for each in changing]
    return Reading(grids, notes, [Input(source, content.sha256, len(content.data), detail)])


def read_decisions_sheet(source: str, cohort: Cohort, *, patience: Patience | None = None) -> list[dict[str, str]]:
    """Return a decisions worksheet's rows by header, with `row` (1-based); `InputError` if it has no header 学号."""
    key, title = parse_source(source)
    client = connect_google(cohort, patience=patience)
    snapshot = SnapshotReader(client, key, lambda tab: tab.title == title if title else tab.kind == "GRID").read()
    if not snapshot.book.tabs:
        raise InputError(f"表格中没有工作表 {title}", where=source, remedy="请核对工作表名称，或新建这个工作表")
    rows, _ = texts_of(snapshot.values.get(snapshot.book.tabs[0].id, []))
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


def _reread_columns(
    client: SheetsClient, reader: SnapshotReader, snapshot: Snapshot
) -> tuple[dict[int, _Reread], set[int]]:
    """Return the second readings by worksheet id, and the ids that kept changing while they were read."""
    found: dict[int, _Reread] = {}
    left = set(snapshot.values) & set(snapshot.tabs)
    for attempt in range(_LOOKS):
        wanted = [wish for number in sorted(left) for wish in _wishes(snapshot.tabs[number], snapshot.values[number])]
        seen = _columns(client, snapshot, wanted)
        found |= {number: one for number, one in seen.items() if one is not None}
        left = {number for number, one in seen.items() if one is None}
        if not left:
            break
        if attempt < _LOOKS - 1:
            before = dict(snapshot.values)
            reader.again(left)  # also reads again other worksheets that changed
            left = {number for number, values in snapshot.values.items() if before.get(number) is not values}
            found = {number: one for number, one in found.items() if number not in left}
    return found, snapshot.restless | left


def _wishes(tab: Tab, values: Values) -> list[_Wish]:
    labels = {label: field.name for field in fields.fields().values() for label in field.labels}
    made: list[_Wish] = []
    for column in range(max((len(row) for row in values), default=0)):
        cells = [cell for cell in sheet_column(values, column) if cell != ""]
        if any(isinstance(cell, str) and _FOREIGN.fullmatch(cell) for cell in set(cells)):
            made.append(_Wish(tab, column, dates=True))
        named = {labels.get(str(cell).strip(" *＊")) for cell in cells[:40] if isinstance(cell, str)}
        if named & set(_PADDED) and _zeros_lost(cells):
            made.append(_Wish(tab, column, dates=False))
    return made


def _zeros_lost(cells: list[Any]) -> bool:
    digits = [str(cell) for cell in cells if str(cell).isdecimal()]
    if not digits:
        return False
    usual = Counter(map(len, digits)).most_common(1)[0][0]
    usual = max(usual, 6)  # the shortest identifier with a fixed width is the postcode
    return any(type(cell) is int and len(str(cell)) < usual for cell in cells)


def _columns(client: SheetsClient, snapshot: Snapshot, wanted: list[_Wish]) -> dict[int, _Reread | None]:
    """Read these columns, each with its worksheet's key column. None: the worksheet changed meanwhile."""
    seen: dict[int, _Reread | None] = {}
    own = {wish.tab.id: key_column(snapshot.values[wish.tab.id]) for wish in wanted}
    for dates in (True, False):
        some = [wish for wish in wanted if wish.dates is dates]
        for start in range(0, len(some), LARGEST_RANGES // 2):
            now = some[start : start + LARGEST_RANGES // 2]
            ranges = [wish.tab.columns_range(column) for wish in now for column in (own[wish.tab.id], wish.column)]
            try:
                read = client.read_values(snapshot.book.key, ranges, {**(_SERIAL if dates else _SHOWN)})
            except RejectedRequestError:
                seen |= {wish.tab.id: None for wish in now}
                continue
            columns = [sheet_column(rows, 0) for rows in read]
            for wish, key, column in zip(now, columns[::2], columns[1::2], strict=True):
                before = snapshot.values[wish.tab.id]
                one = seen.setdefault(wish.tab.id, _Reread())
                known = sheet_column(before, own[wish.tab.id])
                texts = [(a, b) for a, b in zip(known, key, strict=False) if isinstance(a, str) and isinstance(b, str)]
                if len(known) != len(key) or any(a != b for a, b in texts):  # only text is equal in both renderings
                    seen[wish.tab.id] = None
                elif one is not None:
                    _take(one, wish, sheet_column(before, wish.column), column)
    return seen


def _take(found: _Reread, wish: _Wish, before: list[Any], now: list[Any]) -> None:
    for row, (old, new) in enumerate(zip(before, now, strict=False)):
        if wish.dates and isinstance(old, str) and isinstance(new, int | float) and 1 <= new < _AFTER_9999:
            moment = _DAY_ZERO + timedelta(seconds=round(new * 86400))
            midnight = moment.time().isoformat() == "00:00:00"
            found.texts[row, wish.column] = moment.strftime("%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M:%S")
            found.cells.append(Cell(row, wish.column, "date", repr(new)))
        elif not wish.dates and type(old) is int and re.fullmatch(f"0+{old}", str(new)):
            found.texts[row, wish.column] = str(new)


def _content(source: str, snapshot: Snapshot, reread: dict[int, _Reread]) -> Content:
    """Return all that was read as JSON bytes. Equal content gives equal bytes."""
    sheets = [
        {
            "sheetId": tab.id, "title": tab.title, "merges": tab.merges, "hiddenRows": tab.hidden_rows,
            "hiddenColumns": tab.hidden_columns, "values": snapshot.values.get(tab.id, []),
            "looks": [[*place, text] for place, text in sorted(reread.get(tab.id, _Reread()).texts.items())],
        }
        for tab in snapshot.book.tabs
    ]  # fmt: skip
    book = {"source": source, "title": snapshot.book.title, "locale": snapshot.book.locale, "sheets": sheets}
    data = json.dumps(book, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return Content(source, data, hashlib.sha256(data).hexdigest())


def _grid(source: str, tab: Tab, values: Values, reread: _Reread) -> Grid:
    rows, cells = texts_of(values)
    for (row, column), text in reread.texts.items():
        rows[row][column] = text
    width = max(map(len, rows), default=0)
    rows = [row + [""] * (width - len(row)) for row in rows]
    notes = _tab_notes(source, tab, len(rows))
    return Grid(source, tab.title, rows, cells=cells + reread.cells, merged=tab.merges, notes=notes)


def _tab_notes(source: str, tab: Tab, rows: int) -> list[Note]:
    notes: list[Note] = []
    if tab.hidden:
        what = "工作表被隐藏，仍然读取；若不是学生提交的数据，请移到别的表格"
        notes.append(Note("warning", source, tab.title, 0, what))
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
