"""Read CSV and TSV: encoding, delimiter, quoted line breaks, rows of unequal length. Arrow reads large clean files."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false
from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, TextIO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.collect.cell_text import HEAD_ROWS, filled_columns, joined_table, text_table
from pipeline.collect.collected import Cell, Grid, Note, Reading, table_cells
from pipeline.collect.header import SEARCHED_ROWS
from pipeline.collect.headings import field_of_heading
from pipeline.collect.inputs import Content
from pipeline.errors import InputError

if TYPE_CHECKING:
    import _csv

_DELIMITERS = {",": "逗号", "\t": "制表符", ";": "分号", "|": "竖线", "，": "全角逗号"}
_MAX_CELL = 1 << 24  # characters of one cell; csv's buffer takes eight bytes for each
_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_MAX_BAD_SHARE = 0.01  # share of undecodable characters above which the guess is wrong
_REPLACED = "\ufffd"
_STEP = 1 << 22
_CHUNK = 50_000
_ARROW_BYTES = 4 << 20  # bytes from which Arrow reads a clean file
_SAMPLE_BYTES = 1 << 18  # bytes from which the delimiter is guessed
_SEPARATOR = re.compile(r'^sep=([^"\r\n])\r?\n', re.IGNORECASE)
_TEXT_FORMULA = re.compile(r'^="([^"]*)"$')
_MAX_WIDTH = 16_384
_MAX_AREA = 10_000_000  # cells below the header, blank ones too; each costs 8 bytes
_EXTRA_CELLS = 64  # cells that a row may have beyond the usual number


@dataclass(frozen=True)
class Text:
    """A text file's bytes without BOM. `unreadable` is the number of characters that cannot be decoded."""

    data: bytes
    encoding: str
    detail: str
    unreadable: int = 0

    def lines(self, newline: str | None = "") -> TextIO:
        """Return a text stream. Line ends stay as they are unless `newline` is None."""
        return io.TextIOWrapper(io.BytesIO(self.data), self.encoding, errors="replace", newline=newline)

    def head(self, size: int) -> str:
        """Return the text of the first `size` bytes."""
        return self.data[:size].decode(self.encoding, errors="ignore")


