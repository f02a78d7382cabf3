"""Re-read date columns and numeric identifiers of a worksheet, whose values one format does not show faithfully.

Cells are read as stored, dates as shown. "9/5/2016" may be May or September, so such columns are read once more as
serial numbers; a numeric cell shorter than its column's numbers may be shown with zeros in front by its format.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from pipeline import fields
from pipeline.collect.collected import Cell
from pipeline.collect.google import change_detection
from pipeline.collect.google.http_client import RejectedRequestError, SheetsClient
from pipeline.collect.google.read_ranges import LARGEST_RANGES
from pipeline.collect.google.sheet_cells import Values, serial_text
from pipeline.collect.google.tabs import Tab

_SERIAL = {"valueRenderOption": "UNFORMATTED_VALUE", "dateTimeRenderOption": "SERIAL_NUMBER", "prettyPrint": "false"}
_SHOWN = {"valueRenderOption": "FORMATTED_VALUE", "prettyPrint": "false"}
_MONTHS = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
# a date that does not begin with its year
_FOREIGN = re.compile(
    rf"\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{2,4}}(?:\D.*)?|(?:\d{{1,2}}[ -])?{_MONTHS}[ -].*\d", re.IGNORECASE
)
_AFTER_9999 = 2_958_466  # the first serial number that is no date any more
_PADDED = ("exam_number", "student_number", "postcode")  # identifiers of one width that may begin with zeros


@dataclass(frozen=True)
class Wish:
    """A column of a worksheet to look at again; `dates`: as serial numbers, else as shown."""

    tab: Tab
    column: int
    dates: bool


@dataclass(frozen=True)
class Look:
    """What the second look showed: the texts to take instead, by (row, column), and the cells that are dates."""

    texts: dict[tuple[int, int], str]
    cells: list[Cell]


def wishes(tab: Tab, values: Values) -> list[Wish]:
    """Return the columns of a worksheet that need a second look; mostly none."""
    labels = {label: field.name for field in fields.fields().values() for label in field.labels}
    made: list[Wish] = []
    for column in range(max((len(row) for row in values), default=0)):
        cells = [cell for cell in change_detection.sheet_column(values, column) if cell != ""]
        if any(isinstance(cell, str) and _FOREIGN.fullmatch(cell) for cell in set(cells)):
            made.append(Wish(tab, column, dates=True))
        named = {labels.get(str(cell).strip(" *＊")) for cell in cells[:40] if isinstance(cell, str)}
        if named & set(_PADDED) and _zeros_lost(cells):
            made.append(Wish(tab, column, dates=False))
    return made


def _zeros_lost(cells: list[Any]) -> bool:
    """Say whether a number of the column has fewer digits than most of its entries."""
    digits = [str(cell) for cell in cells if str(cell).isdecimal()]
    if not digits:
        return False
    usual = Counter(map(len, digits)).most_common(1)[0][0]
    usual = max(usual, 6)  # the shortest identifier with a fixed width is the postcode
    return any(type(cell) is int and len(str(cell)) < usual for cell in cells)


def look(client: SheetsClient, key: str, wanted: list[Wish], values: dict[int, Values]) -> dict[int, Look | None]:
    """Read the wished columns again, each with its worksheet's key column; None for a worksheet changed meanwhile."""
    seen: dict[int, Look | None] = {}
    for dates in (True, False):
        some = [wish for wish in wanted if wish.dates is dates]
        for start in range(0, len(some), LARGEST_RANGES // 2):
            _look(client, key, some[start : start + LARGEST_RANGES // 2], values, seen)
    return seen


def _look(
    client: SheetsClient, key: str, wanted: list[Wish], values: dict[int, Values], seen: dict[int, Look | None]
) -> None:
    own = {wish.tab.id: change_detection.key_column(values[wish.tab.id]) for wish in wanted}
    ranges = [wish.tab.columns_range(column) for wish in wanted for column in (own[wish.tab.id], wish.column)]
    try:
        columns = client.read_values(key, ranges, {**(_SERIAL if wanted[0].dates else _SHOWN)})
    except RejectedRequestError:
        seen.update({wish.tab.id: None for wish in wanted})
        return
    got = [change_detection.sheet_column(rows, 0) for rows in columns]
    for place, wish in enumerate(wanted):
        before = values[wish.tab.id]
        if not _same(change_detection.sheet_column(before, own[wish.tab.id]), got[2 * place]):
            seen[wish.tab.id] = None
        elif seen.setdefault(wish.tab.id, Look({}, [])) is not None:
            _merge(seen[wish.tab.id], wish, change_detection.sheet_column(before, wish.column), got[2 * place + 1])


def _same(before: list[Any], now: list[Any]) -> bool:
    """Compare key columns that were asked for in two ways: only text looks the same in both."""
    alike = all(a == b or not (isinstance(a, str) and isinstance(b, str)) for a, b in zip(before, now, strict=False))
    return len(before) == len(now) and alike


def _merge(found: Look | None, wish: Wish, before: list[Any], now: list[Any]) -> None:
    if found is None:
        return
    for row, (old, new) in enumerate(zip(before, now, strict=False)):
        if wish.dates and isinstance(old, str) and isinstance(new, int | float) and 1 <= new < _AFTER_9999:
            found.texts[row, wish.column] = serial_text(new)
            found.cells.append(Cell(row, wish.column, "date", repr(new)))
        elif not wish.dates and type(old) is int and _only_zeros_added(old, new):
            found.texts[row, wish.column] = str(new)


def _only_zeros_added(old: int, new: object) -> bool:
    return isinstance(new, str) and new.isdecimal() and new.startswith("0") and int(new) == old
