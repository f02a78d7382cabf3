"""`tables.xlsx`: the run's tables for people, every cell text, nothing ever a formula."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xlsxwriter

from pipeline.tables import COLUMNS, CSV_ROW_LIMIT, Frame, Tables

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

ROW_LIMIT = 1_048_575  # Excel's rows less the heading
_CELL_LIMIT = 32_767  # characters Excel keeps in a cell
_ROWS_WRITTEN = 200_000  # more than a person looks through; a whole table past it stands in csv or parquet
_SHEETS = (*COLUMNS, "differences", "years")
_TITLES = {
    "roster": "名单",
    "findings": "问题",
    "submissions": "提交",
    "certifications": "认证",
    "headcount": "人数",
    "colleges": "院系",
    "changes": "整理",
    "registry": "学籍",
    "registry_findings": "学籍的问题",
    "differences": "名单差异",
    "years": "与上一届相比",
}


def write_tables_xlsx(path: Path, tables: Mapping[str, Frame], *, rows: int = _ROWS_WRITTEN) -> list[str]:
    """Write one sheet per table; a table of more than `rows` rows is left to csv or parquet, and its sheet says so.

    Tables are taken one after the other, and what is left out is not read: memory is that of one table of `rows` rows.

    Args:
        path: the file to write.
        tables: name to frame, in the order of the sheets; of `Tables` those that people look through.
        rows: the most rows of a sheet (never above Excel's own limit).

    Returns:
        The names of the tables that were left out for their size.
    """
    limit = min(rows, ROW_LIMIT)
    left_out: list[str] = []
    options: dict[str, Any] = {
        "constant_memory": True,
        "tmpdir": str(path.parent),  # rows wait in temporary files: a crash must leave none outside the run's folder
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        head = book.add_format({"bold": True, "bg_color": "#E8EEF5", "bottom": 1})
        text = book.add_format({"num_format": "@"})
        for name in [each for each in _SHEETS if each in tables] if isinstance(tables, Tables) else tables:
            sheet = book.add_worksheet(_TITLES.get(name, name)[:31])
            count = tables.rows(name) if isinstance(tables, Tables) else len(tables[name])
            if count > limit:
                left_out.append(name)
                sheet.write_string(0, 0, _left_out(name, count))
            else:
                _sheet(sheet, tables[name], head, text)
    return left_out


def _left_out(name: str, count: int) -> str:
    files = f"{name}.parquet" if count > CSV_ROW_LIMIT else f"{name}.csv 或 {name}.parquet"
    past = f"超过了 Excel 一张表的 {ROW_LIMIT + 1} 行" if count > ROW_LIMIT else "表格软件难以打开"
    return f"这张表有 {count} 行，{past}：请用 tables 文件夹里的 {files}"


def _sheet(sheet: Worksheet, frame: Frame, head: Format, text: Format) -> None:
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(len(frame), 1), max(len(frame.columns) - 1, 0))
    if len(frame) and len(frame.columns):
        sheet.ignore_errors({"number_stored_as_text": f"A1:{_column(len(frame.columns))}{len(frame) + 1}"})
    sheet.set_column(0, max(len(frame.columns) - 1, 0), 16, text)
    for at, column in enumerate(frame.columns):
        sheet.write_string(0, at, str(column), head)
    columns = [frame[column].astype("str").str.slice(0, _CELL_LIMIT).tolist() for column in frame.columns]
    for row, values in enumerate(zip(*columns, strict=True), 1):
        for at, value in enumerate(values):
            if value:
                sheet.write_string(row, at, value, text)


def _column(number: int) -> str:
    from xlsxwriter.utility import xl_col_to_name

    return str(xl_col_to_name(number - 1))
