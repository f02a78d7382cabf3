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
from pipeline.render.frames import TITLES, column_words, heading
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
"""In the order in which people ask: who, what is wrong, how many; what programs work with comes last."""
_FONT = {"font_name": "微软雅黑", "font_size": 10}
_NAMES = "列名对照"
_WIDTHS = (6, 40)  # characters of a column, a Chinese one counting two
_LOOKED_AT = 300  # rows that decide the width of a column
_AT_ONCE = 2_000  # rows joined before they are written
_ESCAPED = re.compile("(_x[0-9a-fA-F]{4}_)")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_SPACE = r"[\s\p{Z}\x{85}]"
_SPECIAL = rf"_x[0-9a-fA-F]{{4}}_|[\x00-\x08\x0b-\x1f\x{{fffe}}\x{{ffff}}&<>]|\A{_SPACE}|{_SPACE}\z"
"""RE2: what is not written as it stands."""
_PRESERVE = ' xml:space="preserve">'
_BLANK = pa.scalar("", pa.large_string())
_PAPER = 260  # the most characters in the width of A4 landscape


def write_tables_xlsx(path: Path, run: Run, *, rows: int = _ROWS_WRITTEN, kept: Cache | None = None) -> list[str]:
    """Write one sheet per table and return those left out for their size. Unchanged sheets are copied from `kept`."""
    limit = min(rows, ROW_LIMIT)
    left_out: list[str] = []
    shown: dict[str, Callable[[], Frame]] = {}
    taken: dict[str, Path] = {}
    keys: list[str] = []
    named: list[tuple[str, str, str]] = []
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
                sheet.write_string(0, 0, _left_out(name, count))
                continue
            looked_at = _LOOKED_AT
            if kept is not None:
                keys.append(digest_of("sheet", part, name, sha256_of(run.file(name)), code_digest()))
                if earlier := kept.find(keys[-1]):
                    taken[part], looked_at = earlier, 0  # its widths stand there
            shown[part] = partial(run.table, name)
            columns = _outline(sheet, run.head(name, looked_at), count, head, text)
            named += [(title, heading(column), f"{name}.{column}") for column in columns]
        names = pd.DataFrame(named, columns=["工作表", "列", "tables 文件夹中的表和列"])
        _outline(book.add_worksheet(_NAMES), names.head(_LOOKED_AT), len(names), head, text)
        shown[f"xl/worksheets/sheet{len(book.worksheets())}.xml"] = lambda: names
    with ZipFile(skeleton) as outline, ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1) as made:
        for part in outline.infolist():
            if part.filename in taken:
                _take(made, part.filename, taken[part.filename])
            elif part.filename in shown:
                _fill(made, part.filename, outline.read(part).decode(), shown[part.filename]())
            else:
                made.writestr(part, outline.read(part))
    if kept is not None:
        kept.record([path], *keys)
    return left_out


def _take(made: ZipFile, part: str, earlier: Path) -> None:
    with ZipFile(earlier) as book, book.open(part) as given, made.open(part, "w", force_zip64=True) as file:
        copyfileobj(given, file)


def _fill(made: ZipFile, part: str, outline: str, frame: Frame) -> None:
    """Write a table's rows into its sheet as XML joined by Arrow, because XlsxWriter takes twenty times as long."""
    style = re.search(r'<col [^>]*style="([0-9]+)"', outline)
    cell = f' s="{style[1]}" t="inlineStr"><is><t' if style else ' t="inlineStr"><is><t'
    letters: list[str] = [xl_col_to_name(at) for at in range(len(frame.columns))]
    columns = dict(zip(letters, [_texts(column_words(frame[column])) for column in frame.columns], strict=True))
    before, end, after = outline.partition("</sheetData>")
    if len(frame):
        before = re.sub(r'(<dimension ref="A1)[^"]*"', rf'\1:{letters[-1]}{len(frame) + 1}"', before)
    with made.open(part, "w", force_zip64=True) as file:
        file.write(before.encode())
        for start in range(0, len(frame), _AT_ONCE):
            file.write(_lines(columns, start, min(_AT_ONCE, len(frame) - start), cell))
        file.write((end + after).encode())


def _texts(column: pd.Series) -> pa.DictionaryArray:
    """Return a text column, each distinct text as the end of an XML tag and what follows it (a blank: nothing)."""
    words = arrow(column.str.slice(0, MAX_CELL)).dictionary_encode()
    distinct = words.dictionary
    special = pc.match_substring_regex(distinct, _SPECIAL)
    kept = pa.array(map(_kept, distinct.filter(special).to_pylist()), pa.large_string())
    tagged = _joined(pc.replace_with_mask(_joined(">", distinct), special, kept), "</t></is></c>")
    return pa.DictionaryArray.from_arrays(words.indices, pc.if_else(pc.equal(distinct, _BLANK), _BLANK, tagged))


def _lines(columns: Mapping[str, pa.DictionaryArray], start: int, count: int, cell: str) -> bytes:
    """Return the XML of `count` rows. A blank cell has none."""
    row = pa.array(map(str, range(start + 2, start + 2 + count)), pa.large_string())
    line = ['<row r="', row, '">']
    for letter, texts in columns.items():
        own = texts.slice(start, count).dictionary_decode()
        line.append(pc.if_else(pc.equal(own, _BLANK), _BLANK, _joined(f'<c r="{letter}', row, f'"{cell}', own)))
    return b"".join(_joined(*line, "</row>").cast(pa.large_binary()).to_pylist())


def _joined(*parts: str | pa.Array) -> pa.Array:
    large = [pa.scalar(part, pa.large_string()) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*large, _BLANK)


def _kept(text: str) -> str:
    """Return the end of a tag and a special text. Characters that XML forbids become `_x0007_`, as in Office."""
    escaped = _CONTROL.sub(lambda found: f"_x{ord(found[0]):04X}_", _ESCAPED.sub(r"_x005F\1", text))
    return f"{_PRESERVE if text != text.strip() else '>'}{escape(escaped)}"


def _left_out(name: str, count: int) -> str:
    files = f"{name}.parquet" if count > CSV_ROW_LIMIT else f"{name}.csv 或 {name}.parquet"
    past = f"超过了 Excel 一张表的 {ROW_LIMIT + 1} 行" if count > ROW_LIMIT else "表格软件难以打开"
    return f"这张表有 {count} 行，{past}：请用 tables 文件夹里的 {files}"


def _outline(sheet: Worksheet, first: Frame, rows: int, head: Format, text: Format) -> list[str]:
    headings = [heading(str(column)) for column in first.columns]
    widths = [_width(name, list(column_words(first[at]))) for name, at in zip(headings, first.columns, strict=True)]
    _page_setup(sheet, rows, widths)
    for at, (name, width) in enumerate(zip(headings, widths, strict=True)):
        sheet.set_column(at, at, width, text)
        sheet.write_string(0, at, name, head)
    return [str(column) for column in first.columns]


def _width(name: str, values: list[str]) -> int:
    narrowest, widest = _WIDTHS
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
    if sum(widths) <= _PAPER:
        sheet.fit_to_pages(1, 0)
