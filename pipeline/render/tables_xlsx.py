"""`tables.xlsx`: the tables for users, in Chinese, text without formulas. The last sheet lists the column names."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from io import BytesIO
from pathlib import Path
from shutil import copyfileobj
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from pipeline.atomic_files import sha256_of
from pipeline.cache import Cache, code_digest, digest_of
from pipeline.knowledge.text_columns import arrow
from pipeline.render.frames import TITLES, column_text, heading
from pipeline.tables import CSV_ROW_LIMIT, Frame
from pipeline.view.run_tables import Run
from pipeline.workbook_writer import A4, MAX_CELL, PAGE_FOOTER, text_width

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

ROW_LIMIT = 1_048_575  # Excel's rows less the heading
_ROWS_WRITTEN = 200_000  # longer tables are in csv or parquet only
_SHEETS = (
    "roster", "findings", "headcount", "colleges", "differences", "years", "certifications", "submissions", "changes",
    "registry_findings",
)  # fmt: skip
"""In the order of use: students, problems, numbers; tables for programs come last."""
_FONT = {"font_name": "微软雅黑", "font_size": 10}
_COLUMN_NAMES = "列名对照"
_WIDTH_LIMITS = (6, 40)  # characters of a column, a Chinese one counting two
_WIDTH_ROWS = 300  # rows that decide the width of a column
_CHUNK_ROWS = 2_000  # rows joined before they are written
_ESCAPED = re.compile("(_x[0-9a-fA-F]{4}_)")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_SPACE = r"[\s\p{Z}\x{85}]"
_SPECIAL = rf"_x[0-9a-fA-F]{{4}}_|[\x00-\x08\x0b-\x1f\x{{fffe}}\x{{ffff}}&<>]|\A{_SPACE}|{_SPACE}\z"
"""RE2: texts that need escaping."""
_PRESERVE = ' xml:space="preserve">'
_BLANK = pa.scalar("", pa.large_string())
_PAGE_CHARACTERS = 260  # the most characters in the width of A4 landscape


def write_tables_xlsx(path: Path, run: Run, *, rows: int = _ROWS_WRITTEN, cache: Cache | None = None) -> list[str]:
    """Write one sheet per table and return those left out for their size. Unchanged sheets are copied from `cache`."""
    limit = min(rows, ROW_LIMIT)
    left_out: list[str] = []
    frames: dict[str, Callable[[], Frame]] = {}
    reused: dict[str, Path] = {}
    keys: list[str] = []
    column_names: list[tuple[str, str, str]] = []
    skeleton = BytesIO()
    with xlsxwriter.Workbook(skeleton, {"in_memory": True}) as book:
        head = book.add_format({**_FONT, "bold": True, "bg_color": "#E8EEF5", "bottom": 1})
        text = book.add_format({**_FONT, "num_format": "@"})
        for name in filter(run.has, _SHEETS):
            title = TITLES.get(name, name)[:31]
            sheet = book.add_worksheet(title)
            part = f"xl/worksheets/sheet{len(book.worksheets())}.xml"
            count = run.count(name)
            if count > limit:
                left_out.append(name)
                sheet.write_string(0, 0, _omitted_note(name, count))
                continue
            width_rows = _WIDTH_ROWS
            if cache is not None:
                keys.append(digest_of("sheet", part, name, sha256_of(run.file(name)), code_digest()))
                if earlier := cache.find(keys[-1]):
                    reused[part], width_rows = earlier, 0  # the copied sheet has its widths
            frames[part] = partial(run.table, name)
            columns = _set_up_sheet(sheet, run.head(name, width_rows), count, head, text)
            column_names += [(title, heading(column), f"{name}.{column}") for column in columns]
        names = pd.DataFrame(column_names, columns=["工作表", "列", "tables 文件夹中的表和列"])
        _set_up_sheet(book.add_worksheet(_COLUMN_NAMES), names.head(_WIDTH_ROWS), len(names), head, text)
        frames[f"xl/worksheets/sheet{len(book.worksheets())}.xml"] = lambda: names
    with ZipFile(skeleton) as skeleton_zip, ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1) as target:
        for part in skeleton_zip.infolist():
            if part.filename in reused:
                _copy_part(target, part.filename, reused[part.filename])
            elif part.filename in frames:
                _write_part(target, part.filename, skeleton_zip.read(part).decode(), frames[part.filename]())
            else:
                target.writestr(part, skeleton_zip.read(part))
    if cache is not None:
        cache.record([path], *keys)
    return left_out


def _copy_part(target: ZipFile, part: str, earlier: Path) -> None:
    with ZipFile(earlier) as book, book.open(part) as source, target.open(part, "w", force_zip64=True) as file:
        copyfileobj(source, file)


def _write_part(target: ZipFile, part: str, skeleton: str, frame: Frame) -> None:
    """Write a table's rows into its sheet as XML joined by Arrow, because XlsxWriter takes twenty times as long."""
    style = re.search(r'<col [^>]*style="([0-9]+)"', skeleton)
    cell = f' s="{style[1]}" t="inlineStr"><is><t' if style else ' t="inlineStr"><is><t'
    letters: list[str] = [xl_col_to_name(index) for index in range(len(frame.columns))]
    columns = dict(zip(letters, [_cell_xml(column_text(frame[column])) for column in frame.columns], strict=True))
    before, end, after = skeleton.partition("</sheetData>")
    if len(frame):
        before = re.sub(r'(<dimension ref="A1)[^"]*"', rf'\1:{letters[-1]}{len(frame) + 1}"', before)
    with target.open(part, "w", force_zip64=True) as file:
        file.write(before.encode())
        for start in range(0, len(frame), _CHUNK_ROWS):
            file.write(_rows_xml(columns, start, min(_CHUNK_ROWS, len(frame) - start), cell))
        file.write((end + after).encode())


