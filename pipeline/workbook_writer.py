"""Workbooks for printing on A4. Every cell is text and never a formula."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

LONGEST = 32_767
"""Characters that Excel keeps in a cell; a longer text would be left out whole."""
PAGES = "&C第 &P 页 共 &N 页"
A4 = 9
_HIGHEST = 400  # points; Excel's rows are no higher than 409


def text_book(target: Path | IO[bytes]) -> Workbook:
    """Return a new workbook for a `with` block. It uses no temporary file."""
    from xlsxwriter import Workbook

    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    return Workbook(str(target) if isinstance(target, Path) else target, options)


def write_row(sheet: Worksheet, row: int, cells: Sequence[str], look: Format) -> None:
    """Write one row of texts. A blank cell keeps its format."""
    for at, text in enumerate(cells):
        if text:
            sheet.write_string(row, at, text[:LONGEST], look)
        else:
            sheet.write_blank(row, at, None, look)


def room(text: str) -> int:
    """Return the width of a text in columns. A Chinese character takes two."""
    return len(text[:LONGEST].encode("gb18030", "replace"))


def height(cells: Sequence[str], widths: Sequence[int], line: int = 17, least: int = 0) -> int:
    """Return the height in points of a row of wrapped texts, because some programs cut it off otherwise."""
    lines = 1
    for text, width in zip(cells, widths, strict=True):
        if 4 * len(text) >= width or "\n" in text:  # else it fits on one line: no character takes more than 4
            lines = max(lines, sum(-(-room(part) // max(width - 1, 1)) or 1 for part in text.split("\n")))
    return min(max(line * lines, least), _HIGHEST)


Look = dict[str, Any]
"""Properties of a format, as xlsxwriter names them."""


@dataclass(frozen=True)
class PrintedList:
    """How a printed list looks: the width of each column by its heading, and the points of a line and a low row."""

    columns: Mapping[str, int]
    font: Look
    head: Look
    cell: Look
    line: int = 17
    least: int = 0
    landscape: bool = True

    def book(self, name: str, titles: Sequence[tuple[str, Look, int | None]], rows: Iterable[Sequence[str]]) -> bytes:
        """Return a workbook with one sheet: lines of text (with look and height), headings, wrapped texts; filters."""
        buffer, top, widths = BytesIO(), len(titles), list(self.columns.values())
        with text_book(buffer) as book:
            book.set_properties({"title": titles[0][0]})
            sheet = book.add_worksheet(name)
            sheet.hide_gridlines(2)
            for at, (text, own, high) in enumerate(titles):
                look = book.add_format({**self.font, **own})
                sheet.merge_range(at, 0, at, len(widths) - 1, "", look)
                sheet.write_string(at, 0, text, look)
                sheet.set_row(at, high)
            head, cell = (book.add_format({**self.font, **own}) for own in (self.head, self.cell))
            sheet.set_row(top, self.least or None)
            write_row(sheet, top, list(self.columns), head)
            last = top
            for last, cells in enumerate(rows, top + 1):
                sheet.set_row(last, height(cells, widths, self.line, self.least))
                write_row(sheet, last, cells, cell)
            for at, width in enumerate(widths):
                sheet.set_column(at, at, width)
            sheet.autofilter(top, 0, max(last, top + 1), len(widths) - 1)
            sheet.freeze_panes(top + 1, 0)
            on_a4(sheet, top, landscape=self.landscape)
            sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})
        return buffer.getvalue()


def on_a4(sheet: Worksheet, heading: int, *, landscape: bool = True) -> None:
    """Print the sheet one page wide on A4, with repeated heading and page numbers."""
    if landscape:
        sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(heading)
    sheet.set_footer(PAGES)
