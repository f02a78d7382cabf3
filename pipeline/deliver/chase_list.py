"""The chase list as a workbook: every student who is not done, every cell text, never a formula."""

from __future__ import annotations

import io

from pipeline.view.chase import Chased
from pipeline.view.theme import theme

_COLUMNS: tuple[tuple[str, int], ...] = (
    ("院系", 20), ("班级", 20), ("学号", 14), ("姓名", 12), ("状态", 13), ("谁来做", 9), ("要做什么", 54),
)  # fmt: skip
_LONGEST = 32_767  # characters Excel keeps in a cell; a longer text would be left out whole
_FONT = {"font_name": "微软雅黑", "font_size": 10}
_LINE, _HIGHEST = 17, 400  # points; Excel's rows are no higher than 409


def chase_workbook(rows: tuple[Chased, ...], title: str) -> bytes:
    """Return the xlsx of `rows`, with `title` above them; A4 landscape, header repeated, filters on."""
    from xlsxwriter import Workbook

    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = Workbook(buffer, options)
    sheet = book.add_worksheet("名单")
    head = book.add_format({**_FONT, "bold": True, "bg_color": theme().ink["header"], "font_color": "#FFFFFF"})
    cell = book.add_format(
        {**_FONT, "text_wrap": True, "valign": "top", "bottom": 1, "bottom_color": theme().ink["line"]}
    )
    sheet.write_string(0, 0, title, book.add_format({**_FONT, "bold": True, "font_size": 13}))
    for column, (name, width) in enumerate(_COLUMNS):
        sheet.set_column(column, column, width)
        sheet.write_string(2, column, name, head)
    for place, row in enumerate(rows, 3):
        sheet.set_row(place, min(_LINE * _lines(_cells(row)), _HIGHEST))  # some programs leave a wrapped text cut off
        for column, text in enumerate(_cells(row)):
            sheet.write_string(place, column, text[:_LONGEST], cell)
    last = max(3, len(rows) + 2)
    sheet.autofilter(2, 0, last, len(_COLUMNS) - 1)
    sheet.freeze_panes(3, 0)
    sheet.repeat_rows(2)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.fit_to_pages(1, 0)
    sheet.set_footer("&C第 &P 页 共 &N 页")
    sheet.ignore_errors({"number_stored_as_text": f"A1:G{last + 1}"})
    book.close()
    return buffer.getvalue()


def _lines(cells: tuple[str, ...]) -> int:
    """Return the lines that the longest of a row's texts takes in its column, a Chinese character being two wide."""
    widths = [len(text.encode("gb18030", "replace")) for text in cells]
    return max(-(-width // (room - 1)) or 1 for width, (_, room) in zip(widths, _COLUMNS, strict=True))


def _cells(row: Chased) -> tuple[str, ...]:
    state, reasons = row.state, "；".join(row.reasons)
    return (row.college, row.class_name, row.student_number, row.name, state.word, state.who, reasons)