def decode(data: bytes, name: str) -> Text:
    """Detect the encoding. UTF-16 and UTF-32 are converted to UTF-8. Raise `InputError` if no encoding fits."""
    mark, wide = next(((mark, encoding) for mark, encoding in _BYTE_ORDER_MARKS if data.startswith(mark)), (b"", ""))
    data, wide = data[len(mark) :], wide or _utf16_variant(data)
    detail = f"{wide.upper()}（{'有' if mark else '没有'} BOM）"
    if wide and wide != "utf-8":
        text = data.decode(wide, errors="replace")
        return Text(text.encode(), "utf-8", detail, text.count(_REPLACED))
    for encoding in ("utf-8",) if mark else ("utf-8", "gb18030"):
        if _decodes(data, encoding):
            return Text(data, encoding, detail if mark else encoding.upper())
    counts = {encoding: data.decode(encoding, errors="replace").count(_REPLACED) for encoding in ("utf-8", "gb18030")}
    encoding = min(counts, key=lambda encoding: counts[encoding])
    if counts[encoding] > max(3, len(data) // 2 * _MAX_BAD_SHARE):
        raise InputError("文字编码认不出", where=name, remedy="请用 Excel 或 WPS 打开，另存为 xlsx 或 UTF-8 的 CSV")
    return Text(data, encoding, encoding.upper(), counts[encoding])


def _utf16_variant(data: bytes) -> str:
    """Return the UTF-16 variant of a text without BOM, guessed by its zero bytes, or ""."""
    head = data[:4096]
    if len(head) < 8 or head.count(0) * 10 < len(head) * 2:
        return ""
    odd, even = head[1::2].count(0), head[::2].count(0)
    if min(odd, even) * 5 > max(odd, even):
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _decodes(data: bytes, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for start in range(0, len(data), _STEP):
            decoder.decode(data[start : start + _STEP], final=start + _STEP >= len(data))
    except UnicodeDecodeError:
        return False
    return True


def guess_delimiter(text: str) -> str:
    """Return the delimiter with the most known labels in the first records, then the most records of equal width."""

    def fitness(delimiter: str) -> tuple[int, int]:
        head = list(islice(_records(io.StringIO(text, newline=""), delimiter), SEARCHED_ROWS))
        labels = max((sum(bool(field_of_heading(cell)) for cell in record[:200]) for record in head), default=0)
        widths = [len(record) for record in head if record]
        usual = max(set(widths), key=widths.count, default=1)
        return labels, widths.count(usual) * usual if usual > 1 else 0

    return max(_DELIMITERS, key=fitness)  # the first of equals


def _records(lines: TextIO, delimiter: str) -> _csv.Reader:
    csv.field_size_limit(_MAX_CELL)
    return csv.reader(lines, delimiter=delimiter)


def read_delimited(content: Content) -> tuple[Reading, str]:
    """Return the file as a grid, and encoding and delimiter in Chinese. InputError: bad encoding, or too wide a row."""
    text = decode(content.data, content.name)
    notes = _decoding_notes(text, content.name)
    text = replace(text, data=text.data.replace(b"\0", b""))
    declared = _SEPARATOR.match(text.head(64))
    if declared:
        text = replace(text, data=text.data[len(declared[0].encode(text.encoding)) :])
    delimiter = declared[1] if declared else guess_delimiter(text.head(_SAMPLE_BYTES))
    detail = f"编码 {text.detail}，分隔符 {_DELIMITERS.get(delimiter, delimiter)}"
    table = _clean_table(text, delimiter) if len(text.data) >= _ARROW_BYTES and not notes else None
    if table is not None:
        head = [list(row.values()) for row in table.slice(0, HEAD_ROWS).to_pylist()]
        return Reading([_without_text_formulas(Grid(content.name, "", head, table=table.slice(HEAD_ROWS)))]), detail
    records: Iterator[list[str]] = _records(text.lines(), delimiter)
    broken_row = _row_with_rows(text, delimiter) if b'"' in text.data else 0
    if broken_row:
        message = "引号没有成对，已改为一行一条读取，这一行起的几行请核对"
        notes.append(Note("warning", content.name, "", broken_row, message))
        records = (next(csv.reader([line], delimiter=delimiter), []) for line in text.lines(newline=None))
    grid = _grid(content.name, _check_width(records, content.name), text, delimiter, notes)
    return Reading([_without_text_formulas(grid) if b'="' in text.data else grid]), detail


def _decoding_notes(text: Text, name: str) -> list[Note]:
    notes: list[Note] = []
    if (position := text.data.find(b"\0")) >= 0:
        message = f"含有 NUL 字节（共 {text.data.count(0)} 个），已去掉"
        notes.append(Note("warning", name, "", text.data.count(b"\n", 0, position) + 1, message))
    if text.unreadable:
        message = f"有 {text.unreadable} 个字认不出，显示为 \ufffd，请在原文件中改正后重新导出"
        notes.append(Note("warning", name, "", 0, message))
    return notes


def _clean_table(text: Text, delimiter: str) -> pa.Table | None:
    """Return all rows as text columns. None if the rows differ in width or a cell has a line break."""
    import pyarrow.csv as pv

    if len(delimiter.encode()) > 1:
        return None
    width = text.head(text.data.find(b"\n") + 1).count(delimiter) + 1
    names = [str(number) for number in range(width)]
    try:
        table = pv.read_csv(
            pa.BufferReader(text.data),
            read_options=pv.ReadOptions(column_names=names, block_size=16 << 20, encoding=text.encoding),
            parse_options=pv.ParseOptions(delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=False),
            convert_options=pv.ConvertOptions(
                column_types={name: pa.large_string() for name in names}, null_values=[], strings_can_be_null=False
            ),
        )
    except (pa.ArrowException, UnicodeDecodeError):
        return None
    columns = [table.column(number) for number in filled_columns(table)]
    broken = any(pc.any(pc.match_substring_regex(column, "[\r\n]")).as_py() for column in columns)
    return None if broken else table


def _without_text_formulas(grid: Grid) -> Grid:
    """Replace `="430…"`, by which spreadsheets force text, by the text."""
    cells: list[Cell] = []
    for number, record in enumerate(grid.values):
        for column, cell in enumerate(record):
            if match := _TEXT_FORMULA.match(cell):
                cells.append(Cell(number, column, "formula", cell))
                record[column] = match[1]
    if grid.table is None:
        return replace(grid, cells=cells)
    table, parts = grid.table, list[pd.DataFrame]()
    for number in filled_columns(table):
        column = table.column(number)
        is_forced = pc.match_substring_regex(column, _TEXT_FORMULA.pattern)
        if pc.any(is_forced).as_py():
            rows, raw = pc.indices_nonzero(is_forced).to_pandas(), column.filter(is_forced).to_pandas()
            parts.append(pd.DataFrame({"row": rows, "column": number, "kind": "formula", "raw": raw}))
            text = pc.replace_substring_regex(column, _TEXT_FORMULA.pattern, r"\1")
            table = table.set_column(number, table.column_names[number], text)
    return replace(grid, cells=cells, table=table, table_cells=table_cells(parts))


def _check_width(records: Iterator[list[str]], name: str) -> Iterator[list[str]]:
    number = 0
    try:
        for number, record in enumerate(records, 1):
            if len(record) > _MAX_WIDTH:
                raise InputError(f"第 {number} 行超过 {_MAX_WIDTH} 格", where=name, remedy="请核对这一行的引号和分隔符")
            yield record
    except csv.Error:
        message = f"第 {number + 1} 条记录有一格超过 {_MAX_CELL // 10_000} 万字"
        raise InputError(message, where=name, remedy="请核对这一处的引号和换行，重新导出") from None


def _row_with_rows(text: Text, delimiter: str) -> int:
    """Return the first row (1-based) with a cell that contains further rows (an unpaired quote), or 0."""
    width = number = lines = 0
    records = _records(text.lines(), delimiter)
    try:
        for number, record in enumerate(records, 1):
            width = max(width, len(record)) if number <= SEARCHED_ROWS else width
            if any(_holds_rows(cell, delimiter, width) for cell in record):
                return number
            lines = records.line_num
    except csv.Error:  # a cell without end: does it contain rows?
        following = "".join(islice(text.lines(), lines, lines + SEARCHED_ROWS))
        return number + 1 if _holds_rows(following, delimiter, width) else 0
    return 0


def _holds_rows(cell: str, delimiter: str, width: int) -> bool:
    return "\n" in cell and cell.count(delimiter) >= max(3, width // 3)


def _grid(name: str, records: Iterator[list[str]], text: Text, delimiter: str, notes: list[Note]) -> Grid:
    values = list(islice(records, HEAD_ROWS))
    widths = [len(record) for record in values]
    filled = [width for width in widths if width]
    usual = max(set(filled), key=filled.count, default=0)
    lines = text.data.count(b"\n") + text.data.count(b"\r") + 1
    limit = max(usual + _EXTRA_CELLS, _MAX_AREA // lines)
    batches: list[pa.Table] = []
    while chunk := list(islice(records, _CHUNK)):
        widths += map(len, chunk)
        # The cells beyond `limit` are joined: one long row would widen the whole table.
        folded = [
            record if len(record) <= limit else [*record[: limit - 1], delimiter.join(record[limit - 1 :])]
            for record in chunk
        ]
        batches.append(text_table(folded, max(map(len, folded))))
    longer = [number for number, width in enumerate(widths, 1) if width > usual and number > 1]
    if longer:
        message = f"有 {len(longer)} 行比多数行长（{usual} 格），可能多了分隔符而错位，请核对这些行"
        notes.append(Note("warning", name, "", longer[0], message))
    return Grid(name, "", values, notes=notes, table=joined_table(batches))
