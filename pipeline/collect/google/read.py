"""Reads `gsheet:<key>` into worksheets (`Grid`).

Cells are read as stored, dates as displayed. Columns with ambiguous dates ("9/5/2016") are read again as serial
numbers, identifiers with missing digits again as displayed, because a format may show leading zeros.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline import fields
from pipeline.cohort import Cohort
from pipeline.collect.cell_text import OverlayFacts, overlay_notes
from pipeline.collect.collected import Cell, Grid, Input, Note, Reading
from pipeline.collect.google import tabs
from pipeline.collect.google.access import connect_google
from pipeline.collect.google.http_client import RejectedRequestError, RetryPolicy, SheetsClient, Values
from pipeline.collect.google.tabs import Snapshot, Tab
from pipeline.collect.inputs import Content, is_gsheet, parse_source, store_copy
from pipeline.errors import InputError

_MAX_REREADS = 3
_SERIAL = {"valueRenderOption": "UNFORMATTED_VALUE", "dateTimeRenderOption": "SERIAL_NUMBER", **tabs.COMPACT}
_FORMATTED = {"valueRenderOption": "FORMATTED_VALUE", **tabs.COMPACT}
_MONTHS = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
# a date that does not begin with its year
_FOREIGN = re.compile(
    rf"\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{2,4}}(?:\D.*)?|(?:\d{{1,2}}[ -])?{_MONTHS}[ -].*\d", re.IGNORECASE
)
_DAY_ZERO = datetime(1899, 12, 30)  # of Google's serial numbers
_AFTER_9999 = 2_958_466  # the first serial number that is not a date
_PADDED = ("exam_number", "student_number", "postcode")  # identifiers of one width that may begin with zeros


_Reread = dict[tuple[int, int], tuple[str, str]]
"""0-based (row, column) to a cell's text in another rendering, and the serial number of a date or ""."""


def read_sheet(source: str, cohort: Cohort, copies: Path | None, *, retry: RetryPolicy | None = None) -> Reading:
    """Read the worksheets of `source` (`gsheet:<key>`, one with `#title`), without answers and decisions.

    Raises:
        InputError: if there is no access, no such spreadsheet or worksheet, or no answer in time.
        ConfigurationError: if the source or the key file is wrong.
    """
    key, title = parse_source(source)
    client = connect_google(cohort, retry=retry)
    try:
        return _read(source, key, title, client, cohort, copies)
    except InputError as error:
        raise InputError(error.what, where=error.where or source, remedy=error.remedy) from None


def _read(source: str, key: str, title: str, client: SheetsClient, cohort: Cohort, copies: Path | None) -> Reading:
    decisions = cohort.review.decisions or ""
    decided = parse_source(decisions) if is_gsheet(decisions) else ("", "")
    output_titles = {tabs.ANSWERS_TITLE, decided[1]} if decided[0] == key and decided[1] else {tabs.ANSWERS_TITLE}

    def wanted(tab: Tab) -> bool:
        if title:
            return tab.title == title
        return tab.kind == "GRID" and tab.title not in output_titles and tabs.ANSWERS_MARK not in tab.protections

    snapshot = Snapshot(client, key, wanted)
    if title and not snapshot.book.tabs:
        raise InputError(f"表格中没有工作表 {title}", where=source, remedy="请核对工作表名称")
    reread, restless = _reread_columns(snapshot)
    content = _content(source, snapshot, reread)
    store_copy(content, copies)
    filled = [
        tab for tab in snapshot.book.tabs if any(cell != "" for row in snapshot.values.get(tab.id, []) for cell in row)
    ]
    grids = [_grid(source, tab, snapshot.values[tab.id], reread.get(tab.id, {})) for tab in filled]
    detail = f"Google 表格“{snapshot.book.title}”，{len(grids)} 个工作表；{client.calls}"
    notes = [Note("info", source, "", 0, detail)]
    blank = [tab.title for tab in snapshot.book.tabs if tab not in filled]
    notes += [Note("info", source, title, 0, "工作表是空的，未读取") for title in blank]
    moving = "读取期间一直有人在改：取的是最后一次读到的内容，请在没有人填写时再运行一次"
    changing = [snapshot.tabs[number].title for number in sorted(restless & set(snapshot.tabs))]
    notes += [Note("warning", source, title, 0, moving) for title in changing]
    return Reading(grids, notes, [Input(source, content.sha256, len(content.data), detail)])


def _reread_columns(snapshot: Snapshot) -> tuple[dict[int, _Reread], set[int]]:
    """Return the second readings by worksheet id, and the ids of worksheets that changed in every round."""
    results: dict[int, _Reread] = {}
    pending = set(snapshot.values) & set(snapshot.tabs)
    for attempt in range(_MAX_REREADS):
        readings = {number: _reread_tab(snapshot, snapshot.tabs[number]) for number in sorted(pending)}
        results |= {number: reading for number, reading in readings.items() if reading is not None}
        pending = {number for number, reading in readings.items() if reading is None}
        if not pending:
            break
        if attempt < _MAX_REREADS - 1:
            before = dict(snapshot.values)
            snapshot.reread(pending)  # also reads again other worksheets that changed
            pending = {number for number, values in snapshot.values.items() if before.get(number) is not values}
            results = {number: reading for number, reading in results.items() if number not in pending}
    return results, snapshot.changing | pending


