"""Workbooks (xlsx, xls, xlsb, ods): values by calamine in a child process, what it does not tell from the XML."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from pipeline.collect.archive import Archive
from pipeline.collect.collected import Grid, Note, Reading
from pipeline.collect.compact import values_in_portions
from pipeline.collect.guard import Sheet, sheets_of
from pipeline.collect.inputs import Content
from pipeline.collect.ods import ods_facts
from pipeline.collect.overlay import Facts, cell_notes, hidden_notes, reach
from pipeline.collect.text import Value
from pipeline.collect.xlsx import XlsxFacts

_REACH = 3_000_000  # cells of the rows that formulas and error values stand in
_LARGE = "内容铺得太大，未读取。请删去右边和下边多余的内容，或另存为 CSV、Parquet"


def read_workbook(content: Content, kind: str) -> Reading:
    """Return every worksheet of a workbook of this kind (xlsx, xlsb, ods, xls).

    Raises:
        InputError: it has a password, is damaged, or is too large.
    """
    if kind == "xls":
        return _read(content.name, sheets_of(content.name, content.data), _nothing, [_untold(content.name, kind)])
    archive = Archive(content)
    sheets = sheets_of(content.name, archive.measured())
    if kind == "xlsx":
        book = XlsxFacts(archive)
        return _read(content.name, sheets, book.facts, book.notes())
    if kind == "ods":
        return _read(content.name, *_with_ods_facts(archive, sheets), [])
    return _read(content.name, sheets, _nothing, [_untold(content.name, kind)])


def _nothing(_sheet: str) -> Facts:
    return Facts()


def _untold(file: str, kind: str) -> Note:
    return Note("info", file, "", 0, f"{kind} 格式看不出隐藏的行列、公式和错误值（读作空白），最好另存为 xlsx")


def _with_ods_facts(archive: Archive, sheets: Iterable[Sheet]) -> tuple[Iterable[Sheet], Callable[[str], Facts]]:
    """Return all worksheets, and what each one's facts are: they are told as far as it was read."""
    held = [(sheet, None if sheet.rows is None else list(sheet.rows)) for sheet in sheets]
    sizes = {sheet.name: (len(rows), max(map(len, rows), default=0)) for sheet, rows in held if rows is not None}
    found = ods_facts(archive.part("content.xml"), sizes)
    again = [replace(sheet, rows=None if rows is None else iter(rows)) for sheet, rows in held]
    return again, lambda name: found.get(name, Facts())


def _read(file: str, sheets: Iterable[Sheet], facts: Callable[[str], Facts], notes: list[Note]) -> Reading:
    grids: list[Grid] = []
    for sheet in sheets:
        told = Facts() if sheet.rows is None else facts(sheet.name)
        if sheet.rows is None or reach(told.cells) > _REACH:
            notes = [*notes, Note("error", file, sheet.name, 0, _LARGE)]
            continue
        grids.append(_grid(file, sheet, sheet.rows, told))
    return Reading(grids, notes)


def _grid(file: str, sheet: Sheet, rows: Iterator[list[Value]], told: Facts) -> Grid:
    values, cells, table = values_in_portions(rows, told.cells)
    notes = cell_notes(file, sheet.name, cells, told.cells)
    notes += hidden_notes(file, sheet.name, told.hidden_rows, told.hidden_columns, hidden=not sheet.visible)
    return Grid(file, sheet.name, values, cells, merged=sheet.merged, notes=notes, table=table, pictures=told.pictures)
