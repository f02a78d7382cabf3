"""Cells that calamine does not tell, laid over those that it gave; and what is said of errors and hidden parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.collect.collected import Cell, Note


class Affix(NamedTuple):
    """What a text format writes around a cell's text: 班 behind 3 by `@"班"`."""

    before: str
    after: str


Overlay = dict[tuple[int, int], tuple[str | Affix | None, Cell]]
"""0-based place → text (None: the text that calamine gave stands, an affix: with this around it) and the cell."""


@dataclass
class OverlayFacts:
    """What calamine does not tell of a worksheet: all places 0-based; `pictures` by the names that cells hold."""

    cells: Overlay = field(default_factory=Overlay)
    hidden_rows: list[int] = field(default_factory=list[int])
    hidden_columns: int = 0
    pictures: dict[str, bytes] = field(default_factory=dict[str, bytes])


def reach(overlay: Overlay) -> int:
    """Return how many cells rows need that go as far as these do."""
    ends: dict[int, int] = {}
    for row, column in overlay:
        ends[row] = max(ends.get(row, 0), column + 1)
    return max(ends, default=0) + sum(ends.values())


def lay_over(values: list[list[str]], cells: list[Cell], overlay: Overlay) -> None:
    """Write the texts and cells of `overlay` into `values` and `cells`."""
    if not overlay:
        return
    for (row, column), (text, _) in overlay.items():
        while len(values) <= row:
            values.append([])
        values[row].extend([""] * (column + 1 - len(values[row])))
        if isinstance(text, Affix):
            values[row][column] = values[row][column] and f"{text.before}{values[row][column]}{text.after}"
        elif text is not None:
            values[row][column] = text
    # a formula's number stays a number: it can be damaged like a typed one
    cells[:] = [c for c in cells if (c.row, c.column) not in overlay or overlay[c.row, c.column][1].kind == "formula"]
    taken = {(cell.row, cell.column) for cell in cells}
    cells += [cell for place, (text, cell) in overlay.items() if place not in taken and not isinstance(text, Affix)]


def cell_notes(file: str, sheet: str, cells: Sequence[Cell], overlay: Overlay) -> list[Note]:
    """Return what is said of formulas without a stored result, and of error values (at the first one's row)."""
    notes: list[Note] = []
    uncached = sum(1 for text, cell in overlay.values() if cell.kind == "formula" and text == cell.raw)
    if uncached:
        message = f"有 {uncached} 个公式没有存下结果，按公式原文读取。请用 Excel 或 WPS 打开并保存一次"
        notes.append(Note("warning", file, sheet, 0, message))
    errors = [cell for cell in cells if cell.kind == "error"]
    if errors:
        first, message = min(errors), f"有 {len(errors)} 个单元格是错误值（如 {{}}），请改成文字"
        notes.append(Note("warning", file, sheet, first.row + 1, message.format(first.raw)))
    return notes


def hidden_notes(file: str, sheet: str, rows: Sequence[int], columns: int, *, hidden: bool) -> list[Note]:
    """Return what is said of a hidden worksheet, hidden rows (0-based) and hidden columns: all were read."""
    notes = [Note("info", file, sheet, 0, "是隐藏的工作表，照样读取")] if hidden else []
    if rows:
        notes.append(Note("info", file, sheet, rows[0] + 1, f"有 {len(rows)} 行被隐藏或被筛选掉，照样读取"))
    if columns:
        notes.append(Note("info", file, sheet, 0, f"有 {columns} 列被隐藏，照样读取"))
    return notes
