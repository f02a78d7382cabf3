"""The chase list as a workbook: every student who is not done."""

from __future__ import annotations

import io

from pipeline.states import theme
from pipeline.view.people import Chased
from pipeline.workbook_writer import height, lay_page, text_book, write_row

_COLUMNS: dict[str, int] = {"院系": 20, "班级": 20, "学号": 14, "姓名": 12, "状态": 13, "谁来做": 9, "要做什么": 54}
_FONT = {"font_name": "微软雅黑", "font_size": 10}


def chase_workbook(rows: tuple[Chased, ...], title: str) -> bytes:
    """Return the xlsx of `rows`, with `title` above them; A4 landscape, header repeated, filters on."""
    buffer, widths = io.BytesIO(), list(_COLUMNS.values())
    with text_book(buffer) as book:
        sheet = book.add_worksheet("名单")
        head = book.add_format({**_FONT, "bold": True, "bg_color": theme().ink["header"], "font_color": "#FFFFFF"})
        cell = book.add_format(
            {**_FONT, "text_wrap": True, "valign": "top", "bottom": 1, "bottom_color": theme().ink["line"]}
        )
        sheet.write_string(0, 0, title, book.add_format({**_FONT, "bold": True, "font_size": 13}))
        write_row(sheet, 2, list(_COLUMNS), head)
        for place, row in enumerate(map(_cells, rows), 3):
            sheet.set_row(place, height(row, widths))
            write_row(sheet, place, row, cell)
        lay_page(sheet, 2, len(rows), widths)
    return buffer.getvalue()


def _cells(row: Chased) -> tuple[str, ...]:
    state, reasons = row.state, "；".join(row.reasons)
    return (row.college, row.class_name, row.student_number, row.name, state.word, state.who, reasons)
