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

_LOOKS = 3
_SERIAL = {"valueRenderOption": "UNFORMATTED_VALUE", "dateTimeRenderOption": "SERIAL_NUMBER", **tabs.COMPACT}
_SHOWN = {"valueRenderOption": "FORMATTED_VALUE", **tabs.COMPACT}
_MONTHS = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
# a date that does not begin with its year
_FOREIGN = re.compile(
    rf"\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{2,4}}(?:\D.*)?|(?:\d{{1,2}}[ -])?{_MONTHS}[ -].*\d", re.IGNORECASE
)
_DAY_ZERO = datetime(1899, 12, 30)  # of Google's serial numbers
_AFTER_9999 = 2_958_466  # the first serial number that is not a date
_PADDED = ("exam_number", "student_number", "postcode")  # identifiers of one width that may begin with zeros


_Reread = dict[tuple[int, int], tuple[str, str]]
"""By 0-based row and column a cell's text in another rendering, and the serial number of a date or ""."""


def read_sheet(source: str, cohort: Cohort, keep: Path | None, *, patience: RetryPolicy | None = None) -> Reading:
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
    own = {tabs.ANSWERS_TITLE, decided[1]} if decided[0] == key and decided[1] else {tabs.ANSWERS_TITLE}

    def wanted(tab: Tab) -> bool:
        if title:
            return tab.title == title
        return tab.kind == "GRID" and tab.title not in own and tabs.ANSWERS_MARK not in tab.protections

    snapshot = Snapshot(client, key, wanted)
    if title and not snapshot.book.tabs:
        raise InputError(f"表格中没有工作表 {title}", where=source, remedy="请核对工作表名称")
    reread, restless = _reread_columns(snapshot)
    content = _content(source, snapshot, reread)
    store_copy(content, keep)
    filled = [
        tab for tab in snapshot.book.tabs if any(cell != "" for row in snapshot.values.get(tab.id, []) for cell in row)
    ]
    grids = [_grid(source, tab, snapshot.values[tab.id], reread.get(tab.id, {})) for tab in filled]
    detail = f"Google 表格“{snapshot.book.title}”，{len(grids)} 个工作表；{client.calls}"
    notes = [Note("info", source, "", 0, detail)]
    blank = [tab.title for tab in snapshot.book.tabs if tab not in filled]
    notes += [Note("info", source, each, 0, "工作表是空的，未读取") for each in blank]
    moving = "读取期间一直有人在改：取的是最后一次读到的内容，请在没有人填写时再运行一次"
    changing = [snapshot.tabs[number].title for number in sorted(restless & set(snapshot.tabs))]
    notes += [Note("warning", source, each, 0, moving) for each in changing]
    return Reading(grids, notes, [Input(source, content.sha256, len(content.data), detail)])


def _reread_columns(snapshot: Snapshot) -> tuple[dict[int, _Reread], set[int]]:
    """Return the second readings by worksheet id, and the ids that kept changing while they were read."""
    found: dict[int, _Reread] = {}
    left = set(snapshot.values) & set(snapshot.tabs)
    for attempt in range(_LOOKS):
        seen = {number: _look_again(snapshot, snapshot.tabs[number]) for number in sorted(left)}
        found |= {number: one for number, one in seen.items() if one is not None}
        left = {number for number, one in seen.items() if one is None}
        if not left:
            break
        if attempt < _LOOKS - 1:
            before = dict(snapshot.values)
            snapshot.again(left)  # also reads again other worksheets that changed
            left = {number for number, values in snapshot.values.items() if before.get(number) is not values}
            found = {number: one for number, one in found.items() if number not in left}
    return found, snapshot.restless | left


def _look_again(snapshot: Snapshot, tab: Tab) -> _Reread | None:
    """Read the doubtful columns of a worksheet in another rendering. None: the worksheet changed meanwhile."""
    values, found = snapshot.values[tab.id], _Reread()
    columns = {at: tabs.sheet_column(values, at) for at in range(max((len(row) for row in values), default=0))}
    key = tabs.key_column(values)
    for rendering, doubtful, take in ((_SERIAL, _are_foreign, _date_of), (_SHOWN, _zeros_lost, _padded)):
        asked = [at for at, cells in columns.items() if doubtful(cells)]
        if not asked:
            continue
        try:
            ranges = [tab.columns_range(at) for at in (key, *asked)]
            answer = snapshot.client.read_values(snapshot.book.key, ranges, {**rendering})
        except RejectedRequestError:
            return None
        now, *read = (tabs.sheet_column(rows, 0) for rows in answer)
        # only text is equal in both renderings
        texts = [(a, b) for a, b in zip(columns[key], now, strict=False) if isinstance(a, str) and isinstance(b, str)]
        if len(columns[key]) != len(now) or any(a != b for a, b in texts):
            return None
        for at, cells in zip(asked, read, strict=True):
            for row, (old, new) in enumerate(zip(columns[at], cells, strict=False)):
                if text := take(old, new):
                    found[row, at] = text, repr(new) if isinstance(old, str) else ""
    return found


def _are_foreign(cells: list[Any]) -> bool:
    return any(isinstance(cell, str) and _FOREIGN.fullmatch(cell) for cell in set(cells))


def _zeros_lost(cells: list[Any]) -> bool:
    labels = {label for name in _PADDED for label in fields.fields()[name].labels}
    if not any(isinstance(cell, str) and cell.strip(" *＊") in labels for cell in cells[:40]):
        return False
    digits = [str(cell) for cell in cells if str(cell).isdecimal()]
    usual = Counter(map(len, digits)).most_common(1)[0][0] if digits else 0
    usual = max(usual, 6)  # the shortest identifier with a fixed width is the postcode
    return any(type(cell) is int and len(str(cell)) < usual for cell in cells)


def _date_of(old: object, new: object) -> str:
    """Return the moment of a serial number that is shown as a text, or ""."""
    if not (isinstance(old, str) and isinstance(new, int | float) and 1 <= new < _AFTER_9999):
        return ""
    moment = _DAY_ZERO + timedelta(seconds=round(new * 86400))
    midnight = moment.time().isoformat() == "00:00:00"
    return moment.strftime("%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M:%S")


def _padded(old: object, new: object) -> str:
    """Return a number as it is shown with leading zeros, or ""."""
    return str(new) if type(old) is int and re.fullmatch(f"0+{old}", str(new)) else ""


def _content(source: str, snapshot: Snapshot, reread: dict[int, _Reread]) -> Content:
    """Return all that was read as JSON bytes. Equal content gives equal bytes."""
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
