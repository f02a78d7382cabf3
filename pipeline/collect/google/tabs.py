"""A spreadsheet's worksheets and their cells as text, read consistently while people edit them.

One call reads the metadata. The last call repeats the key column of each worksheet: a changed worksheet is read again,
within limits. One call reads a worksheet, so that sorting or inserting between calls cannot mix students' cells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from gspread.utils import absolute_range_name, rowcol_to_a1

from pipeline.collect.cell_text import text_rows
from pipeline.collect.collected import Cell
from pipeline.collect.google.http_client import RejectedRequestError, SheetsClient, Values
from pipeline.errors import InputError, RefusedError

ANSWERS_TITLE = "认证结果"
ANSWERS_MARK = "mingce：认证结果，由系统整页更新，请勿改动"
HEADER_MARK = "mingce：表头，请勿改动"

# rowMetadata under this mask is `{}` for a row that is not hidden: 3 bytes a row
_FIELDS = (
    "spreadsheetId,properties(title,locale),sheets(properties(sheetId,title,index,sheetType,hidden,"
    "gridProperties(rowCount,columnCount,frozenRowCount)),merges,protectedRanges(protectedRangeId,description,range,"
    "requestingUserCanEdit,warningOnly),"
    "conditionalFormats{hidden})"
)
_HIDDEN = ",data(rowMetadata(hiddenByUser,hiddenByFilter),columnMetadata(hiddenByUser,hiddenByFilter))"
_ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|ERROR!)")
_SURROGATES = re.compile("[\ud800-\udfff]")
# Text, numbers and booleans as stored, dates as displayed.
AS_STORED = {"valueRenderOption": "UNFORMATTED_VALUE", "dateTimeRenderOption": "FORMATTED_STRING"}
COMPACT = {"prettyPrint": "false"}  # Google indents its answers otherwise, one line a cell
_LARGEST_RANGES = 80  # per call, because ranges are part of the URL
_ANSWER_BYTES = 3_000_000  # bytes of one answer; Google advises about 2 MB a request, larger ones work and save calls
_CELL_BYTES = 23.6  # bytes of a cell in an answer, measured on full worksheets of 1,500 x 40; updated while reading
_SMALLEST, _LARGEST = 40_000, 1_000_000  # cells per call, whatever their estimated size
_ROUNDS = 5
_RENAMES = 4
_DATE_LIKE = re.compile(r"\d{1,4}[-/.年]\d{1,2}[-/.月]\d{1,4}.*")
_NEAR_BEST = 0.95  # a column this close to the most distinct one is as good a key; the shorter one is used


@dataclass(frozen=True)
class Tab:
    """One worksheet. `merges` are 0-based inclusive (top, left, bottom, right); hidden rows and columns are 1-based.

    `protections` are the descriptions of its protected ranges. `locked`: one of them excludes us.
    """

    id: int
    title: str
    rows: int
    columns: int
    kind: str
    hidden: bool
    merges: list[tuple[int, int, int, int]]
    hidden_rows: list[int]
    hidden_columns: list[int]
    protections: list[str]
    locked: bool
    formats: list[dict[str, Any]]

    @property
    def full_range(self) -> str:
        """The complete worksheet in A1 notation, independent of its size."""
        return absolute_range_name(self.title)

    def column_range(self, column: int) -> str:
        """Return the 0-based `column` in A1 notation."""
        letter = rowcol_to_a1(1, column + 1).rstrip("1")
        return absolute_range_name(self.title, f"{letter}1:{letter}")

    @property
    def first_row_range(self) -> str:
        """The first row in A1 notation."""
        return absolute_range_name(self.title, f"A1:{rowcol_to_a1(1, max(self.columns, 1))}")


@dataclass(frozen=True)
class Book:
    """A spreadsheet with its worksheets in order."""

    key: str
    title: str
    locale: str
    tabs: list[Tab]

    def answers(self) -> Tab | None:
        """Return the answers worksheet by title. A person's copy of it has the same mark, but another title."""
        return next((tab for tab in self.tabs if tab.title == ANSWERS_TITLE), None)


