"""The collection workbook, which reads back without a finding. The workbook of corrections shares its layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from pipeline import fields
from pipeline.atomic_files import atomic_path
from pipeline.cohort import Cohort
from pipeline.collect.school_tables import read_people
from pipeline.knowledge.codes import load_codes
from pipeline.workbook_writer import new_workbook

SHEET, LISTS, GUIDE = "登记表", "选项", "填写说明"
TITLE, NOTE, GROUPS, HEADER, FIRST_ROW = range(5)
"""0-based rows; `BELOW` is the first one under the header: in the collection workbook the example."""
EDGE = {"border": 1, "border_color": "#D9D9D9"}
_LAST_ROW = 3000  # rows prepared with drop-downs
_STRICT_FIELDS = ("gender", "education_level", "ethnicity", "political_status", "teacher_training", "training_mode")
_NOTE = "带红色 * 的必填；灰色一行是示例，请从它下面一行开始填，一人一行；请不要改动列名。每一列怎样填，点格子看提示。"
_MONTH = "2017-06"  # without a cohort
_GROUP_TITLES = {
    "entry": ("一、登记", "#1F4E79"),
    "identity": ("二、身份", "#2E6B5E"),
    "record": ("三、学籍", "#7A4B1E"),
    "contact": ("四、联系方式", "#5B3A73"),
}


@dataclass(frozen=True)
class FormColumn:
    """One column of the form. `month` is the one that the cohort sets for undergraduates."""

    index: int
    field: fields.Field
    options: list[str]
    month: str

    @property
    def letter(self) -> str:
        """The column's letters."""
        return xl_col_to_name(self.index)

    @property
    def hint(self) -> str:
        """How to fill in the field."""
        return self.field.hint.replace("{month}", self.month) or ("从下拉框选择。" if self.options else "")

    @property
    def example(self) -> str:
        """An example, one of the field's own options if the cohort has some."""
        written = self.field.example.replace("{month}", self.month)
        return written if not self.options or written in self.options else self.options[0]

    @property
    def width(self) -> int:
        """The width in characters."""
        return int(self.field.width or 13)


def form_columns(cohort: Cohort | None, first: int = 0) -> list[FormColumn]:
    """Return a column for each field of the form, starting at column `first`."""
    month = cohort.cohort.undergraduate_month if cohort else _MONTH
    return [
        FormColumn(at, field, options_of(field.name, cohort), month)
        for at, field in enumerate(fields.fields().values(), first)
    ]


def options_of(name: str, cohort: Cohort | None) -> list[str]:
    """Return a field's options: the cohort's schools, colleges or classes, else its code table (the office's first)."""
    if cohort is not None and name == "school":
        return [school.name for school in cohort.schools]
    if cohort is not None and name in ("college", "class_name"):
        colleges, counselors = read_people(cohort)
        column = colleges["college"] if name == "college" else counselors["class_name"]
        return [str(each) for each in column.unique() if each]
    tables = load_codes(cohort.rules_folder if cohort else None)
    return list(tables[name].labels) if fields.fields()[name].type == "code" and name in tables else []


def style(book: Workbook, **properties: Any) -> Any:  # noqa: ANN401  # XlsxWriter's formats take anything
    """Return a format in the workbook's typeface."""
    return book.add_format({"font_name": "微软雅黑", "font_size": 10, "valign": "vcenter", **properties})


def label_style(book: Workbook, colour: str = "#444444") -> Any:  # noqa: ANN401  # XlsxWriter's formats take anything
    """Return the format of a column's label."""
    return style(book, bold=True, text_wrap=True, align="center", bg_color="#EEF2F6", font_color=colour, **EDGE)


def write_head(book: Workbook, sheet: Worksheet, columns: Sequence[FormColumn], title: str, note: str) -> None:
    """Write title, note, groups and labels."""
    white = style(book, bg_color="#FFFFFF")
    for row, height, row_style in ((TITLE, 38, white), (NOTE, 24, white), (GROUPS, 20, None), (HEADER, 32, None)):
        sheet.set_row(row, height, row_style)
    heading = style(book, bold=True, font_size=18, font_color="#1F2933", bg_color="#FFFFFF")
    sheet.write_string(TITLE, 0, title, heading)
    sheet.write_string(NOTE, 0, note, style(book, font_color="#52606D", bg_color="#FFFFFF"))
    for page, group in groupby(columns, key=lambda column: column.field.page):
        _write_group(book, sheet, page, list(group))
    sheet.set_landscape()
    sheet.set_paper(8)
    sheet.fit_to_pages(3, 0)
    sheet.repeat_rows(GROUPS, HEADER)
    sheet.hide_gridlines(2)


def _write_group(book: Workbook, sheet: Worksheet, page: str, group: list[FormColumn]) -> None:
    title, colour = _GROUP_TITLES[page]
    band = style(book, bold=True, font_color="#FFFFFF", bg_color=colour, indent=1)
    sheet.merge_range(GROUPS, group[0].index, GROUPS, group[-1].index, "", band)
    sheet.write_string(GROUPS, group[0].index, title, band)
    label = label_style(book, colour)
    star_style, name = style(book, bold=True, font_color="#C62828"), style(book, bold=True, font_color=colour)
    for column in group:
        if column.field.required == "yes":
            sheet.write_rich_string(HEADER, column.index, star_style, "*", name, column.field.label, label)
        else:
            sheet.write_string(HEADER, column.index, column.field.label, label)


