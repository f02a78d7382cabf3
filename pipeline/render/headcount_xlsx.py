"""The headcount as a workbook that prints on A4: the same lines, words and code as page and PDF."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import segno

from pipeline.render.printed_headcount import COLUMNS, DATE, DRAFT, SEAL, SIGNATURES, Headcount
from pipeline.typeset import watermark
from pipeline.workbook_writer import A4, PAGES, height, text_book

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

_HEADINGS = ("学历", "专业", *COLUMNS.values(), "一致")
_TOP = 3  # 0-based row of the headings
_LAST = len(_HEADINGS) - 1
_FONT = "宋体"


def write_headcount_xlsx(path: Path, headcount: Headcount) -> None:
    """Write the workbook: one sheet 人数统计, without places to sign and without a code while it may not be signed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with text_book(path) as book:
        book.set_properties({"title": headcount.title, "author": ""})
        sheet, looks = book.add_worksheet("人数统计"), _Looks(book)
        _write_heads(sheet, looks, headcount)
        _write_lines(sheet, looks, headcount)
        end = _write_below(sheet, looks, headcount, _TOP + 1 + len(headcount.lines))
        _page_setup(sheet, headcount, end)


class _Looks:
    """The formats of the workbook."""

    def __init__(self, book: Workbook) -> None:
        def look(**more: object) -> Format:
            return book.add_format({"font_name": _FONT, "font_size": 11, "valign": "vcenter", **more})

        self.title = look(font_size=18, align="center", bold=True)
        self.plain = look()
        self.right = look(align="right")
        self.center = look(align="center")
        self.head = look(border=1, align="center", bg_color="#ECECEC", text_wrap=True, bold=True)
        self.text = look(border=1, indent=1, text_wrap=True, num_format="@")
        self.level = look(border=1, align="center", text_wrap=True, num_format="@")
        self.number = look(border=1, align="center")
        self.sum_text = look(border=1, bold=True, align="center")
        self.sum_number = look(border=1, bold=True, align="center")
        self.note = look(text_wrap=True, valign="top", font_size=10)
        self.warning = look(text_wrap=True, bold=True, border=1, indent=1, font_size=10)
        self.attested = look(text_wrap=True, indent=1)
        self.line = look(bottom=1, locked=False)


def _write_heads(sheet: Worksheet, looks: _Looks, headcount: Headcount) -> None:
    """Write title, addressee, what it is about, and the headings."""
    _across(sheet, 0, headcount.title, looks.title)
    for row, high in enumerate((44, 26, 22)):
        sheet.set_row(row, high)
    sheet.write_string(1, 0, headcount.addressee, looks.plain)
    sheet.write_string(2, 0, f"院系：{headcount.college}", looks.plain)
    sheet.write_string(2, _LAST, f"统计日期：{headcount.day}　单位：人", looks.right)
    sheet.set_row(_TOP, 30)
    for at, heading in enumerate(_HEADINGS):
        sheet.write_string(_TOP, at, heading, looks.head)


def _across(sheet: Worksheet, row: int, text: str, look: Format) -> None:
    sheet.merge_range(row, 0, row, _LAST, "", look)
    sheet.write_string(row, 0, text, look)


def _write_lines(sheet: Worksheet, looks: _Looks, headcount: Headcount) -> None:
    """Write the lines, the cells of one level merged."""
    for row, (line, span) in enumerate(headcount.levels(), _TOP + 1):
        plain = line.kind == "major"
        number = looks.number if plain else looks.sum_number
        sheet.set_row(row, height([line.major], [_widths(headcount)[1] - 2], line=15, least=24))
        if span > 1:
            sheet.merge_range(row, 0, row + span - 1, 0, "", looks.level)
        if span:
            sheet.write_string(row, 0, line.level, looks.level)
        if not plain:
            sheet.merge_range(row, 0, row, 1, "", looks.sum_text)
        sheet.write_string(row, 1 if plain else 0, line.major, looks.text if plain else looks.sum_text)
        for at, value in enumerate(line.numbers, 2):
            sheet.write_number(row, at, value, number)
        sheet.write_string(row, _LAST, "是" if line.equal else "否", number)


def _write_below(sheet: Worksheet, looks: _Looks, headcount: Headcount, row: int) -> int:
    """Write notes, attestation, the places to sign and, at the foot, seal and code; return the last row."""
    wide = sum(_widths(headcount)) + _LAST
    texts = (
        (headcount.note, looks.note),
        (headcount.attestation, looks.attested if headcount.ready else looks.warning),
    )
    for at, (text, look) in enumerate(texts, row):
        _across(sheet, at, text, look)
        sheet.set_row(at, height([text], [wide - 6], line=15, least=22))
    if not headcount.ready:
        behind = {
            "image_data": io.BytesIO(watermark(DRAFT)),
            "object_position": 3,
            "description": DRAFT,
            "x_offset": 20,
        }
        sheet.insert_image(_TOP, 1, "draft.png", behind)
        return max(row + 1, _TOP + 20)  # room for what lies over it
    place = row + 3
    sheet.set_row(place, 30)
    for (start, until), name in zip(((0, 1), (3, 5), (7, _LAST)), SIGNATURES, strict=True):
        _place_to_sign(sheet, looks, place, start, until, name)
    _seal_and_code(sheet, looks, headcount.code, place + 2)
    return place + 5


def _place_to_sign(sheet: Worksheet, looks: _Looks, row: int, start: int, until: int, name: str) -> None:
    """Write what is to be filled in, on a line from its first column to its last."""
    sheet.merge_range(row, start, row, until, "", looks.line)
    sheet.write_string(row, start, f"{name}：", looks.line)


def _seal_and_code(sheet: Worksheet, looks: _Looks, code: str, row: int) -> None:
    """Write 单位（盖章） over the date at the lower right, and the code with its QR code at the lower left."""
    picture = io.BytesIO()
    segno.make(code, micro=False, error="m").save(picture, kind="png", scale=3, border=2)
    for at, text in ((row, SEAL), (row + 2, DATE)):
        sheet.merge_range(at, 7, at, _LAST, "", looks.center)
        sheet.write_string(at, 7, text, looks.center)
    for at, high in enumerate((22, 22, 22, 22), row):
        sheet.set_row(at, high)
    sheet.insert_image(row, 0, "code.png", {"image_data": picture, "object_position": 1, "description": code})
    sheet.write_string(row + 3, 0, f"校验码 {code}", looks.plain)


def _widths(headcount: Headcount) -> list[int]:
    """Return the columns' widths in characters."""
    level, major, number, equal = (11, 22, 6, 6) if headcount.portrait else (13, 34, 8, 8)
    return [level, major, *[number] * len(COLUMNS), equal]


def _page_setup(sheet: Worksheet, headcount: Headcount, end: int) -> None:
    for at, width in enumerate(_widths(headcount)):
        sheet.set_column(at, at, width)
    if not headcount.portrait:
        sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.set_margins(left=0.6, right=0.6, top=0.8, bottom=0.8)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(_TOP)
    sheet.print_area(0, 0, end, _LAST)
    sheet.center_horizontally()
    sheet.set_footer(f"&L{headcount.foot}{PAGES}&R数据截至 {headcount.as_of.isoformat()}")
    sheet.freeze_panes(_TOP + 1, 2)
    sheet.protect("", {"format_columns": True, "format_rows": True})
    sheet.hide_gridlines(2)
    if not headcount.one_page:
        sheet.set_h_pagebreaks([_TOP + 1 + len(headcount.lines)])
