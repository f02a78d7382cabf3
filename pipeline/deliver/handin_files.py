"""Write the file for the upper system as xlsx, csv or DBF. Cells are text (in DBF also numbers), never formulas."""

from __future__ import annotations

import csv
import glob
import io
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable
from copy import copy
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.atomic_files import atomic_path
from pipeline.collect.inputs import Archive, read_content
from pipeline.deliver.handin_mapping import Mapping
from pipeline.errors import InputError, MingceError, UsageError
from pipeline.knowledge.text_columns import formula_safe
from pipeline.workbook_writer import fit_a4, new_workbook, text_width, write_row

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

Rows = list[tuple[str, ...]]
# errors of openpyxl about a damaged workbook
_ERRORS = (LookupError, ValueError, TypeError, AttributeError, SyntaxError, ArithmeticError, AssertionError,
           NotImplementedError, RuntimeError, EOFError, OSError, zlib.error)  # fmt: skip
_HEADING_ROWS = 20  # first rows of a template that may hold the heading


def write(path: Path, table: pd.DataFrame, mapping: Mapping, form: str, template: Path | None) -> None:
    """Write `table` (columns by name, all text) to `path` atomically, read it back and compare.

    Raises:
        UsageError: the template cannot be used, or the file cannot be written.
        MingceError: the file read back differs from `table`.
    """
    rows: Rows = list(table.itertuples(index=False, name=None))
    with atomic_path(path) as draft:
        if form == "xlsx" and template:
            _fill_template(draft, rows, mapping, template)
            reread = _read_xlsx(draft, mapping)
        else:
            writer, reader = _FORMS[form]
            writer(draft, rows, mapping)
            reread = reader(draft, mapping)
        if reread != [_as_read(row, mapping) for row in rows]:
            raise MingceError("写出的文件读回后与数据不一致，已删去", where=str(path), remedy="请把情况告诉维护人员")


def _as_read(row: tuple[str, ...], mapping: Mapping) -> tuple[str, ...]:
    """Return the row with numbers in the notation of the file read back."""
    return tuple(
        format(Decimal(value).normalize(), "f") if value and column.type == "N" else value
        for value, column in zip(row, mapping.columns, strict=True)
    )


def _write_csv(path: Path, rows: Rows, mapping: Mapping) -> None:
    with path.open("w", encoding=_csv_encoding(mapping), newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([column.name for column in mapping.columns])
        writer.writerows([[formula_safe(value) for value in row] for row in rows])


def _csv_encoding(mapping: Mapping) -> str:
    return "utf-8-sig" if mapping.encoding == "utf-8" else mapping.encoding


def _read_csv(path: Path, mapping: Mapping) -> Rows:
    with path.open(encoding=_csv_encoding(mapping), newline="") as file:
        lines = [tuple(value[1:] if value[:1] == "'" else value for value in row) for row in csv.reader(file)]
    return [_as_read(line, mapping) for line in lines[1:]]


def _write_xlsx(path: Path, rows: Rows, mapping: Mapping) -> None:
    with new_workbook(path) as book:
        book.set_properties({"title": mapping.title})
        text = book.add_format({"num_format": "@"})
        name = re.sub(r"[\[\]:*?/\\\x00-\x1f]", "_", mapping.title)[:31].strip("' ")
        sheet = book.add_worksheet(name or "名单")
        sheet.freeze_panes(1, 0)
        sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})
        fit_a4(sheet, 0)
        for index, column in enumerate(mapping.columns):
            widest = max(map(text_width, (column.heading, *(row[index] for row in rows))))
            sheet.set_column(index, index, min(widest + 2, 40), text)
        headings = [column.heading for column in mapping.columns]
        write_row(sheet, 0, headings, book.add_format({"bold": True, "bottom": 1, "bg_color": "#ECECEC"}))
        for line, row in enumerate(rows, 1):
            write_row(sheet, line, row, text)


def _read_xlsx(path: Path, mapping: Mapping) -> Rows:
    """Return the rows below the first heading, read with another library than wrote them."""
    from python_calamine import CalamineWorkbook

    with path.open("rb") as file:
        book = CalamineWorkbook.from_filelike(file)
        for name in book.sheet_names:
            grid = [
                [str(cell) for cell in row] for row in book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            ]
            heading, places = _find_heading(grid, mapping)
            if not places:
                continue
            body = [tuple(row[place] if place < len(row) else "" for place in places) for row in grid[heading + 1 :]]
            while body and not any(body[-1]):
                body.pop()
            while body and not any(body[0]):  # a heading of two rows
                body.pop(0)
            return [_as_read(row, mapping) for row in body]
    return []


def _find_heading(grid: list[list[str]], mapping: Mapping) -> tuple[int, list[int]]:
    """Return the heading's row index, and the index of each column by label or name. (0, []) without heading."""
    for index, row in enumerate(grid[:_HEADING_ROWS]):
        texts = ["".join(cell.split()) for cell in row]
        headings = [next((one for one in (each.heading, each.name) if one in texts), None) for each in mapping.columns]
        places = [texts.index(one) for one in headings if one is not None]
        if len(places) == len(headings):
            return index, places
    return 0, []


