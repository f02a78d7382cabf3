"""The headcount as a workbook that prints on A4: the same lines and digest as page and PDF, text never a formula."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import segno
import xlsxwriter

from pipeline.render.headcount import COLUMNS, SIGNATURES, Headcount

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

_HEADINGS = ("学历", "专业", *COLUMNS.values(), "一致", "备注")
_TOP = 3  # 0-based row of the headings
_FONT = "宋体"
_MAJOR_WIDTH = 30  # characters, a Chinese one being two wide
_HIGHEST = 400  # points; Excel's rows are no higher than 409


def write_headcount_xlsx(path: Path, headcount: Headcount) -> None:
    """Write the workbook: one sheet 人数统计, without places to sign and without a code while it may not be signed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"title": headcount.title, "author": ""})
        _headcount_sheet(book, headcount)


class _Looks:
    """The formats of the workbook."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        def look(**more: object) -> Format:
            return book.add_format({"font_name": _FONT, "font_size": 11, "valign": "vcenter", **more})

        self.title = look(font_size=18, align="center", bold=True)
        self.plain = look()
        self.right = look(align="right")
        self.head = look(border=1, align="center", bg_color="#ECECEC", text_wrap=True, bold=True)
        self.text = look(border=1, indent=1, text_wrap=True, num_format="@")
        self.number = look(border=1, align="center")
        self.open = look(border=1, locked=False, text_wrap=True)
        self.sum_text = look(border=1, bold=True, align="center", bg_color="#F6F6F6")
        self.sum_number = look(border=1, bold=True, align="center", bg_color="#F6F6F6")
        self.note = look(text_wrap=True, valign="top", font_size=10)
        self.warning = look(text_wrap=True, bold=True, border=1, indent=1, font_size=10)
        self.code = look(valign="top", font_size=10)
        self.sign = look(align="right", valign="bottom")
        self.line = look(bottom=1, locked=False)


def _headcount_sheet(book: xlsxwriter.Workbook, headcount: Headcount) -> None:
    looks, last = _Looks(book), len(_HEADINGS) - 1
    sheet = book.add_worksheet("人数统计")
    day = headcount.as_of
    sheet.merge_range(0, 0, 0, last, "", looks.title)
    sheet.write_string(0, 0, headcount.title, looks.title)
    sheet.set_row(0, 30)
    sheet.write_string(1, 0, f"院系（公章）：{headcount.college}", looks.plain)
    sheet.write_string(1, last, f"统计日期：{day.year}年{day.month}月{day.day}日　单位：人", looks.right)
    sheet.set_row(_TOP, 24)
    for at, heading in enumerate(_HEADINGS):
        sheet.write_string(_TOP, at, heading, looks.head)
    for row, line in enumerate(headcount.lines, _TOP + 1):
        plain = line.kind == "major"
        text, number = (looks.text, looks.number) if plain else (looks.sum_text, looks.sum_number)
        sheet.set_row(row, _height(line.major))
        sheet.write_string(row, 0, line.level if plain else "", text)
        sheet.write_string(row, 1, line.major, text)
        for at, value in enumerate(line.numbers, 2):
            sheet.write_number(row, at, value, number)
        sheet.write_string(row, last - 1, "是" if line.equal else "否", number)
        sheet.write_string(row, last, "", looks.open)
    end = _signature_block(sheet, looks, headcount, _TOP + 1 + len(headcount.lines), last)
    _page_setup(sheet, headcount, end, last)


def _height(major: str) -> int:
    """Return the height of a row in points: a major's name that takes several lines is cut off in a row for one."""
    lines = -(-len(major.encode("gb18030", "replace")) // (_MAJOR_WIDTH - 3)) or 1
    return min(5 + 15 * lines, _HIGHEST)


def _signature_block(sheet: Worksheet, looks: _Looks, headcount: Headcount, row: int, last: int) -> int:
    """Write notes, attestation, the places to sign and, below them, the code; return the last row."""
    for at, text in enumerate((headcount.note, headcount.attestation), row + 1):
        look = looks.warning if text == headcount.attestation and not headcount.ready else looks.note
        sheet.merge_range(at, 0, at, last, "", look)
        sheet.write_string(at, 0, text, look)
        sheet.set_row(at, 30 if len(text) > 60 else 18)
    if not headcount.ready:
        return row + 2
    place = row + 3
    starts = (0, 3, 7, 11)
    for start, name in zip(starts, SIGNATURES, strict=True):
        sheet.write_string(place, start, f"{name}：", looks.sign)
    for start, until in ((1, 1), (4, 5), (8, 9), (12, last)):
        for column in range(start, until + 1):
            sheet.write_blank(place, column, None, looks.line)
    sheet.set_row(place, 34)
    _code(sheet, looks, headcount.code, place + 1)
    return place + 1


def _code(sheet: Worksheet, looks: _Looks, code: str, row: int) -> None:
    """Write the code and, beside it, the same as a QR code."""
    picture = io.BytesIO()
    segno.make(code, micro=False, error="m").save(picture, kind="png", scale=3, border=2)
    sheet.set_row(row, 60)
    sheet.merge_range(row, 0, row, 1, "", looks.code)
    sheet.write_string(row, 0, f"校验码 {code}", looks.code)
    sheet.insert_image(row, 2, "code.png", {"image_data": picture, "object_position": 1, "description": code})


def _page_setup(sheet: Worksheet, headcount: Headcount, end: int, last: int) -> None:
    sheet.set_column(0, 0, 13)
    sheet.set_column(1, 1, _MAJOR_WIDTH)
    sheet.set_column(2, last - 1, 8)
    sheet.set_column(last, last, 14)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.7)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(_TOP)
    sheet.print_area(0, 0, end, last)
    sheet.center_horizontally()
    sheet.set_footer(f"&L{headcount.foot}&C第 &P 页 共 &N 页&R数据截至 {headcount.as_of.isoformat()}")
    sheet.freeze_panes(_TOP + 1, 2)
    sheet.protect("", {"format_columns": True, "format_rows": True})
    sheet.hide_gridlines(2)
    lines = len(headcount.lines)
    if lines > 18:  # what a page holds beside the block: a longer table sends the whole block to the next page
        sheet.set_h_pagebreaks([_TOP + 1 + lines])
