"""From the API's values to text as a person would have typed it, with the kind of every cell that was no text."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from pipeline.collect.cell_text import number_text
from pipeline.collect.collected import Cell

Value = str | int | float | bool | None
Values = list[list[Any]]
"""Rows of cells as Google gives them: texts, numbers, truth values; blank ends of rows and sheets are left out."""

_DAY_ZERO = datetime(1899, 12, 30)  # of Google's serial numbers
_ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|ERROR!)")
_HALVES = re.compile("[\ud800-\udfff]")


def serial_text(serial: float) -> str:
    """Return a serial number as 2016-09-25, or with its time of day as 2016-09-25 10:30:00."""
    moment = _DAY_ZERO + timedelta(seconds=round(serial * 86400))
    return moment.strftime("%Y-%m-%d" if moment.time().isoformat() == "00:00:00" else "%Y-%m-%d %H:%M:%S")


def readable(text: str) -> str:
    r"""Return the text with halves of characters, which JSON can hold and no file, as \ufffd."""
    return _HALVES.sub("\ufffd", text)


def texts(values: Values) -> tuple[list[list[str]], list[Cell]]:
    """Return rows of text, and the cells that were numbers, true/false or errors."""
    cells: list[Cell] = []
    rows = [[_text(value, row, column, cells) for column, value in enumerate(line)] for row, line in enumerate(values)]
    return rows, cells


def _text(value: Value, row: int, column: int, cells: list[Cell]) -> str:
    if isinstance(value, str):
        if value.startswith("#") and _ERROR.fullmatch(value):
            cells.append(Cell(row, column, "error", value))
        return readable(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        cells.append(Cell(row, column, "boolean", str(value).upper()))
        return str(value).upper()
    cells.append(Cell(row, column, "number", repr(value)))
    return number_text(value)
