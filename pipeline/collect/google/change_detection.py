"""Detect whether a worksheet changed since it was read, by comparing one column that identifies its rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pipeline.collect.google.sheet_cells import Values
from pipeline.collect.google.tabs import Tab

_DATE_LIKE = re.compile(r"\d{1,4}[-/.年]\d{1,2}[-/.月]\d{1,4}.*")
_NEARLY = 0.95  # a column is as good a key as another that tells 5 % more rows apart: the shorter one is taken


@dataclass(frozen=True)
class RereadRange:
    """A range that is read again at the end: the key `column` of worksheet `tab`, or (None) its first `rows` rows."""

    tab: int
    range: str
    column: int | None
    rows: int = 0

    def holds(self, read: dict[int, Values], now: Values) -> bool:
        """Say whether the range still shows what was read."""
        before = read.get(self.tab, [])
        if self.column is None:
            return _trimmed(before[: self.rows]) == _trimmed(now)
        return sheet_column(before, self.column) == sheet_column(now, 0)


def checks(tab: Tab, values: Values, cut: bool) -> list[RereadRange]:
    """Return what tells whether `tab` still is as read: its key column, and where it was read in parts its top."""
    column = key_column(values)
    made = [RereadRange(tab.id, tab.columns_range(column), column)]
    if cut:
        top = min(40, tab.rows)
        made.append(RereadRange(tab.id, tab.rows_range(1, top), None, top))
    return made


def key_column(values: Values) -> int:
    """Return the 0-based column that tells most rows apart; of nearly equal ones the one with the shortest text.

    Columns of dates are no keys: they look different by how they are asked for.
    """
    width = max((len(row) for row in values), default=0)
    told: list[tuple[int, int, int]] = []
    for column in range(width):
        filled = [str(cell) for cell in sheet_column(values, column) if cell != ""]
        if filled and not any(map(_DATE_LIKE.fullmatch, filled[1:200])):
            told.append((len(set(filled)), sum(map(len, filled)), column))
    if not told:
        return 0
    best = max(distinct for distinct, _, _ in told)
    good = [(length, column) for distinct, length, column in told if distinct >= _NEARLY * best]
    return min(good)[1]


def sheet_column(values: Values, column: int) -> list[Any]:
    """Return one column, without the blank cells at its end."""
    cells = [row[column] if column < len(row) else "" for row in values]
    while cells and cells[-1] == "":
        cells.pop()
    return cells


def _trimmed(values: Values) -> Values:
    rows = [sheet_column([[cell] for cell in row], 0) for row in values]
    while rows and not rows[-1]:
        rows.pop()
    return rows