def refused_by_protection(client: SheetsClient, book: Book, tab: Tab) -> RefusedError:
    """Return the error for a write that Google rejects (400) because of another person's protection."""
    who = client.address or "授权的账号"
    return RefusedError(
        f"工作表 {tab.title} 有别人设的保护，写不进去",
        where=book.title,
        remedy=f"请表格的所有者在“数据 → 保护工作表和范围”中让 {who} 可以编辑，或删去这项保护，再运行一次",
    )


def read_book(client: SheetsClient, key: str, *, hidden: bool = False, formats: bool = False) -> Book:
    """Read the metadata in one call. `hidden` adds hidden rows and columns, `formats` conditional formats."""
    mask = _FIELDS.replace("{hidden}", _HIDDEN if hidden else "")
    mask = mask if formats else mask.replace(",conditionalFormats", "")
    answer = client.spreadsheets_get(key, params={"fields": mask})
    properties = answer.get("properties", {})
    tabs = [tab_of(sheet) for sheet in answer.get("sheets", [])]
    return Book(key, _readable(str(properties.get("title", ""))), str(properties.get("locale", "")), tabs)


def tab_of(sheet: dict[str, Any]) -> Tab:
    """Return a worksheet from Google's description of it."""
    properties = sheet.get("properties", {})
    grid = properties.get("gridProperties", {})
    rows, columns = int(grid.get("rowCount", 0)), int(grid.get("columnCount", 0))
    data = (sheet.get("data") or [{}])[0]
    protected = sheet.get("protectedRanges", [])
    return Tab(
        id=int(properties.get("sheetId", 0)),
        title=_readable(str(properties.get("title", ""))),
        rows=rows,
        columns=columns,
        kind=str(properties.get("sheetType", "GRID")),
        hidden=bool(properties.get("hidden")),
        merges=[
            (
                merge.get("startRowIndex", 0),
                merge.get("startColumnIndex", 0),
                merge.get("endRowIndex", rows) - 1,
                merge.get("endColumnIndex", columns) - 1,
            )
            for merge in sheet.get("merges", [])
        ],
        hidden_rows=_hidden(data.get("rowMetadata", [])),
        hidden_columns=_hidden(data.get("columnMetadata", [])),
        protections=[str(item.get("description", "")) for item in protected],
        locked=not all(item.get("requestingUserCanEdit") or item.get("warningOnly") for item in protected),
        formats=list(sheet.get("conditionalFormats", [])),
    )


def _hidden(items: Iterable[dict[str, Any]]) -> list[int]:
    return [number for number, item in enumerate(items, 1) if item.get("hiddenByUser") or item.get("hiddenByFilter")]


def _readable(text: str) -> str:
    return _SURROGATES.sub("\ufffd", text)


def texts_of(values: Values) -> tuple[list[list[str]], list[Cell]]:
    """Return rows of text, and the cells that were numbers, booleans or errors."""
    rows, cells = text_rows([["" if value is None else value for value in line] for line in values])
    cells += [
        Cell(row, column, "error", value)
        for row, line in enumerate(values)
        for column, value in enumerate(line)
        if isinstance(value, str) and _ERROR.fullmatch(value)
    ]
    return [[_readable(cell) for cell in row] for row in rows], cells


def key_column(values: Values) -> int:
    """Return the 0-based column with the most distinct values. Dates are no keys: the render option changes them."""
    candidates: list[tuple[int, int, int]] = []
    for column in range(max((len(row) for row in values), default=0)):
        filled = [str(cell) for cell in sheet_column(values, column) if cell != ""]
        if filled and not any(map(_DATE_LIKE.fullmatch, filled[1:200])):
            candidates.append((len(set(filled)), sum(map(len, filled)), column))
    best = max((distinct for distinct, _, _ in candidates), default=0)
    keys = ((length, column) for distinct, length, column in candidates if distinct >= _NEAR_BEST * best)
    return min(keys, default=(0, 0))[1]


def sheet_column(values: Values, column: int) -> list[Any]:
    """Return one column without its trailing blanks."""
    cells = [row[column] if column < len(row) else "" for row in values]
    while cells and cells[-1] == "":
        cells.pop()
    return cells


