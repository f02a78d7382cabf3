"""核对结果: the answers of a class to be posted, where there is no shared sheet: last digits, state, what to do."""

from __future__ import annotations

from collections import Counter
from io import BytesIO
from typing import TYPE_CHECKING

from pipeline.papers.class_roster import NO_CLASS, Students
from pipeline.tables import Frame
from pipeline.view.answers import ADVICE, NUMBER, STATE
from pipeline.workbook_writer import height, on_a4, text_book, write_row

NAME = "核对结果"
if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

_COLUMNS = {"学号后几位": 14, "状态": 16, "要做什么": 74}
_LEAST = 4
_TOP = 2  # 0-based row of the headings
_FONT = {"font_name": "宋体", "font_size": 11}
_DONE = "不用再做什么"


def endings(numbers: list[str]) -> list[str]:
    """Return the last four digits of each number, more of those that would be alike."""
    length = [_LEAST] * len(numbers)
    while True:
        ends = [number[-many:] for number, many in zip(numbers, length, strict=True)]
        alike = Counter(ends)
        each = zip(length, ends, numbers, strict=True)
        longer = [many + (alike[end] > 1 and many < len(number)) for many, end, number in each]
        if longer == length:
            return ends
        length = longer


def result_rows(answers: Frame) -> list[tuple[str, str, str]]:
    """Return the rows of a class, sorted by what is shown of the numbers.

    Args:
        answers: `answer_rows` of the class.
    """
    ends = endings(list(answers[NUMBER].astype(str)))
    told = zip(ends, answers[STATE].astype(str), answers[ADVICE].astype(str), strict=True)
    return sorted((end, state, advice or _DONE) for end, state, advice in told)


def results_workbook(students: Students, answers: Frame, cohort: str, ask: str) -> bytes:
    """Return the workbook of one class: no name, no value of the registry.

    Args:
        students: of the class.
        answers: `answer_rows` of the class.
        cohort: its name, such as 2017届.
        ask: whom to ask.
    """
    buffer, widths = BytesIO(), list(_COLUMNS.values())
    with text_book(buffer) as book:
        sheet = book.add_worksheet(NAME)
        _write_heads(book, sheet, students, cohort, ask)
        cell = book.add_format({**_FONT, "border": 1, "text_wrap": True, "valign": "vcenter", "num_format": "@"})
        for at, row in enumerate(result_rows(answers), _TOP + 1):
            sheet.set_row(at, height(row, widths, line=16, least=20))
            write_row(sheet, at, row, cell)
        for at, width in enumerate(widths):
            sheet.set_column(at, at, width)
        sheet.freeze_panes(_TOP + 1, 0)
        on_a4(sheet, _TOP, landscape=False)
        sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})
    return buffer.getvalue()


def _write_heads(book: Workbook, sheet: Worksheet, students: Students, cohort: str, ask: str) -> None:
    """Write the title, the note and the headings."""
    title = book.add_format({**_FONT, "bold": True, "font_size": 16, "align": "center", "valign": "vcenter"})
    note = book.add_format({**_FONT, "font_size": 10, "text_wrap": True, "valign": "vcenter"})
    head = book.add_format({**_FONT, "bold": True, "border": 1, "bg_color": "#ECECEC", "align": "center"})
    lines = ((_title(students, cohort), title, 32), (_note(students, ask), note, 34))
    for row, (text, look, high) in enumerate(lines):
        sheet.merge_range(row, 0, row, len(_COLUMNS) - 1, "", look)
        sheet.write_string(row, 0, text, look)
        sheet.set_row(row, high)
    write_row(sheet, _TOP, list(_COLUMNS), head)
    sheet.hide_gridlines(2)


def _title(students: Students, cohort: str) -> str:
    return f"{cohort}毕业生信息{NAME}　{students.class_name or NO_CLASS}"


def _note(students: Students, ask: str) -> str:
    counted = "，".join(f"{word} {number} 人" for word, number in students.counts.items())
    day = students.run.as_of
    return f"数据截至 {day.year}年{day.month}月{day.day}日：{counted}。按学号后几位找到自己的一行；{ask}。"