def _reread_tab(snapshot: Snapshot, tab: Tab) -> _Reread | None:
    """Read the ambiguous columns of a worksheet in another rendering. None if the worksheet changed meanwhile."""
    values, cells_read = snapshot.values[tab.id], _Reread()
    width = max(map(len, values), default=0)
    columns = {column: tabs.sheet_column(values, column) for column in range(width)}
    key = tabs.key_column(values)
    for rendering, doubtful, convert in _RENDERINGS:
        chosen = [column for column, cells in columns.items() if doubtful(cells)]
        if not chosen:
            continue
        try:
            ranges = [tab.column_range(column) for column in (key, *chosen)]
            answer = snapshot.client.read_values(snapshot.book.key, ranges, {**rendering})
        except RejectedRequestError:
            return None
        now, *read = (tabs.sheet_column(rows, 0) for rows in answer)
        # only text is equal in both renderings
        texts = [(a, b) for a, b in zip(columns[key], now, strict=False) if isinstance(a, str) and isinstance(b, str)]
        if len(columns[key]) != len(now) or any(a != b for a, b in texts):
            return None
        for column, cells in zip(chosen, read, strict=True):
            for row, (old, new) in enumerate(zip(columns[column], cells, strict=False)):
                if text := convert(old, new):
                    cells_read[row, column] = text, repr(new) if isinstance(old, str) else ""
    return cells_read


def _hold_foreign_dates(cells: list[Any]) -> bool:
    return any(isinstance(cell, str) and _FOREIGN.fullmatch(cell) for cell in set(cells))


def _lack_zeros(cells: list[Any]) -> bool:
    labels = {label for name in _PADDED for label in fields.fields()[name].labels}
    if not any(isinstance(cell, str) and cell.strip(" *＊") in labels for cell in cells[:40]):
        return False
    digits = [str(cell) for cell in cells if str(cell).isdecimal()]
    usual = Counter(map(len, digits)).most_common(1)[0][0] if digits else 0
    usual = max(usual, 6)  # the shortest identifier with a fixed width is the postcode
    return any(type(cell) is int and len(str(cell)) < usual for cell in cells)


def _date_text(old: object, new: object) -> str:
    """Return the date and time of a serial number whose formatted value is a text, or ""."""
    if not (isinstance(old, str) and isinstance(new, int | float) and 1 <= new < _AFTER_9999):
        return ""
    moment = _DAY_ZERO + timedelta(seconds=round(new * 86400))
    midnight = moment.time().isoformat() == "00:00:00"
    return moment.strftime("%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M:%S")


def _padded_text(old: object, new: object) -> str:
    """Return the formatted value of a number if it only adds leading zeros, or ""."""
    return str(new) if type(old) is int and re.fullmatch(f"0+{old}", str(new)) else ""


_RENDERINGS = ((_SERIAL, _hold_foreign_dates, _date_text), (_FORMATTED, _lack_zeros, _padded_text))
"""Rendering of a second reading, which columns need it, and the conversion of (old, new) cell to text."""


def _content(source: str, snapshot: Snapshot, reread: dict[int, _Reread]) -> Content:
    """Return everything read as JSON bytes. Equal content gives equal bytes."""
    sheets = [
        {
            "sheetId": tab.id, "title": tab.title, "merges": tab.merges, "hiddenRows": tab.hidden_rows,
            "hiddenColumns": tab.hidden_columns, "values": snapshot.values.get(tab.id, []),
            "looks": [[*place, text] for place, (text, _) in sorted(reread.get(tab.id, {}).items())],
        }
        for tab in snapshot.book.tabs
    ]  # fmt: skip
    book = {"source": source, "title": snapshot.book.title, "locale": snapshot.book.locale, "sheets": sheets}
    data = json.dumps(book, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return Content(source, data, hashlib.sha256(data).hexdigest())


def _grid(source: str, tab: Tab, values: Values, reread: _Reread) -> Grid:
    rows, cells = tabs.texts_of(values)
    for (row, column), (text, serial) in reread.items():
        rows[row][column] = text
        if serial:
            cells.append(Cell(row, column, "date", serial))
    width = max(map(len, rows), default=0)
    rows = [row + [""] * (width - len(row)) for row in rows]
    hidden = [row - 1 for row in tab.hidden_rows if row <= len(rows)]
    facts = OverlayFacts(hidden_rows=hidden, hidden_columns=len(tab.hidden_columns))
    notes = overlay_notes(source, tab.title, cells, facts, hidden=tab.hidden)
    return Grid(source, tab.title, rows, cells, tab.merges, notes)