def _cell_xml(column: pd.Series) -> pa.DictionaryArray:
    """Return a text column as XML: the end of the `<t` tag, the text, the closing tags. A blank stays blank."""
    words = arrow(column.str.slice(0, MAX_CELL)).dictionary_encode()
    distinct = words.dictionary
    special = pc.match_substring_regex(distinct, _SPECIAL)
    escaped = pa.array(map(_escape_text, distinct.filter(special).to_pylist()), pa.large_string())
    tagged = _join(pc.replace_with_mask(_join(">", distinct), special, escaped), "</t></is></c>")
    return pa.DictionaryArray.from_arrays(words.indices, pc.if_else(pc.equal(distinct, _BLANK), _BLANK, tagged))


def _rows_xml(columns: Mapping[str, pa.DictionaryArray], start: int, count: int, cell: str) -> bytes:
    """Return the XML of `count` rows. A blank cell has none."""
    row = pa.array(map(str, range(start + 2, start + 2 + count)), pa.large_string())
    line = ['<row r="', row, '">']
    for letter, texts in columns.items():
        cells = texts.slice(start, count).dictionary_decode()
        line.append(pc.if_else(pc.equal(cells, _BLANK), _BLANK, _join(f'<c r="{letter}', row, f'"{cell}', cells)))
    return b"".join(_join(*line, "</row>").cast(pa.large_binary()).to_pylist())


def _join(*parts: str | pa.Array) -> pa.Array:
    large = [pa.scalar(part, pa.large_string()) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*large, _BLANK)


def _escape_text(text: str) -> str:
    """Return the end of the `<t` tag and the escaped text. A character that XML forbids becomes `_x0007_`."""
    escaped = _CONTROL.sub(lambda found: f"_x{ord(found[0]):04X}_", _ESCAPED.sub(r"_x005F\1", text))
    return f"{_PRESERVE if text != text.strip() else '>'}{escape(escaped)}"


def _omitted_note(name: str, count: int) -> str:
    files = f"{name}.parquet" if count > CSV_ROW_LIMIT else f"{name}.csv 或 {name}.parquet"
    reason = f"超过了 Excel 一张表的 {ROW_LIMIT + 1} 行" if count > ROW_LIMIT else "表格软件难以打开"
    return f"这张表有 {count} 行，{reason}：请用 tables 文件夹里的 {files}"


def _set_up_sheet(sheet: Worksheet, first: Frame, rows: int, head: Format, text: Format) -> list[str]:
    headings = [heading(str(column)) for column in first.columns]
    widths = [_width(name, list(column_text(first[at]))) for name, at in zip(headings, first.columns, strict=True)]
    _page_setup(sheet, rows, widths)
    for at, (name, width) in enumerate(zip(headings, widths, strict=True)):
        sheet.set_column(at, at, width, text)
        sheet.write_string(0, at, name, head)
    return [str(column) for column in first.columns]


def _width(name: str, values: list[str]) -> int:
    narrowest, widest = _WIDTH_LIMITS
    longest = max((text_width(value) for value in values), default=0)
    return max(narrowest, text_width(name) + 4, min(longest + 2, widest))


def _page_setup(sheet: Worksheet, rows: int, widths: list[int]) -> None:
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(rows, 1), max(len(widths) - 1, 0))
    if rows and widths:
        sheet.ignore_errors({"number_stored_as_text": f"A1:{xl_col_to_name(len(widths) - 1)}{rows + 1}"})
    sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.repeat_rows(0)
    sheet.set_footer(f"&L&A{PAGE_FOOTER}")
    if sum(widths) <= _PAGE_CHARACTERS:
        sheet.fit_to_pages(1, 0)
