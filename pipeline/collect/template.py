"""The collection workbook: a sheet that students fill in and that reads back without a finding about reading."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from pipeline import fields
from pipeline.cohort import Cohort
from pipeline.collect.template_text import EXAMPLE_MONTH, EXAMPLES, LENGTHS, PAGES, WIDTHS, hint_of
from pipeline.errors import UsageError
from pipeline.knowledge.codes import load_codes
from pipeline.whole import appearing

SHEET, GUIDE, LISTS = "登记表", "填写说明", "选项"
_TITLE, _NOTE, _GROUPS, _HEADER, _EXAMPLE, _FIRST = range(6)  # 0-based rows
_LAST = 3000  # rows prepared with drop-downs
_FONT = "微软雅黑"
_FIRMLY = ("gender", "education_level", "ethnicity", "political_status", "teacher_training", "training_mode")
_RULE = "#D9D9D9"


@dataclass(frozen=True)
class _Column:
    """One column of the sheet."""

    at: int
    field: fields.Field
    options: list[str]
    month: str

    @property
    def letter(self) -> str:
        return xl_col_to_name(self.at)


def options_of(name: str, cohort: Cohort | None) -> list[str]:
    """Return the drop-down's answers for a field: its code table (an office's own), or what the cohort's tables say."""
    if cohort is not None and name in ("school", "college", "class_name"):
        return _from_cohort(name, cohort)
    tables = load_codes(cohort.path(cohort.rules.folder) if cohort and cohort.rules.folder else None)
    return list(tables[name].labels) if fields.fields()[name].type == "code" and name in tables else []


def _from_cohort(name: str, cohort: Cohort) -> list[str]:
    if name == "school":
        return [school.name for school in cohort.schools]
    from pipeline.collect.people import read_people

    colleges, counselors = read_people(cohort)
    column = colleges["college"] if name == "college" else counselors["class_name"]
    return [str(each) for each in column.unique() if each]


def write_template(path: Path, cohort: Cohort | None = None) -> None:
    """Write the collection workbook to `path`, for Excel, WPS and LibreOffice; with a cohort it knows its colleges.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        with appearing(path) as draft:
            _write_book(draft, cohort)
    except (OSError, FileCreateError):
        raise UsageError(
            "文件写不进去", where=str(path), remedy="请确认这个位置可以写入，文件没有在 Excel 中打开"
        ) from None


def _write_book(path: Path, cohort: Cohort | None) -> None:
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}  # nothing waits in /tmp
    book = xlsxwriter.Workbook(str(path), options)
    year = f"{cohort.name} " if cohort else ""
    book.set_properties({"title": f"{year}毕业生信息登记表"})
    month = cohort.cohort.undergraduate_month if cohort else EXAMPLE_MONTH
    columns = [
        _Column(at, field, options_of(field.name, cohort), month) for at, field in enumerate(fields.fields().values())
    ]
    sheet, guide, lists = (book.add_worksheet(name) for name in (SHEET, GUIDE, LISTS))
    ranges = _write_lists(book, lists, columns)
    _write_form(book, sheet, columns, f"{year}毕业生信息登记表")
    for column in columns:
        _validate(sheet, column, ranges.get(column.field.name, ""))
    _mark(book, sheet, columns)
    _protect(sheet)
    _write_guide(book, guide, columns)
    book.close()


def _style(book: Workbook, **more: Any) -> Any:  # noqa: ANN401  # XlsxWriter's formats take anything
    return book.add_format({"font_name": _FONT, "font_size": 10, "valign": "vcenter", **more})


def _write_form(book: Workbook, sheet: Worksheet, columns: list[_Column], title: str) -> None:
    """Write title, note, groups, header, example, and prepare the rows below as text."""
    last = len(columns) - 1
    bare = _style(book, bg_color="#FFFFFF")
    sheet.set_row(_TITLE, 38, bare)
    sheet.set_row(_NOTE, 24, bare)
    sheet.set_row(_GROUPS, 20)
    sheet.set_row(_HEADER, 32)
    sheet.set_row(_EXAMPLE, 22)
    sheet.write_string(
        _TITLE, 0, title, _style(book, bold=True, font_size=18, font_color="#1F2933", bg_color="#FFFFFF")
    )
    note = (
        "带红色 * 的必填；灰色一行是示例，请从它下面一行开始填，一人一行；请不要改动列名。每一列怎样填，点格子看提示。"
    )
    sheet.write_string(_NOTE, 0, note, _style(book, font_color="#52606D", bg_color="#FFFFFF"))
    for page, group in groupby(columns, key=lambda column: column.field.page):
        _write_group(book, sheet, page, list(group))
    cell = _style(book, num_format="@", locked=False, border=1, border_color=_RULE)
    for column in columns:
        sheet.set_column(column.at, column.at, WIDTHS.get(column.field.name, 13), cell)
    sheet.freeze_panes(_FIRST, [column.field.name for column in columns].index("name") + 1)
    sheet.set_landscape()
    sheet.set_paper(8)
    sheet.fit_to_pages(3, 0)
    sheet.repeat_rows(_GROUPS, _HEADER)
    sheet.print_area(0, 0, _EXAMPLE + 30, last)
    sheet.set_default_row(20)
    sheet.hide_gridlines(2)


def _write_group(book: Workbook, sheet: Worksheet, page: str, group: list[_Column]) -> None:
    """Write one page's band, its labels and its part of the example row."""
    title, colour = PAGES.get(page, (page, "#444444"))
    band = _style(book, bold=True, font_color="#FFFFFF", bg_color=colour, indent=1)
    sheet.merge_range(_GROUPS, group[0].at, _GROUPS, group[-1].at, "", band)
    sheet.write_string(_GROUPS, group[0].at, title, band)
    edge = {"border": 1, "border_color": _RULE}
    label = _style(book, bold=True, text_wrap=True, align="center", bg_color="#EEF2F6", font_color=colour, **edge)
    sample = _style(book, italic=True, font_color="#8A94A0", bg_color="#F7F7F5", num_format="@", **edge)
    star, name = _style(book, bold=True, font_color="#C62828"), _style(book, bold=True, font_color=colour)
    for column in group:
        if column.field.required == "yes":
            sheet.write_rich_string(_HEADER, column.at, star, "*", name, column.field.label, label)
        else:
            sheet.write_string(_HEADER, column.at, column.field.label, label)
        sheet.write_string(_EXAMPLE, column.at, _example(column), sample)


