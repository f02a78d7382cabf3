"""The layout of the collection workbook, which the workbook of corrections shares: heads, drop-downs, messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from pipeline import fields
from pipeline.cohort import Cohort
from pipeline.collect.template_text import EXAMPLE_MONTH, LENGTHS, PAGES, WIDTHS, hint_of
from pipeline.knowledge.codes import load_codes

SHEET, LISTS = "登记表", "选项"
TITLE, NOTE, GROUPS, HEADER, BELOW = range(5)
"""0-based rows; `BELOW` is the first one under the header."""
EDGE = {"border": 1, "border_color": "#D9D9D9"}
_FONT = "微软雅黑"
_FIRMLY = ("gender", "education_level", "ethnicity", "political_status", "teacher_training", "training_mode")


@dataclass(frozen=True)
class FormColumn:
    """One column of the sheet."""

    at: int
    field: fields.Field
    options: list[str]
    month: str

    @property
    def letter(self) -> str:
        """Return the column's letters."""
        return xl_col_to_name(self.at)

    @property
    def hint(self) -> str:
        """Return how the field is filled in."""
        return hint_of(self.field.name, self.month) or ("从下拉框选择。" if self.options else "")

    @property
    def width(self) -> int:
        """Return the column's width in characters."""
        return WIDTHS.get(self.field.name, 13)


def form_columns(cohort: Cohort | None, first: int = 0) -> list[FormColumn]:
    """Return a column for each field of the form, from the column `first` on."""
    month = cohort.cohort.undergraduate_month if cohort else EXAMPLE_MONTH
    return [
        FormColumn(at, field, options_of(field.name, cohort), month)
        for at, field in enumerate(fields.fields().values(), first)
    ]


def options_of(name: str, cohort: Cohort | None) -> list[str]:
    """Return the drop-down's answers for a field: its code table (an office's own), or what the cohort's tables say."""
    if cohort is not None and name in ("school", "college", "class_name"):
        return _from_cohort(name, cohort)
    tables = load_codes(cohort.path(cohort.rules.folder) if cohort and cohort.rules.folder else None)
    return list(tables[name].labels) if fields.fields()[name].type == "code" and name in tables else []


def _from_cohort(name: str, cohort: Cohort) -> list[str]:
    if name == "school":
        return [school.name for school in cohort.schools]
    from pipeline.collect.people_tables import read_people

    colleges, counselors = read_people(cohort)
    column = colleges["college"] if name == "college" else counselors["class_name"]
    return [str(each) for each in column.unique() if each]


def style(book: Workbook, **more: Any) -> Any:  # noqa: ANN401  # XlsxWriter's formats take anything
    """Return a format in the workbook's typeface."""
    return book.add_format({"font_name": _FONT, "font_size": 10, "valign": "vcenter", **more})


def write_head(book: Workbook, sheet: Worksheet, columns: Sequence[FormColumn], title: str, note: str) -> None:
    """Write title, note, groups and labels."""
    bare = style(book, bg_color="#FFFFFF")
    for row, height, look in ((TITLE, 38, bare), (NOTE, 24, bare), (GROUPS, 20, None), (HEADER, 32, None)):
        sheet.set_row(row, height, look)
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
    """Write one page's band and its labels."""
    title, colour = PAGES.get(page, (page, "#444444"))
    band = style(book, bold=True, font_color="#FFFFFF", bg_color=colour, indent=1)
    sheet.merge_range(GROUPS, group[0].at, GROUPS, group[-1].at, "", band)
    sheet.write_string(GROUPS, group[0].at, title, band)
    label = label_style(book, colour)
    star, name = style(book, bold=True, font_color="#C62828"), style(book, bold=True, font_color=colour)
    for column in group:
        if column.field.required == "yes":
            sheet.write_rich_string(HEADER, column.at, star, "*", name, column.field.label, label)
        else:
            sheet.write_string(HEADER, column.at, column.field.label, label)


def label_style(book: Workbook, colour: str = "#444444") -> Any:  # noqa: ANN401  # XlsxWriter's formats take anything
    """Return the format of a column's label."""
    return style(book, bold=True, text_wrap=True, align="center", bg_color="#EEF2F6", font_color=colour, **EDGE)


def write_lists(book: Workbook, columns: Sequence[FormColumn]) -> dict[str, str]:
    """Write the drop-downs' answers to a hidden sheet and return each field's range."""
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
    """Give rows of the column their input message, and a drop-down or a length to keep to."""
    name, label = column.field.name, column.field.label
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
    rule |= {"input_title": label[:32], "input_message": f"{need}{column.hint}"[:255]}
    sheet.data_validation(first, column.at, last, column.at, rule)
