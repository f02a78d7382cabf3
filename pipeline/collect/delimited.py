"""CSV and TSV: encoding ladder, delimiter, quotes with newlines, ragged rows; the guesses are said in the summary."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false
from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pyarrow as pa

from pipeline.collect.collected import Cell, Grid, Note, Reading
from pipeline.collect.compact import HEAD, joined_table, text_table
from pipeline.collect.delimiter import DELIMITERS, LONGEST, guess_delimiter, records_of
from pipeline.collect.encoding import Text, decode
from pipeline.collect.header import LOOK_DOWN
from pipeline.collect.inputs import Content
from pipeline.errors import InputError

_CHUNK = 50_000
_BIG = 4 << 20  # bytes from which a clean file is read by Arrow
_SEPARATOR = re.compile(r'^sep=([^"\r\n])\r?\n', re.IGNORECASE)
_TEXT_FORMULA = re.compile(r'^="([^"]*)"$')
_WIDEST = 16_384
_SPACE = 10_000_000  # cells below the header, blank ones too: each costs 8 bytes
_BESIDE = 64  # cells that a row may always have beyond the usual number


def read_delimited(content: Content) -> tuple[Reading, str]:
    """Return a csv's or tsv's rows as one grid, and how it was read.

    Raises:
        InputError: its encoding is none of the ladder, or a row has more cells than any spreadsheet.
    """
    if len(content.data) >= _BIG:
        from pipeline.collect.columnar import read_clean

        if clean := read_clean(content):
            return clean
    text = decode(content.data, content.name)
    notes = _decoding_notes(text, content.name)
    text = replace(text, data=text.data.replace(b"\0", b""))
    said = _SEPARATOR.match(text.head(64))
    if said:
        text = replace(text, data=text.data[len(said[0].encode(text.encoding)) :])
    delimiter = said[1] if said else guess_delimiter(text.head())
    records, swallowed = _records(text, delimiter, content.name)
    if swallowed:
        message = "引号没有成对，已改为一行一条读取，这一行起的几行请核对"
        notes.append(Note("warning", content.name, "", swallowed, message))
    grid = _grid(content.name, records, text, delimiter, notes)
    return Reading([grid]), f"编码 {text.detail}，分隔符 {DELIMITERS.get(delimiter, delimiter)}"


def _decoding_notes(text: Text, name: str) -> list[Note]:
    notes: list[Note] = []
    if (at := text.data.find(b"\0")) >= 0:
        message = f"含有 NUL 字节（共 {text.data.count(0)} 个），已去掉"
        notes.append(Note("warning", name, "", text.data.count(b"\n", 0, at) + 1, message))
    if text.unreadable:
        message = f"有 {text.unreadable} 个字认不出，显示为 \ufffd，请在原文件中改正后重新导出"
        notes.append(Note("warning", name, "", 0, message))
    return notes


def _records(text: Text, delimiter: str, name: str) -> tuple[Iterator[list[str]], int]:
    """Return the records, and the row (1-based) from which a stray quote would have swallowed others, or 0."""
    swallowed = _swallowed(text, delimiter) if b'"' in text.data else 0
    if not swallowed:
        return _told(records_of(text.lines(), delimiter), name), 0
    lines = io.TextIOWrapper(io.BytesIO(text.data), text.encoding, errors="replace", newline=None)
    return _told((next(csv.reader([line], delimiter=delimiter), []) for line in lines), name), swallowed


def _told(records: Iterator[list[str]], name: str) -> Iterator[list[str]]:
    """Yield the records. A cell longer than the limit raises `InputError`."""
    number = 0
    try:
        for number, record in enumerate(records, 1):  # noqa: B007  # the last one that was whole
            yield record
    except csv.Error:
        what = f"第 {number + 1} 条记录有一格超过 {LONGEST // 10_000} 万字"
        raise InputError(what, where=name, remedy="请核对这一处的引号和换行，重新导出") from None


def _swallowed(text: Text, delimiter: str) -> int:
    """Return the first row (1-based) with a cell that holds whole rows, as after a quote without its partner, or 0."""
    width = number = lines = 0
    records = records_of(text.lines(), delimiter)
    try:
        for number, record in enumerate(records, 1):
            width = max(width, len(record)) if number <= LOOK_DOWN else width
            if any(_holds_rows(cell, delimiter, width) for cell in record):
                return number
            lines = records.line_num
    except csv.Error:  # a cell without end: are there rows in it?
        within = "".join(islice(text.lines(), lines, lines + LOOK_DOWN))
        return number + 1 if _holds_rows(within, delimiter, width) else 0
    return 0


def _holds_rows(cell: str, delimiter: str, width: int) -> bool:
    return "\n" in cell and cell.count(delimiter) >= max(3, width // 3)


def _grid(name: str, records: Iterator[list[str]], text: Text, delimiter: str, notes: list[Note]) -> Grid:
    """Return the records as a grid: the first ones as lists, the rest as Arrow columns."""
    forced = b'="' in text.data
    cells: list[Cell] = []
    values = _plain(0, list(islice(records, HEAD)), cells, forced=forced)
    widths = _Widths(name, [len(record) for record in values])
    lines = text.data.count(b"\n") + text.data.count(b"\r") + 1
    most = max(widths.usual + _BESIDE, _SPACE // lines)
    batches: list[pa.Table] = []
    start = len(values)
    while chunk := list(islice(records, _CHUNK)):
        chunk = _plain(start, chunk, cells, forced=forced)
        widths.see(start, chunk)
        batches.append(text_table([_folded(record, most, delimiter) for record in chunk]))
        start += len(chunk)
    notes += widths.notes()
    return Grid(name, "", values, cells, notes=notes, table=joined_table(batches))


def _folded(record: list[str], most: int, delimiter: str) -> list[str]:
    """Join the cells beyond `most` into the last one, because one long row would widen the whole table."""
    return record if len(record) <= most else [*record[: most - 1], delimiter.join(record[most - 1 :])]


def _plain(start: int, records: list[list[str]], cells: list[Cell], *, forced: bool) -> list[list[str]]:
    """Return the records with `="430…"`, a spreadsheet's way to force text, as the text that it shows."""
    if not forced:
        return records
    for number, record in enumerate(records, start):
        for column, cell in enumerate(record):
            if found := _TEXT_FORMULA.match(cell):
                cells.append(Cell(number, column, "formula", cell))
                record[column] = found[1]
    return records


class _Widths:
    """How many cells rows have: those unlike the `usual` are worth a note, as a stray delimiter shifts a row."""

    def __init__(self, name: str, head: list[int]) -> None:
        self._name = name
        filled = [width for width in head if width]
        self.usual = max(set(filled), key=filled.count, default=0)
        self._first = 0
        self._count = 0
        for number, width in enumerate(head):
            self._take(number, width)

    def _take(self, number: int, width: int) -> None:
        if width > _WIDEST:
            raise InputError(
                f"第 {number + 1} 行超过 {_WIDEST} 格", where=self._name, remedy="请核对这一行的引号和分隔符"
            )
        if width > self.usual and number:
            self._count += 1
            self._first = self._first or number + 1

    def see(self, start: int, chunk: list[list[str]]) -> None:
        """Look at the rows of a chunk that starts at this 0-based row."""
        for number, record in enumerate(chunk, start):
            self._take(number, len(record))

    def notes(self) -> list[Note]:
        """Return the note on rows longer than usual."""
        if not self._count:
            return []
        message = f"有 {self._count} 行比多数行长（{self.usual} 格），可能多了分隔符而错位，请核对这些行"
        return [Note("warning", self._name, "", self._first, message)]