def _example(column: _Column) -> str:
    """Return the example of a field: one of its own answers where the cohort has some."""
    written = EXAMPLES.get(column.field.name, "").replace("{month}", column.month)
    return written if not column.options or written in column.options else column.options[0]


def _write_lists(book: Workbook, sheet: Worksheet, columns: list[_Column]) -> dict[str, str]:
    """Write the drop-downs' answers to a hidden sheet and return each field's range."""
    ranges: dict[str, str] = {}
    plain = _style(book)
    for column in columns:
        if not column.options:
            continue
        at = len(ranges)
        sheet.write_string(0, at, f"选项：{column.field.label}", _style(book, bold=True))
        for row, option in enumerate(column.options, 1):
            sheet.write_string(row, at, option, plain)
        letter = xl_col_to_name(at)
        ranges[column.field.name] = f"={LISTS}!${letter}$2:${letter}${len(column.options) + 1}"
        sheet.set_column(at, at, 20)
    sheet.hide()
    sheet.protect()
    return ranges


def _validate(sheet: Worksheet, column: _Column, source: str) -> None:
    """Give the column its input message, and a drop-down or a length to keep to."""
    name, label = column.field.name, column.field.label
    hint = hint_of(name, column.month) or ("从下拉框选择。" if source else "")
    need = {"yes": "必填。", "if": "按情况填写。"}.get(column.field.required, "选填。")
    rule: dict[str, Any] = {"validate": "any"}
    if source:
        rule = {"validate": "list", "source": source, "error_title": f"{label}不在选项内"[:32]}
        rule |= {"error_message": "请从下拉框选择。", "error_type": "stop" if name in _FIRMLY else "warning"}
    elif name in LENGTHS:
        least, most = LENGTHS[name]
        size = f"{least} 位" if least == most else f"{least} 到 {most} 位"
        rule = {"validate": "length", "criteria": "between", "minimum": least, "maximum": most}
        rule |= {
            "error_title": f"{label}的位数不对"[:32],
            "error_message": f"应为 {size}，请核对。",
            "error_type": "warning",
        }
    rule |= {"input_title": label[:32], "input_message": f"{need}{hint}"[:255]}
    sheet.data_validation(_FIRST, column.at, _LAST, column.at, rule)


def _mark(book: Workbook, sheet: Worksheet, columns: list[_Column]) -> None:
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


def _write_guide(book: Workbook, sheet: Worksheet, columns: list[_Column]) -> None:
    """Write the page of instructions: one line a field."""
    head = _style(book, bold=True, font_color="#FFFFFF", bg_color="#1F4E79", border=1, border_color=_RULE)
    text = _style(book, text_wrap=True, indent=1, border=1, border_color=_RULE, num_format="@")
    sheet.write_string(0, 0, "填写说明", _style(book, bold=True, font_size=16))
    sheet.set_row(0, 34)
    sheet.hide_gridlines(2)
    for at, (title, width) in enumerate((("这一列", 18), ("要不要填", 12), ("怎样填", 62), ("例子", 26))):
        sheet.set_column(at, at, width)
        sheet.write_string(2, at, title, head)
    need = {"yes": "必填", "if": "按情况", "no": "选填"}
    for row, column in enumerate(columns, 3):
        sheet.set_row(row, 20)
        field = column.field
        hint = hint_of(field.name, column.month) or ("从下拉框选择。" if column.options else "")
        line = (f"【{field.label}】", need[field.required], hint, _example(column))
        for at, cell in enumerate(line):
            sheet.write_string(row, at, cell, text)
    sheet.freeze_panes(3, 0)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.protect()
