"""Workbooks (xlsx, xls, xlsb, ods): calamine reads the values in a child process, the XML parts give the rest."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false
from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Timer
from typing import Any

from pipeline.collect._guarded import SEPARATOR
from pipeline.collect.cell_text import (
    OverlayFacts,
    Portion,
    overlay_notes,
    padded_size,
    row_lists,
    table_of_bytes,
    text_and_columns,
)
from pipeline.collect.collected import Grid, Note, Reading
from pipeline.collect.inputs import Archive, Content
from pipeline.collect.workbook_facts import XlsxFacts, ods_facts
from pipeline.errors import InputError

_TIMEOUT = 60  # by the clock; the child ends itself after 9 s of the processor
_CHILD = Path(__file__).with_name("_guarded.py")
_MALLOC_SETTINGS = "glibc.malloc.hugetlb=1:glibc.malloc.top_pad=33554432"
"""A process that lives for one workbook spent a quarter of its time on asking for its memory page by page."""
_REMEDY_SIZE = "请删去右边和下边多余的内容，分成几个文件，或另存为 CSV"
_REMEDY_SAVE_AS = "请用 Excel 或 WPS 打开，另存为 xlsx 后再放回来；打不开就请对方重新发来"
_ERRORS = {
    "slow": ("读了很久还没有读完，已放弃", _REMEDY_SIZE),
    "MemoryError": ("展开后太大，未读取", _REMEDY_SIZE),
    "PasswordError": ("工作簿有密码", "请用 Excel 或 WPS 打开，去掉密码，另存为 xlsx 后再放回来"),
    "CalamineError": ("工作簿读不出，可能已损坏", _REMEDY_SAVE_AS),
}
_MAX_PADDED = 3_000_000  # cells of the rows that formulas and error values are in
_TOO_LARGE = "内容铺得太大，未读取。请删去右边和下边多余的内容，或另存为 CSV、Parquet"
_ROW, _END_DATA = 0, 146  # records of an xlsb's worksheet
_SKIPPED_CELLS = {*range(12, 19), 62}  # [MS-XLSB] 2.3.2: the short kinds of cells (no column of their own), rich text


@dataclass(frozen=True)
class RawSheet:
    """A worksheet; `rows` is None if it is too large. `merged` are 0-based inclusive (top, left, bottom, right)."""

    name: str
    visible: bool
    merged: list[tuple[int, int, int, int]]
    rows: list[Portion] | None


@dataclass
class _ChildOutput:
    """The objects that a child process sends. `ending` is its last message ("whole" or an error), or how it ended."""

    process: subprocess.Popen[bytes]
    ending: str = ""

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:  # noqa: ANN401  # what was pickled
        with suppress(EOFError, pickle.UnpicklingError):
            message = pickle.load(self.process.stdout) if self.process.stdout and not self.ending else ""
            if not isinstance(message, str):
                return message
            self.ending = self.ending or message
        if not self.ending:  # killed by a limit of time or memory, or by a panic
            code = self.process.wait()
            slow = code == -getattr(signal, "SIGXCPU", 0)
            self.ending = self.ending or ("slow" if slow else "MemoryError" if code < 0 else "Panic")
        raise StopIteration

    def error(self, file: str) -> InputError:
        what, remedy = _ERRORS.get(self.ending, (f"工作簿读不出（{self.ending}）", _REMEDY_SAVE_AS))
        return InputError(what, where=file, remedy=remedy)


@contextmanager
def _run_child(arguments: list[str], data: bytes) -> Generator[_ChildOutput]:
    command = [sys.executable, "-I", str(_CHILD), *arguments]
    environment = {**os.environ, "GLIBC_TUNABLES": _MALLOC_SETTINGS}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        output = _ChildOutput(process)

        def stop() -> None:
            output.ending = "slow"
            process.kill()

        timer = Timer(_TIMEOUT, stop)
        timer.start()
        try:
            with suppress(OSError):  # the child may have ended; then `ending` says why
                if process.stdin:
                    process.stdin.write(data)
                    process.stdin.close()
            yield output
        finally:
            timer.cancel()
            process.kill()


def _sheets_of(file: str, data: bytes) -> Generator[RawSheet]:
    """Yield a workbook's worksheets. One that is too large does not stop the others."""
    first, complete = 0, False
    while not complete:
        at = -1
        with _run_child([str(first)], data) as output:
            for at, name in output:  # noqa: B007  # the last one that it came to
                visible, merged = next(output, None) or (True, None)
                if merged is None:
                    yield RawSheet(name, visible, [], None)
                    continue
                ranges = [(top, left, bottom, right) for (top, left), (bottom, right) in merged]
                yield RawSheet(name, visible, ranges, _read_portions(file, output))
            complete = output.ending == "whole"
            if not complete and (output.ending != "MemoryError" or at < first):
                raise output.error(file)
        first = at + 1  # a new child starts after the worksheet that was too large


