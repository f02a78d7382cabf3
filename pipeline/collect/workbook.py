"""Workbooks through calamine: xlsx, xlsm, xls, xlsb and ods, every worksheet a `Grid`."""

from __future__ import annotations

import io

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetVisibleEnum

from pipeline.collect.collected import Grid, Note, Reading
from pipeline.collect.inputs import Content
from pipeline.collect.text import text_rows
from pipeline.errors import InputError

_REMEDY = "请用 Excel 或 WPS 打开，另存为 xlsx 后再放回来"


def read_workbook(content: Content) -> Reading:
    """Return every worksheet of a workbook.

    Raises:
        InputError: it is no workbook that can be read.
    """
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content.data))
        grids = [
            _grid(content.name, book.get_sheet_by_name(meta.name), meta.visible == SheetVisibleEnum.Visible)
            for meta in book.sheets_metadata
        ]
    except (CalamineError, OSError) as error:
        raise InputError(f"工作簿读不出（{type(error).__name__}）", where=content.name, remedy=_REMEDY) from None
    return Reading(grids)


def _grid(file: str, sheet: CalamineSheet, visible: bool) -> Grid:
    values, cells = text_rows(sheet.to_python(skip_empty_area=False))
    merged = [(top, left, bottom, right) for (top, left), (bottom, right) in sheet.merged_cell_ranges or []]
    notes = [] if visible else [Note("info", file, sheet.name, 0, "是隐藏的工作表，照样读取")]
    return Grid(file, sheet.name, values, cells, merged=merged, notes=notes)
