"""The child process that opens workbooks and DBF tables, so that a hang, a crash or a zip bomb cannot end the run.

It imports nothing of the package, to start fast. Input: the workbook on standard input; as arguments the index of the
first worksheet, or the folder of `table.dbf` and its encoding. Output, pickled, for each worksheet: (index, name),
(visible, merged), portions of rows, None. A worksheet that is too large has only None after its name. The last object
is "whole" or the error's class name.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import pickle
import sys
from collections.abc import Iterable
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_MEMORY = 900 << 20
_CPU_SECONDS = 9  # of the processor, so that a busy machine still reads a good file
_MAX_CELLS = 3_000_000  # of all worksheets; one worksheet's area may be four times as large
_FIRST_ROWS, _PORTION_ROWS = 100, 5_000
"""Rows of a worksheet that are sent at a time; the first ones, the header among them, as they are."""
SEPARATOR = "\x1f"
"""Parts the cells of a portion that is sent as one text."""


def limit(seconds: int = 0) -> None:
    """Limit this process's memory and processor time. `seconds` are added for a large input."""
    try:
        import resource
    except ImportError:  # Windows: the parent's time limit alone
        return
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS + seconds, _CPU_SECONDS + seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError):  # macOS refuses it
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


@cache
def _pickler() -> pickle.Pickler:
    pickler = pickle.Pickler(sys.stdout.buffer, protocol=5)
    pickler.fast = True  # without looking for equal cells: a tenth of the time
    return pickler


def _send(message: object) -> None:
    _pickler().dump(message)


def _send_rows(rows: Iterable[list[Any]], room: int = sys.maxsize) -> int:
    """Send rows in portions without trailing blanks. Return the room left, or raise `MemoryError` if there is none."""
    portion: list[list[Any]] = []
    blank, size = 0, _FIRST_ROWS
    for row in rows:
        while row and row[-1] == "":
            row.pop()
        if not row:
            blank += 1
            continue
        room -= len(row)
        if room < 0:
            raise MemoryError
        portion += [[] for _ in range(blank)]
        blank = 0
        portion.append(row)
        if len(portion) >= size:
            _send(portion if size == _FIRST_ROWS else _join_texts(portion))
            portion, size = [], _PORTION_ROWS
    if portion:
        _send(portion if size == _FIRST_ROWS else _join_texts(portion))
    _send(None)
    return room


def _join_texts(portion: list[list[Any]]) -> object:
    """Return rows of text as (width, joined text), which is fast to read. Other rows stay lists."""
    width = max(map(len, portion))
    if width * len(portion) > 2 * sum(map(len, portion)):  # one long row would pad all others
        return portion
    padded = [row if len(row) == width else [*row, *[""] * (width - len(row))] for row in portion]
    try:
        text = SEPARATOR.join(chain.from_iterable(padded)).encode()
    except (TypeError, UnicodeError):  # not text, or text that cannot be encoded
        return portion
    return (width, text) if text.count(SEPARATOR.encode()) == width * len(portion) - 1 else portion


def _send_workbook(data: bytes, first: int) -> None:
    from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    room = _MAX_CELLS
    for at, meta in enumerate(book.sheets_metadata):
        if at < first or meta.typ not in (SheetTypeEnum.WorkSheet, SheetTypeEnum.DialogSheet):
            continue
        _send((at, meta.name))
        sys.stdout.buffer.flush()  # too large a worksheet ends this process, so its name is sent first
        sheet = book.get_sheet_by_name(meta.name)
        if sheet.start is not None and (sheet.total_height + 1) * (sheet.total_width + 1) > _MAX_CELLS * 4:
            _send(None)
            continue
        _send((meta.visible == SheetVisibleEnum.Visible, sheet.merged_cell_ranges or []))
        margin: list[Any] = [""] * (sheet.start[1] if sheet.start else 0)  # the iterator leaves out blank columns
        room = _send_rows(([*margin, *row] if margin else row for row in sheet.iter_rows()), room)


def _send_dbf(folder: Path, encoding: str) -> None:
    import dbf
    from dbf.tables import code_pages

    path = folder / "table.dbf"
    with path.open("rb") as file:
        code_pages[file.read(30)[29]] = (encoding, encoding)  # overrides the file's own encoding
    single = len(list(folder.iterdir())) == 1  # no memo file
    with dbf.Table(str(path), ignore_memos=single, unicode_errors="replace") as table:
        _send_rows([_field_value(value) for value in record] for record in table if not dbf.is_deleted(record))


def _field_value(value: object) -> object:
    """Return a field's value. A whole number becomes `Decimal`, which keeps every digit."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.rstrip(" \0")
    from decimal import Decimal

    return Decimal(value) if type(value) is int else value


def _main() -> None:
    gc.disable()  # the process lives for one workbook
    try:
        if len(sys.argv) > 2:
            from pathlib import Path

            limit((Path(sys.argv[1]) / "table.dbf").stat().st_size >> 20)
            _send_dbf(Path(sys.argv[1]), sys.argv[2])
        else:
            data = sys.stdin.buffer.read()
            limit()
            _send_workbook(data, int(sys.argv[1]))
        _send("whole")
    except Exception as error:  # noqa: BLE001  # the boundary of this process: its parent says it in Chinese
        _send(type(error).__name__)


if __name__ == "__main__":
    _main()
    sys.stdout.buffer.flush()
    os._exit(0)  # ends without freeing every cell