def _fill_template(path: Path, rows: Rows, mapping: Mapping, template: Path) -> None:
    """Write the rows below the template's heading. Styles, widths and other sheets stay as they are."""
    book = _open_template(template)
    for sheet in book.worksheets:
        limit = min(sheet.max_row, _HEADING_ROWS)
        grid = [
            ["" if cell is None else str(cell) for cell in row]
            for row in sheet.iter_rows(max_row=limit, values_only=True)
        ]
        needed = mapping.model_copy(update={"columns": [c for c in mapping.columns if c.name != "DRAFT"]})
        heading, places = _find_heading(grid, needed)
        if places:
            if len(needed.columns) < len(mapping.columns):  # a draft has an extra column
                places.append(max(len(row) for row in grid))
                sheet.cell(heading + 1, places[-1] + 1).value = mapping.columns[-1].heading
            _fill_sheet(sheet, heading + 1, places, rows)
            _save(book, path)
            return
    labels = "、".join(column.heading for column in mapping.columns)
    raise UsageError("模板里找不到表头", where=str(template), remedy=f"前 {_HEADING_ROWS} 行中应有一行写着：{labels}")


def _save(book: Any, path: Path) -> None:  # noqa: ANN401 - openpyxl's workbook
    """Save the workbook. openpyxl's temporary files go to a folder that the next save deletes after a kill."""
    previous, folder = tempfile.tempdir, path.with_name(f"{path.name}.sheets")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    tempfile.tempdir = str(folder)
    try:
        book.save(path)
    finally:
        tempfile.tempdir = previous
        shutil.rmtree(folder, ignore_errors=True)


def _open_template(template: Path) -> Any:  # noqa: ANN401 - openpyxl's workbook; its stubs hide `worksheets`' kind
    from openpyxl import load_workbook

    if not os.path.isfile(template):  # noqa: PTH113  # False for too long a name; Path raises
        raise UsageError("没有这个模板", where=str(template), remedy="请核对 --template 或 [handin] template")
    try:
        content = read_content(template, template.parent)
        Archive(content).rebuilt()
        return load_workbook(io.BytesIO(content.data))
    except InputError as error:
        raise UsageError(f"模板打不开：{error.what}", where=str(template), remedy="请用表格软件另存为 xlsx") from None
    except _ERRORS:
        raise UsageError("模板打不开", where=str(template), remedy="请用表格软件另存为 xlsx") from None


def _fill_sheet(sheet: Worksheet, heading: int, places: list[int], rows: Rows) -> None:
    ranges: Any = list(sheet.merged_cells.ranges)
    heading = max((merged.max_row for merged in ranges if merged.min_row <= heading <= merged.max_row), default=heading)
    for merged in ranges:
        if merged.min_row > heading:  # else a row of people would be one cell
            sheet.unmerge_cells(str(merged))
    pattern = [copy(sheet.cell(heading + 1, place + 1)._style) for place in places]  # pyright: ignore[reportPrivateUsage]
    for line, row in enumerate(rows, heading + 1):
        for value, place, style in zip(row, places, pattern, strict=True):
            cell: Any = sheet.cell(line, place + 1)
            cell._style = copy(style)
            cell.value = value or None
            if value:
                cell.data_type = "s"  # text, also if it begins with =
                cell.number_format = "@"
    below = heading + len(rows)
    columns = {place + 1 for place in places}
    existing: Any = sheet._cells  # pyright: ignore[reportPrivateUsage]  # only existing cells
    for (line, column), cell in list(existing.items()):
        if line > below and column in columns:
            cell.value = None


def _write_dbf(path: Path, rows: Rows, mapping: Mapping) -> None:
    import dbf
    from dbf.tables import code_pages

    # DBF has a code page mark for GBK (0x7A), and none for GB18030, which contains GBK
    code_pages[0x7A] = ("gb18030", "Chinese GB18030")
    size = {"C": "{0.name} C({0.width})", "N": "{0.name} N({0.width},{0.decimals})"}
    specs = "; ".join(size[column.type].format(column) for column in mapping.columns)
    numbers = [column.type == "N" for column in mapping.columns]
    with dbf.Table(str(path), specs, codepage="gb18030") as table:
        for row in rows:
            cells: Any = tuple(
                (float(value) if value else None) if number else value
                for value, number in zip(row, numbers, strict=True)
            )
            table.append(cells)


def _read_dbf(path: Path, mapping: Mapping) -> Rows:
    import dbf

    with dbf.Table(glob.escape(str(path))) as table:  # dbf takes the name as a pattern when it reads
        return [
            _as_read(tuple("" if cell is None else str(cell).rstrip() for cell in record), mapping) for record in table
        ]


_FORMS: dict[str, tuple[Callable[[Path, Rows, Mapping], None], Callable[[Path, Mapping], Rows]]] = {
    "csv": (_write_csv, _read_csv),
    "xlsx": (_write_xlsx, _read_xlsx),
    "dbf": (_write_dbf, _read_dbf),
}
