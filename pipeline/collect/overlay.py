"""Cells that calamine does not tell, laid over those that it gave; and what is said of errors and hidden parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.collect.collected import Cell, Note

Overlay = Mapping[tuple[int, int], tuple[str | None, Cell]]
"""0-based place → text (None: the text that calamine gave stands) and the cell."""


def lay_over(values: list[list[str]], cells: list[Cell], overlay: Overlay) -> None:
    """Write the texts and cells of `overlay` into `values` and `cells`."""
    if not overlay:
        return
    for (row, column), (text, _) in overlay.items():
        while len(values) <= row:
            values.append([])
        values[row].extend([""] * (column + 1 - len(values[row])))
        if text is not None:
            values[row][column] = text
    # a formula's number stays a number: it can be damaged like a typed one
    cells[:] = [c for c in cells if (c.row, c.column) not in overlay or overlay[c.row, c.column][1].kind == "formula"]
    taken = {(cell.row, cell.column) for cell in cells}
    cells += [cell for place, (_, cell) in overlay.items() if place not in taken]


def error_note(file: str, sheet: str, row: int, count: int, example: str) -> Note:
    """Return the note on error values, at the first one's row."""
    return Note("warning", file, sheet, row, f"有 {count} 个单元格是错误值（如 {example}），请改成文字")


def hidden_notes(file: str, sheet: str, rows: Sequence[int], columns: int, *, hidden: bool) -> list[Note]:
    """Return what is said of a hidden worksheet, hidden rows (0-based) and hidden columns: all were read."""
    notes = [Note("info", file, sheet, 0, "是隐藏的工作表，照样读取")] if hidden else []
    if rows:
        notes.append(Note("info", file, sheet, rows[0] + 1, f"有 {len(rows)} 行被隐藏或被筛选掉，照样读取"))
    if columns:
        notes.append(Note("info", file, sheet, 0, f"有 {columns} 列被隐藏，照样读取"))
    return notes
