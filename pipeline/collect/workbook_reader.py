"""Workbooks (xlsx, xls, xlsb, ods): values by calamine in a child process, what it does not tell from the XML."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from pipeline.collect.archive import Archive
from pipeline.collect.collected import Grid, Note, Reading
from pipeline.collect.compact import Portion, rows_in, values_in_portions
from pipeline.collect.inputs import Content
from pipeline.collect.ods import ods_facts
from pipeline.collect.overlay import OverlayFacts, cell_notes, hidden_notes, reach
from pipeline.collect.workbook_process import RawSheet, sheets_of
from pipeline.collect.xlsb import cells_passed_over
from pipeline.collect.xlsx import XlsxFacts

_REACH = 3_000_000  # cells of the rows that formulas and error values stand in
_LARGE = "内容铺得太大，未读取。请删去右边和下边多余的内容，或另存为 CSV、Parquet"


def read_workbook(content: Content, kind: str) -> Reading:
    """Return every worksheet of a workbook of this kind (xlsx, xlsb, ods, xls).

    Raises:
        InputError: it has a password, is damaged, or is too large.
    """
    if kind == "xls":
        return _read_binary(content.name, content.data, [_untold(content.name, kind)])
    archive = Archive(content)
    if kind == "xlsb":
        return _read_binary(content.name, archive.measured(), [_untold(content.name, kind), *_passed_over(archive)])
    sheets = sheets_of(content.name, archive.measured())
    if kind == "xlsx":
        book = XlsxFacts(archive)
        return _read(content.name, sheets, book.facts, book.notes())
    return _read(content.name, *_with_ods_facts(archive, sheets), [])


def _read_binary(file: str, data: bytes, notes: list[Note]) -> Reading:
    """Return what a binary workbook holds; NUL characters, as misread texts have between their letters, are told."""
    places: list[tuple[str, int]] = []
    sheets = (replace(each, rows=each.rows and _without_nul(each.name, each.rows, places))
              for each in sheets_of(file, data))  # fmt: skip
    reading = _read(file, sheets, lambda _: OverlayFacts(), notes)
    if not places:
        return reading
    (sheet, row), message = places[0], f"有 {len(places)} 格的文字之间夹有 NUL 字符，已去掉，请核对；最好另存为 xlsx"
    return replace(reading, notes=[*reading.notes, Note("warning", file, sheet, row, message)])


def _without_nul(sheet: str, portions: Iterable[Portion], places: list[tuple[str, int]]) -> Iterator[Portion]:
    """Yield the rows without NUL characters, and note where there were some."""
    above = 0
    for portion in portions:
        rows = rows_in(portion)
        for number, row in enumerate(rows, above + 1):
            for column, value in enumerate(row):
                if isinstance(value, str) and "\0" in value:
                    places.append((sheet, number))
                    row[column] = value.replace("\0", "")
        above += len(rows)
        yield rows


def _passed_over(archive: Archive) -> list[Note]:
    """Return what is told of cells that an xlsb holds and that are not read."""
    notes: list[Note] = []
    for name in archive.names:
        if name.startswith("xl/worksheets/") and name.endswith(".bin"):
            count, row = cells_passed_over(archive.part(name))
            part = name.rpartition("/")[2].removesuffix(".bin")
            message = f"有 {count} 格的写法（多种字体的文字等）读不出，读作空白（{part}）。请另存为 xlsx"
            notes += [Note("warning", archive.name, "", row, message)] if count else []
    return notes


def _untold(file: str, kind: str) -> Note:
    return Note("info", file, "", 0, f"{kind} 格式看不出隐藏的行列、公式和错误值（读作空白），最好另存为 xlsx")


def _with_ods_facts(
    archive: Archive, sheets: Iterable[RawSheet]
) -> tuple[Iterable[RawSheet], Callable[[str], OverlayFacts]]:
    """Return all worksheets, and what each one's facts are: they are told as far as it was read."""
    held = [(sheet, None if sheet.rows is None else list(sheet.rows)) for sheet in sheets]
    sizes = {
        sheet.name: (sum(map(len, rows)), max(map(_width, rows), default=0)) for sheet, rows in held if rows is not None
    }
    found = ods_facts(archive.part("content.xml"), sizes)
    again = [replace(sheet, rows=None if rows is None else iter(rows)) for sheet, rows in held]
    return again, lambda name: found.get(name, OverlayFacts())


def _width(portion: Portion) -> int:
    return max(map(len, portion), default=0) if isinstance(portion, list) else portion.num_columns


def _read(file: str, sheets: Iterable[RawSheet], facts: Callable[[str], OverlayFacts], notes: list[Note]) -> Reading:
    grids: list[Grid] = []
    for sheet in sheets:
        told = OverlayFacts() if sheet.rows is None else facts(sheet.name)
        if sheet.rows is None or reach(told.cells) > _REACH:
            notes = [*notes, Note("error", file, sheet.name, 0, _LARGE)]
            continue
        grids.append(_grid(file, sheet, sheet.rows, told))
    return Reading(grids, notes)


def _grid(file: str, sheet: RawSheet, rows: Iterator[Portion], told: OverlayFacts) -> Grid:
    values, cells, table = values_in_portions(rows, told.cells)
    notes = cell_notes(file, sheet.name, cells, told.cells)
    notes += hidden_notes(file, sheet.name, told.hidden_rows, told.hidden_columns, hidden=not sheet.visible)
    return Grid(file, sheet.name, values, cells, merged=sheet.merged, notes=notes, table=table, pictures=told.pictures)
