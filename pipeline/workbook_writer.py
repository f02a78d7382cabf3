"""Workbooks for printing on A4. Every cell is text and never a formula."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

MAX_CELL = 32_767
"""The most characters in a cell. Excel drops a longer text."""
PAGE_FOOTER = "&C第 &P 页 共 &N 页"
A4 = 9
_MAX_HEIGHT = 400  # points; Excel's rows are no higher than 409


@contextmanager
def new_workbook(target: Path | IO[bytes]) -> Generator[Workbook]:
    """Yield a new workbook. It uses no temporary file. Raises OSError if it cannot be written."""
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import FileCreateError

    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    try:
        with Workbook(str(target) if isinstance(target, Path) else target, options) as book:
            yield book
    except FileCreateError as error:
        raise error.args[0] from None


def write_row(sheet: Worksheet, row: int, cells: Sequence[str], style: Format) -> None:
    """Write one row of texts. A blank cell keeps its format."""
    for column, text in enumerate(cells):
        if text:
            sheet.write_string(row, column, text[:MAX_CELL], style)
        else:
            sheet.write_blank(row, column, None, style)


def text_width(text: str) -> int:
    """Return the width of a text in columns. A Chinese character takes two."""
    return len(text[:MAX_CELL].encode("gb18030", "replace"))


def row_height(cells: Sequence[str], widths: Sequence[int], line: int = 17, minimum: int = 0) -> int:
    """Return the height in points of a row of wrapped texts, because some programs cut it off otherwise."""
    lines = 1
    for text, width in zip(cells, widths, strict=True):
        if 4 * len(text) >= width or "\n" in text:  # else it fits on one line: no character takes more than 4
            lines = max(lines, sum(-(-text_width(part) // max(width - 1, 1)) or 1 for part in text.split("\n")))
    return min(max(line * lines, minimum), _MAX_HEIGHT)


Style = dict[str, Any]
"""Properties of a format, as xlsxwriter names them."""


@dataclass(frozen=True)
class PrintedList:
    """The layout of a printed list: column widths by heading, styles, heights (pt) of a line and of the lowest row."""

    columns: Mapping[str, int]
    font: Style
    head: Style
    cell: Style
    line: int = 17
    minimum: int = 0
    landscape: bool = True

    def book(self, name: str, titles: Sequence[tuple[str, Style, int | None]], rows: Iterable[Sequence[str]]) -> bytes:
        """Return a workbook with one sheet: titles (text, style, height), headings, wrapped texts, filters."""
        buffer, top, widths = BytesIO(), len(titles), list(self.columns.values())
        with new_workbook(buffer) as book:
            book.set_properties({"title": titles[0][0]})
            sheet = book.add_worksheet(name)
            sheet.hide_gridlines(2)
            for row, (text, properties, high) in enumerate(titles):
                style = book.add_format({**self.font, **properties})
                sheet.merge_range(row, 0, row, len(widths) - 1, "", style)
                sheet.write_string(row, 0, text, style)
                sheet.set_row(row, high)
            head, cell = (book.add_format({**self.font, **properties}) for properties in (self.head, self.cell))
            sheet.set_row(top, self.minimum or None)
            write_row(sheet, top, list(self.columns), head)
            last = top
            for last, cells in enumerate(rows, top + 1):
                sheet.set_row(last, row_height(cells, widths, self.line, self.minimum))
                write_row(sheet, last, cells, cell)
            for row, width in enumerate(widths):
                sheet.set_column(row, row, width)
            sheet.autofilter(top, 0, max(last, top + 1), len(widths) - 1)
            sheet.freeze_panes(top + 1, 0)
            fit_a4(sheet, top, landscape=self.landscape)
            sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})
        return buffer.getvalue()


def fit_a4(sheet: Worksheet, heading: int, *, landscape: bool = True) -> None:
    """Print the sheet one page wide on A4, with repeated heading and page numbers."""
    if landscape:
        sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(heading)
    sheet.set_footer(PAGE_FOOTER)