class Snapshot:
    """The worksheets of a spreadsheet that `wanted` accepts. Those that change meanwhile are read again.

    `values` are rows by worksheet id. `changing` are the ids of worksheets that changed in the last round, too.
    """

    def __init__(self, client: SheetsClient, key: str, wanted: Callable[[Tab], bool]) -> None:
        """Read them."""
        self.client = client
        self._wanted = wanted
        self.values: dict[int, Values] = {}
        self.changing: set[int] = set()
        self._cell_bytes = _CELL_BYTES
        self._fresh: set[int] = set()  # read in this round
        self.book = self._read_book(key)
        self.reread(set(self.tabs))

    @property
    def tabs(self) -> dict[int, Tab]:
        """The worksheets by id, in order."""
        return {tab.id: tab for tab in self.book.tabs}

    def reread(self, numbers: set[int]) -> None:
        """Read these worksheets, and any other that changed meanwhile."""
        for _ in range(_ROUNDS):
            numbers = self._round(numbers)
            if not numbers:
                break
        self.changing = numbers

    def _read_book(self, key: str) -> Book:
        book = read_book(self.client, key, hidden=True)
        tabs = [tab for tab in book.tabs if self._wanted(tab)]
        self.values = {tab.id: self.values[tab.id] for tab in tabs if tab.id in self.values}
        return replace(book, tabs=tabs)

    def _round(self, pending: set[int]) -> set[int]:
        self._fresh = set()
        for attempt in range(_RENAMES + 1):
            try:
                return self._read_tabs([tab for tab in self.book.tabs if tab.id in pending])
            except RejectedRequestError as error:  # a worksheet was renamed or removed: read the titles again, ids stay
                if attempt == _RENAMES:
                    raise InputError(error.what, remedy=error.remedy) from None
                known = set(self.tabs)
                self.book = self._read_book(self.book.key)
                pending = (pending - self._fresh) | (set(self.tabs) - known)
        raise AssertionError("the last attempt raises")

    def _read_tabs(self, pending: list[Tab]) -> set[int]:
        """Read these worksheets. Return the ids of all worksheets whose key column differs at the last call."""
        changed: set[int] = set()
        while pending:
            batch, pending = self._next_batch(pending)
            read = {tab.id for tab in batch}
            before = [] if pending else [tab for tab in self.book.tabs if tab.id in self.values]
            keys = {tab.id: key_column(self.values[tab.id]) for tab in before if tab.id not in read}
            wanted = [tab.full_range for tab in batch]
            wanted += [self.tabs[number].column_range(column) for number, column in keys.items()]
            answers = self._get(wanted[: 2 * _LARGEST_RANGES])
            if not keys:  # blanks cost nothing, long texts more
                cost = max(self.client.last_size / max(sum(tab.rows * tab.columns for tab in batch), 1), 0.1)
                if not self._cell_bytes * 0.9 <= cost <= self._cell_bytes * 1.1:
                    self._cell_bytes = cost
            for start in range(2 * _LARGEST_RANGES, len(wanted), _LARGEST_RANGES):
                answers += self._get(wanted[start : start + _LARGEST_RANGES])
            for (number, column), current in zip(keys.items(), answers[len(batch) :], strict=True):
                if sheet_column(self.values[number], column) != sheet_column(current, 0):
                    changed.add(number)
            self.values |= {tab.id: values for tab, values in zip(batch, answers, strict=False)}
            self._fresh |= read
        return changed

    def _next_batch(self, pending: list[Tab]) -> tuple[list[Tab], list[Tab]]:
        room = min(max(int(_ANSWER_BYTES / self._cell_bytes), _SMALLEST), _LARGEST)
        batch: list[Tab] = []
        for tab in pending:
            cells = tab.rows * tab.columns
            if not batch or (cells <= room and len(batch) < _LARGEST_RANGES):
                batch.append(tab)
                room -= cells
        return batch, [tab for tab in pending if tab not in batch]

    def _get(self, ranges: list[str]) -> list[Values]:
        return self.client.read_values(self.book.key, ranges, {**AS_STORED, **COMPACT})
