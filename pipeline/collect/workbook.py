"""Workbooks of the other kinds (xls, xlsb, ods), read by calamine in a child process with bounds of memory and time."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import cast

from pipeline.collect.archive import Archive
from pipeline.collect.collected import Grid, Reading
from pipeline.collect.compact import compacted
from pipeline.collect.inputs import Content
from pipeline.collect.ods import OdsFacts, ods_facts
from pipeline.collect.overlay import error_note, hidden_notes, lay_over
from pipeline.collect.text import Value, text_rows
from pipeline.errors import InputError

_SECONDS = 60  # by the clock: the child itself ends after 9 s of the processor
_ENDLESS = -getattr(signal, "SIGXCPU", 0)  # Windows has no such bound: the clock alone
_BIG = "请删去右边和下边多余的内容，分成几个文件，或另存为 CSV"
_SAVE_AS = "请用 Excel 或 WPS 打开，另存为 xlsx 后再放回来；打不开就请对方重新发来"
_Sheet = tuple[str, bool, list[list[Value]], list[tuple[tuple[int, int], tuple[int, int]]] | None]


def read_workbook(content: Content) -> Reading:
    """Return every worksheet of a workbook.

    Raises:
        InputError: it is encrypted, damaged, too large, or of no known kind.
    """
    archive = Archive(content) if content.data.startswith(b"PK") else None
    sheets = _sheets(content.name, archive.measured() if archive else content.data)
    facts = ods_facts(archive.part("content.xml"), _sizes(sheets)) if archive else {}
    return Reading([_grid(content.name, sheet, facts.get(sheet[0], OdsFacts())) for sheet in sheets])


def _sizes(sheets: list[_Sheet]) -> dict[str, tuple[int, int]]:
    """Return each sheet's rows and columns, as the child process found them within its bounds."""
    return {name: (len(rows), max(map(len, rows), default=0)) for name, _, rows, _ in sheets}


def _sheets(file: str, data: bytes) -> list[_Sheet]:
    """Return the sheets as the child process read them."""
    child = Path(__file__).with_name("_guarded.py")
    slow = InputError("读了很久还没有读完，已放弃", where=file, remedy=_BIG)
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(child)], input=data, capture_output=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise slow from None
    if done.returncode == _ENDLESS < 0:
        raise slow
    answer: object = pickle.loads(done.stdout) if done.returncode == 0 and done.stdout else "Panic"
    if answer == "MemoryError" or done.returncode < 0:
        raise InputError("展开后太大，未读取", where=file, remedy=_BIG)
    if answer == "PasswordError":
        raise InputError("工作簿有密码", where=file, remedy="请去掉密码，另存为 xlsx 后再放回来")
    if isinstance(answer, str):
        raise InputError(f"工作簿读不出（{answer}）", where=file, remedy=_SAVE_AS)
    return cast("list[_Sheet]", answer)


def _grid(file: str, sheet: _Sheet, facts: OdsFacts) -> Grid:
    name, visible, rows, ranges = sheet
    values, cells = text_rows(rows)
    lay_over(values, cells, dict(facts.cells))
    merged = [(top, left, bottom, right) for (top, left), (bottom, right) in ranges or []]
    notes = hidden_notes(file, name, facts.hidden_rows, facts.hidden_columns, hidden=not visible)
    errors = [cell for cell in cells if cell.kind == "error"]
    if errors:
        notes.append(error_note(file, name, errors[0].row + 1, len(errors), errors[0].raw))
    return compacted(Grid(file, name, values, cells, merged=merged, notes=notes))
