"""The text of a cell that holds no text: the number, date or truth value as the person saw it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import ROUND_DOWN, Context, Decimal
from itertools import chain

from pipeline.clock import SHANGHAI
from pipeline.collect.collected import Cell, Kind

_EXACT = 10**15  # below it a spreadsheet's number keeps every digit
_FIFTEEN = Context(prec=15, rounding=ROUND_DOWN)
_SHOWN = Context(prec=15)

Value = int | float | Decimal | str | bool | dt.time | dt.date | dt.datetime | dt.timedelta


def number_text(value: float) -> str:
    """Return the number as a person would have typed it; from 16 digits on in scientific form with 15 digits.

    A spreadsheet keeps 15 digits: what it shows after them never was in the cell (traps.md, 18-digit numbers). They
    are cut and not rounded, so that the 15 digits are those of the number that was typed.
    """
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    exact = Decimal(value) if isinstance(value, int) else Decimal(repr(value))
    if abs(exact) >= _EXACT:
        return _scientific(exact)
    if exact == exact.to_integral_value():
        return str(int(exact))
    short = _SHOWN.plus(exact).normalize()
    return f"{short:f}" if short.adjusted() >= -5 else _scientific(short)


def _scientific(number: Decimal) -> str:
    short = _FIFTEEN.plus(number).normalize()
    digits = "".join(map(str, short.as_tuple().digits))
    exponent = short.adjusted()
    mantissa = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits
    return f"{'-' if short < 0 else ''}{mantissa}E{'+' if exponent >= 0 else '-'}{abs(exponent):02d}"


def date_text(value: dt.datetime | dt.date | dt.time | dt.timedelta) -> str:
    """Return a date as 2017-06-01, with its time where it has one; seconds only where there are some.

    A moment that names its zone (Parquet, a database) is told in the office's.
    """
    if isinstance(value, dt.datetime):
        value = _in_shanghai(value).replace(microsecond=0)
        if value.time() == dt.time():
            return value.date().isoformat()
        return value.strftime("%Y-%m-%d %H:%M:%S" if value.second else "%Y-%m-%d %H:%M")
    if isinstance(value, dt.time):
        return value.strftime("%H:%M:%S" if value.second else "%H:%M")
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _in_shanghai(value: dt.datetime) -> dt.datetime:
    try:
        return value.astimezone(SHANGHAI) if value.tzinfo else value
    except OverflowError:  # the last hours of the year 9999
        return value


def cell_text(value: Value) -> tuple[str, Kind | None, str]:
    """Return a cell's text, its kind (None for text) and its raw content."""
    if isinstance(value, str):
        return value, None, value
    if isinstance(value, bool):
        return str(value).upper(), "boolean", str(value).upper()
    if isinstance(value, Decimal):  # every digit is there
        return f"{value:f}" if value != value.to_integral_value() else str(int(value)), "number", str(value)
    if isinstance(value, int | float):
        return number_text(value), "number", repr(value)
    return date_text(value), "date", str(value)


def text_rows(rows: list[list[Value]]) -> tuple[list[list[str]], list[Cell]]:
    """Return rows of text, and which cells were none; rows of text alone pass through as they are."""
    if set(map(type, chain.from_iterable(rows))) <= {str}:
        return rows, []  # pyright: ignore[reportReturnType]
    cells: list[Cell] = []
    values = [_text_row(number, row, cells) for number, row in enumerate(rows)]
    return values, cells


def _text_row(number: int, row: Iterable[Value], cells: list[Cell]) -> list[str]:
    out: list[str] = []
    for column, value in enumerate(row):
        if type(value) is str:
            out.append(value)
            continue
        text, kind, raw = cell_text(value)
        if kind:
            cells.append(Cell(number, column, kind, raw))
        out.append(text)
    return out
