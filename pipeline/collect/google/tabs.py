"""A spreadsheet's worksheets (one metadata call), and their cells as text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gspread.utils import absolute_range_name, rowcol_to_a1

from pipeline.collect.cell_text import number_text
from pipeline.collect.collected import Cell
from pipeline.collect.google.http_client import SheetsClient, Values
from pipeline.errors import RefusedError

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
_HALVES = re.compile("[\ud800-\udfff]")


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
    def whole(self) -> str:
        """The whole worksheet in A1 notation, independent of its size."""
        return absolute_range_name(self.title)

    def columns_range(self, column: int) -> str:
        """Return the 0-based `column` in A1 notation."""
        letter = rowcol_to_a1(1, column + 1).rstrip("1")
        return absolute_range_name(self.title, f"{letter}1:{letter}")

    @property
    def first_row(self) -> str:
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
        """Return our answers worksheet by title. A copy has its mark too, but belongs to the person who made it."""
        return next((tab for tab in self.tabs if tab.title == ANSWERS_TITLE), None)


def refused_by_protection(client: SheetsClient, book: Book, tab: Tab) -> RefusedError:
    """Return the error for a write that another person's protection rejects (400)."""
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
    tabs = [_tab(sheet) for sheet in answer.get("sheets", [])]
    return Book(key, _readable(str(properties.get("title", ""))), str(properties.get("locale", "")), tabs)


def _tab(sheet: dict[str, Any]) -> Tab:
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
        merges=[_merge(merge, rows, columns) for merge in sheet.get("merges", [])],
        hidden_rows=_hidden(data.get("rowMetadata", [])),
        hidden_columns=_hidden(data.get("columnMetadata", [])),
        protections=[str(item.get("description", "")) for item in protected],
        locked=not all(item.get("requestingUserCanEdit") or item.get("warningOnly") for item in protected),
        formats=list(sheet.get("conditionalFormats", [])),
    )


def _merge(merge: dict[str, int], rows: int, columns: int) -> tuple[int, int, int, int]:
    top, left = merge.get("startRowIndex", 0), merge.get("startColumnIndex", 0)
    return top, left, merge.get("endRowIndex", rows) - 1, merge.get("endColumnIndex", columns) - 1


def _hidden(items: Iterable[dict[str, Any]]) -> list[int]:
    return [number for number, item in enumerate(items, 1) if item.get("hiddenByUser") or item.get("hiddenByFilter")]


def _readable(text: str) -> str:
    return _HALVES.sub("\ufffd", text)


def texts_of(values: Values) -> tuple[list[list[str]], list[Cell]]:
    """Return rows of text, and the cells that were numbers, booleans or errors."""
    cells: list[Cell] = []
    rows = [[_text(value, row, column, cells) for column, value in enumerate(line)] for row, line in enumerate(values)]
    return rows, cells


def _text(value: Any, row: int, column: int, cells: list[Cell]) -> str:  # noqa: ANN401  # what JSON holds
    if isinstance(value, str):
        if _ERROR.fullmatch(value):
            cells.append(Cell(row, column, "error", value))
        return _readable(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        cells.append(Cell(row, column, "boolean", str(value).upper()))
        return str(value).upper()
    cells.append(Cell(row, column, "number", repr(value)))
    return number_text(value)
