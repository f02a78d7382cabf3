"""The chase list as a workbook: every student who is not done, every cell text, never a formula."""

from __future__ import annotations

import io

from pipeline.deliver.digest import Chase

_COLUMNS: tuple[tuple[str, int], ...] = (
    ("院系", 22), ("班级", 18), ("学号", 14), ("姓名", 12), ("状态", 14), ("由谁办", 10), ("要做什么", 60),
)  # fmt: skip
_LONGEST = 32_767  # characters Excel keeps in a cell; a longer text would be left out whole


def chase_workbook(rows: tuple[Chase, ...], title: str) -> bytes:
    """Return the xlsx of `rows`, with `title` above them; A4 landscape, header repeated, filters on."""
    from xlsxwriter import Workbook

    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = Workbook(buffer, options)
    sheet = book.add_worksheet("名单")
    head = book.add_format({"bold": True, "bg_color": "#1F4E85", "font_color": "#FFFFFF", "border": 1})
    cell = book.add_format({"text_wrap": True, "valign": "top", "border": 1, "border_color": "#E4E9F0"})
    sheet.write_string(0, 0, title, book.add_format({"bold": True, "font_size": 13}))
    for column, (name, width) in enumerate(_COLUMNS):
        sheet.set_column(column, column, width)
        sheet.write_string(2, column, name, head)
    for place, row in enumerate(rows, 3):
        for column, text in enumerate(_cells(row)):
            sheet.write_string(place, column, text[:_LONGEST], cell)
    last = max(3, len(rows) + 2)
    sheet.autofilter(2, 0, last, len(_COLUMNS) - 1)
    sheet.freeze_panes(3, 0)
    sheet.repeat_rows(2)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_footer("&C第 &P 页 共 &N 页")
    sheet.ignore_errors({"number_stored_as_text": f"A1:G{last + 1}"})
    book.close()
    return buffer.getvalue()


def _cells(row: Chase) -> tuple[str, ...]:
    return (row.college, row.class_name, row.student_number, row.name, row.state, row.waits_for, "；".join(row.reasons))
