"""The errata of one school as a workbook that the registrar prints, fills in and sends back."""

from __future__ import annotations

from datetime import date
from io import BytesIO
from typing import TYPE_CHECKING

from pipeline import fields
from pipeline.cohort import Cohort
from pipeline.cohort_sections import School
from pipeline.papers.errata import Erratum
from pipeline.view.remaining_work import month_day
from pipeline.workbook_writer import height, lay_page, text_book, write_row

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format

NAME = "学籍勘误汇总表"
_COLUMNS: dict[str, int] = {
    "序号": 5, "项目": 11, "学号": 13, "姓名": 9, "院系": 14, "班级": 14, "学籍库现值": 20, "学生提交": 20, "问题": 26,
    "需要的证明": 22, "自何时起": 12, "处理结果": 14,
}  # fmt: skip
_TOP = 3  # 0-based row of the headings
_FONT = {"font_name": "宋体", "font_size": 10, "valign": "vcenter"}


def errata_workbook(rows: list[Erratum], cohort: Cohort, school: School, as_of: date) -> bytes:
    """Return the workbook of one school."""
    buffer, widths = BytesIO(), list(_COLUMNS.values())
    with text_book(buffer) as book:
        book.set_properties({"title": f"{school.name}{cohort.name}{NAME}"})
        sheet = book.add_worksheet(NAME)
        sheet.hide_gridlines(2)
        for at, (text, look, high) in enumerate(_heads(book, rows, cohort, school, as_of)):
            sheet.merge_range(at, 0, at, len(widths) - 1, "", look)
            sheet.write_string(at, 0, text, look)
            sheet.set_row(at, high)
        head = book.add_format({**_FONT, "bold": True, "border": 1, "bg_color": "#ECECEC", "align": "center"})
        cell = book.add_format({**_FONT, "border": 1, "text_wrap": True, "num_format": "@"})
        write_row(sheet, _TOP, list(_COLUMNS), head)
        sheet.set_row(_TOP, 24)
        for at, row in enumerate(rows, 1):
            cells = _cells(at, row)
            sheet.set_row(_TOP + at, height(cells, widths, line=14, least=24))
            write_row(sheet, _TOP + at, cells, cell)
        lay_page(sheet, _TOP, len(rows), widths)
    return buffer.getvalue()


def _heads(
    book: Workbook, rows: list[Erratum], cohort: Cohort, school: School, as_of: date
) -> list[tuple[str, Format, int]]:
    """Return title, whom it is for, and what to do, each with its format and height."""
    office, people = cohort.office, len({row.student_number for row in rows})
    day = f"{as_of.year}年{as_of.month}月{as_of.day}日"
    asked = " ".join(filter(None, (office.name, office.contact, office.phone)))
    note = (
        "请照证明材料核对后更正学籍库；不更正的请在“处理结果”写明。学籍库更正并重新导出后，这一行自动消去。"
        f"含身份信息，请勿外传。联系：{asked}"
    )
    return [
        (
            f"{school.name}{cohort.name}{NAME}",
            book.add_format({**_FONT, "font_size": 18, "bold": True, "align": "center"}),
            34,
        ),
        (
            f"教务处：　　　　共 {len(rows)} 处，{people} 人　　　　{office.name}　{day}",
            book.add_format({**_FONT, "font_size": 11}),
            20,
        ),
        (note, book.add_format({**_FONT, "text_wrap": True}), 30),
    ]


def _cells(at: int, row: Erratum) -> list[str]:
    field = fields.label(row.field)
    told = f"\n{month_day(date.fromisoformat(row.reported))}已上报" if row.reported else ""
    return [
        str(at), field, row.student_number, row.name, row.college, row.class_name, row.held or "（空白）", row.given,
        row.message, row.proof, row.since + told, "",
    ]  # fmt: skip