def dbf_rows(file: str, folder: Path, encoding: str) -> list[Portion]:
    """Return the records of `table.dbf` in `folder` that are not deleted. Its memo file may be there too."""
    with _run_child([str(folder), encoding], b"") as output:
        return _read_portions(file, output)


def _read_portions(file: str, output: _ChildOutput) -> list[Portion]:
    portions: list[Portion] = []
    for portion in output:
        if portion is None:
            return portions
        portions.append(portion if isinstance(portion, list) else table_of_bytes(portion[0], portion[1], SEPARATOR))
    raise output.error(file)


def read_workbook(content: Content, kind: str, archive: Archive | None) -> Reading:
    """Return every worksheet (xlsx, xlsb, ods; xls has no `archive`). `InputError` for a password, damage or size."""
    limits = f"{kind} 格式看不出隐藏的行列、公式和错误值（读作空白），最好另存为 xlsx"
    notes = [Note("info", content.name, "", 0, limits)]
    if archive is None:
        return _read_binary(content.name, content.data, notes)
    if kind == "xlsb":
        return _read_binary(content.name, archive.rebuilt(), [*notes, *_skipped_cell_notes(archive)])
    sheets = _sheets_of(content.name, archive.rebuilt())
    if kind == "xlsx":
        book = XlsxFacts(archive)
        return _read(content.name, sheets, book.facts, book.notes())
    sheets_read = list(sheets)
    rows = max((sum(map(len, each.rows or ())) for each in sheets_read), default=0)
    portions = [portion for each in sheets_read for portion in each.rows or ()]
    widths = [max(map(len, one), default=0) if isinstance(one, list) else one.num_columns for one in portions]
    found = ods_facts(archive.read("content.xml"), (rows, max(widths, default=0)))
    return _read(content.name, sheets_read, lambda name: found.get(name, OverlayFacts()), [])


def _read_binary(file: str, data: bytes, notes: list[Note]) -> Reading:
    """Return a binary workbook's worksheets. Remove and report NUL characters, which misread texts have."""
    with_nul: list[tuple[str, int]] = []
    sheets: list[RawSheet] = []
    for sheet in _sheets_of(file, data):
        rows = [row for portion in sheet.rows or [] for row in row_lists(portion)]
        for number, row in enumerate(rows, 1):
            for column, value in enumerate(row):
                if isinstance(value, str) and "\0" in value:
                    with_nul.append((sheet.name, number))
                    row[column] = value.replace("\0", "")
        sheets.append(replace(sheet, rows=None if sheet.rows is None else [rows]))
    if with_nul:
        message = f"有 {len(with_nul)} 格的文字之间夹有 NUL 字符，已去掉，请核对；最好另存为 xlsx"
        notes = [*notes, Note("warning", file, *with_nul[0], message)]
    return _read(file, sheets, lambda _: OverlayFacts(), notes)


def _read(file: str, sheets: Iterable[RawSheet], facts: Callable[[str], OverlayFacts], notes: list[Note]) -> Reading:
    grids: list[Grid] = []
    for sheet in sheets:
        found = OverlayFacts() if sheet.rows is None else facts(sheet.name)
        if sheet.rows is None or padded_size(found.cells) > _MAX_PADDED:
            notes = [*notes, Note("error", file, sheet.name, 0, _TOO_LARGE)]
            continue
        values, cells, table = text_and_columns(sheet.rows, found.cells)
        cell_notes = overlay_notes(file, sheet.name, cells, found, hidden=not sheet.visible)
        grids.append(Grid(file, sheet.name, values, cells, sheet.merged, cell_notes, found.pictures, table))
    return Reading(grids, notes)


def _skipped_cell_notes(archive: Archive) -> list[Note]:
    """Return notes on the cells of an xlsb that calamine does not read."""
    notes: list[Note] = []
    for name in archive.names:
        if name.startswith("xl/worksheets/") and name.endswith(".bin"):
            count, first, row = 0, 0, 0
            for kind, content in _records(archive.read(name)):
                if kind == _END_DATA:
                    break
                if kind == _ROW:
                    row = int.from_bytes(content[:4], "little") + 1
                elif kind in _SKIPPED_CELLS:
                    count, first = count + 1, first or row
            part = name.rpartition("/")[2].removesuffix(".bin")
            message = f"有 {count} 格的写法（多种字体的文字等）读不出，读作空白（{part}）。请另存为 xlsx"
            notes += [Note("warning", archive.name, "", first, message)] if count else []
    return notes


def _records(part: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(part):
        kind, at = _number(part, at, 2)
        size, at = _number(part, at, 4)
        yield kind, part[at : at + size]
        at += size


def _number(part: bytes, at: int, size: int) -> tuple[int, int]:
    value = 0
    for byte_index in range(size):
        byte = part[at] if at < len(part) else 0
        value |= (byte & 0x7F) << (7 * byte_index)
        at += 1
        if byte < 0x80:
            break
    return value, at