def write_lists(book: Workbook, columns: Sequence[FormColumn]) -> dict[str, str]:
    """Write the options to a hidden sheet and return each field's range."""
    sheet = book.add_worksheet(LISTS)
    ranges: dict[str, str] = {}
    plain, head = style(book), style(book, bold=True)
    for at, column in enumerate(column for column in columns if column.options):
        sheet.write_string(0, at, f"选项：{column.field.label}", head)
        for row, option in enumerate(column.options, 1):
            sheet.write_string(row, at, option, plain)
        letter = xl_col_to_name(at)
        ranges[column.field.name] = f"={LISTS}!${letter}$2:${letter}${len(column.options) + 1}"
        sheet.set_column(at, at, 20)
    sheet.hide()
    sheet.protect()
    return ranges


def add_validation(sheet: Worksheet, column: FormColumn, source: str, first: int, last: int) -> None:
    """Add the column's input message to the rows, and its drop-down or length rule."""
    name, label = column.field.name, column.field.label
    requirement = {"yes": "必填。", "if": "按情况填写。"}.get(column.field.required, "选填。")
    rule: dict[str, Any] = {"validate": "any"}
    if source:
        rule = {"validate": "list", "source": source, "error_title": f"{label}不在选项内"[:32]}
        rule |= {"error_message": "请从下拉框选择。", "error_type": "stop" if name in _STRICT_FIELDS else "warning"}
    elif column.field.length:
        least, _, most = column.field.length.partition("-")
        size = f"{least} 到 {most} 位" if most else f"{least} 位"
        rule = {"validate": "length", "criteria": "between", "minimum": int(least), "maximum": int(most or least)}
        rule |= {"error_title": f"{label}的位数不对"[:32], "error_type": "warning"}
        rule["error_message"] = f"应为 {size}，请核对。"
    rule |= {"input_title": label[:32], "input_message": f"{requirement}{column.hint}"[:255]}
    sheet.data_validation(first, column.index, last, column.index, rule)


def write_template(path: Path, cohort: Cohort | None = None) -> None:
    """Write the collection workbook, for Excel, WPS and LibreOffice, with the cohort's own options."""
    with atomic_path(path) as draft, new_workbook(draft) as book:
        _write_book(book, f"{cohort.name} " if cohort else "", form_columns(cohort))


def _write_book(book: Workbook, year: str, columns: list[FormColumn]) -> None:
    book.set_properties({"title": f"{year}毕业生信息登记表"})
    sheet, guide = book.add_worksheet(SHEET), book.add_worksheet(GUIDE)
    ranges = write_lists(book, columns)
    write_head(book, sheet, columns, f"{year}毕业生信息登记表", _NOTE)
    cell = style(book, num_format="@", locked=False, **EDGE)
    sample = style(book, italic=True, font_color="#8A94A0", bg_color="#F7F7F5", num_format="@", **EDGE)
    for column in columns:
        sheet.set_column(column.index, column.index, column.width, cell)
        sheet.write_string(FIRST_ROW, column.index, column.example, sample)
    sheet.set_row(FIRST_ROW, 22)
    sheet.freeze_panes(FIRST_ROW + 1, fields.names().index("name") + 1)
    sheet.print_area(0, 0, FIRST_ROW + 30, len(columns) - 1)
    sheet.set_default_row(20)
    for column in columns:
        add_validation(sheet, column, ranges.get(column.field.name, ""), FIRST_ROW + 1, _LAST_ROW)
    _mark_missing(book, sheet, columns)
    # title, header and example are protected; rows may be filled, inserted, sorted and filtered
    allowed = ("format_cells", "format_columns", "format_rows", "insert_rows", "delete_rows", "sort", "autofilter")
    sheet.protect("", dict.fromkeys(allowed, True))
    _write_guide(book, guide, columns)


def _mark_missing(book: Workbook, sheet: Worksheet, columns: list[FormColumn]) -> None:
    name = next(column.letter for column in columns if column.field.name == "name")
    row = FIRST_ROW + 2
    tint = book.add_format({"bg_color": "#FDECEA"})
    for column in columns:
        if column.field.required == "yes":
            criteria = f"=AND(LEN(${name}{row})>0,LEN({column.letter}{row})=0)"
            place = f"{column.letter}{row}:{column.letter}{_LAST_ROW + 1}"
            sheet.conditional_format(place, {"type": "formula", "criteria": criteria, "format": tint})


def _write_guide(book: Workbook, sheet: Worksheet, columns: list[FormColumn]) -> None:
    head = style(book, bold=True, font_color="#FFFFFF", bg_color="#1F4E79", **EDGE)
    text = style(book, text_wrap=True, indent=1, num_format="@", **EDGE)
    sheet.write_string(0, 0, GUIDE, style(book, bold=True, font_size=16))
    sheet.set_row(0, 34)
    sheet.hide_gridlines(2)
    for at, (title, width) in enumerate((("这一列", 18), ("要不要填", 12), ("怎样填", 62), ("例子", 26))):
        sheet.set_column(at, at, width)
        sheet.write_string(2, at, title, head)
    need = {"yes": "必填", "if": "按情况", "no": "选填"}
    for row, column in enumerate(columns, 3):
        sheet.set_row(row, 20)
        line = (f"【{column.field.label}】", need[column.field.required], column.hint, column.example)
        for at, cell in enumerate(line):
            sheet.write_string(row, at, cell, text)
    sheet.freeze_panes(3, 0)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.protect()
