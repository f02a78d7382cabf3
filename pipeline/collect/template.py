"""The collection workbook: a sheet that students fill in and that reads back without a finding about reading."""

from __future__ import annotations

from pathlib import Path

from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from pipeline.cohort import Cohort
from pipeline.collect.form import (
    BELOW,
    EDGE,
    SHEET,
    FormColumn,
    add_validation,
    form_columns,
    style,
    write_head,
    write_lists,
)
from pipeline.collect.template_text import EXAMPLES
from pipeline.errors import UsageError
from pipeline.whole import appearing
from pipeline.workbook_writer import text_book

GUIDE = "填写说明"
_FIRST = BELOW + 1  # the example stands below the header
_LAST = 3000  # rows prepared with drop-downs
_NOTE = "带红色 * 的必填；灰色一行是示例，请从它下面一行开始填，一人一行；请不要改动列名。每一列怎样填，点格子看提示。"


def write_template(path: Path, cohort: Cohort | None = None) -> None:
    """Write the collection workbook to `path`, for Excel, WPS and LibreOffice; with a cohort it knows its colleges.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        with appearing(path) as draft, text_book(draft) as book:
            _write_book(book, cohort)
    except (OSError, FileCreateError):
        raise UsageError(
            "文件写不进去", where=str(path), remedy="请确认这个位置可以写入，文件没有在 Excel 中打开"
        ) from None


def _write_book(book: Workbook, cohort: Cohort | None) -> None:
    year = f"{cohort.name} " if cohort else ""
    book.set_properties({"title": f"{year}毕业生信息登记表"})
    columns = form_columns(cohort)
    sheet, guide = book.add_worksheet(SHEET), book.add_worksheet(GUIDE)
    ranges = write_lists(book, columns)
    write_head(book, sheet, columns, f"{year}毕业生信息登记表", _NOTE)
    _write_rows(book, sheet, columns)
    for column in columns:
        add_validation(sheet, column, ranges.get(column.field.name, ""), _FIRST, _LAST)
    _mark(book, sheet, columns)
    _protect(sheet)
    _write_guide(book, guide, columns)


def _write_rows(book: Workbook, sheet: Worksheet, columns: list[FormColumn]) -> None:
    """Write the example, and prepare the rows below it as text."""
    cell = style(book, num_format="@", locked=False, **EDGE)
    sample = style(book, italic=True, font_color="#8A94A0", bg_color="#F7F7F5", num_format="@", **EDGE)
    for column in columns:
        sheet.set_column(column.at, column.at, column.width, cell)
        sheet.write_string(BELOW, column.at, _example(column), sample)
    sheet.set_row(BELOW, 22)
    sheet.freeze_panes(_FIRST, [column.field.name for column in columns].index("name") + 1)
    sheet.print_area(0, 0, BELOW + 30, len(columns) - 1)
    sheet.set_default_row(20)


def _example(column: FormColumn) -> str:
    """Return the example of a field: one of its own answers where the cohort has some."""
    written = EXAMPLES.get(column.field.name, "").replace("{month}", column.month)
    return written if not column.options or written in column.options else column.options[0]


def _mark(book: Workbook, sheet: Worksheet, columns: list[FormColumn]) -> None:
    """Tint a required cell that is still blank in a row with a name."""
    name = next(column.letter for column in columns if column.field.name == "name")
    row = _FIRST + 1
    tint = book.add_format({"bg_color": "#FDECEA"})
    for column in columns:
        if column.field.required == "yes":
            criteria = f"=AND(LEN(${name}{row})>0,LEN({column.letter}{row})=0)"
            place = f"{column.letter}{row}:{column.letter}{_LAST + 1}"
            sheet.conditional_format(place, {"type": "formula", "criteria": criteria, "format": tint})


def _protect(sheet: Worksheet) -> None:
    """Protect title, header and example; rows may be filled, inserted, sorted and filtered."""
    allowed = ("format_cells", "format_columns", "format_rows", "insert_rows", "delete_rows", "sort", "autofilter")
    sheet.protect("", dict.fromkeys(allowed, True))


def _write_guide(book: Workbook, sheet: Worksheet, columns: list[FormColumn]) -> None:
    """Write the page of instructions: one line a field."""
    head = style(book, bold=True, font_color="#FFFFFF", bg_color="#1F4E79", **EDGE)
    text = style(book, text_wrap=True, indent=1, num_format="@", **EDGE)
    sheet.write_string(0, 0, "填写说明", style(book, bold=True, font_size=16))
    sheet.set_row(0, 34)
    sheet.hide_gridlines(2)
    for at, (title, width) in enumerate((("这一列", 18), ("要不要填", 12), ("怎样填", 62), ("例子", 26))):
        sheet.set_column(at, at, width)
        sheet.write_string(2, at, title, head)
    need = {"yes": "必填", "if": "按情况", "no": "选填"}
    for row, column in enumerate(columns, 3):
        sheet.set_row(row, 20)
        line = (f"【{column.field.label}】", need[column.field.required], column.hint, _example(column))
        for at, cell in enumerate(line):
            sheet.write_string(row, at, cell, text)
    sheet.freeze_panes(3, 0)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.protect()
