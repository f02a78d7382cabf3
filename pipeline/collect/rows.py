"""From a worksheet as read to rows of fields: header, skipping, mapping; every way of reading ends here."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from operator import itemgetter

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import fields
from pipeline.collect import skipping
from pipeline.collect.collected import CELLS, EXTRAS, SKIPPED, Grid, Level, Note, cell_frame, text_frame
from pipeline.collect.compact import blank_column, filled_columns, widened
from pipeline.collect.header import LOOK_DOWN, Header, find_header
from pipeline.logs import mask

_KEYS = ("name", "id_number", "student_number")
_MERGED = 1_000_000  # cells of a header that merged ranges fill; ranges that overlap each other are nobody's header
_TOLD, _LONGEST = 40, 40  # columns that one message names, characters of each
_STRANGERS = 2_000_000  # rows that are looked at one by one: more than a sheet of Excel has
_FORM = 8  # known labels that make a worksheet a form, although it lacks every key column


@dataclass(frozen=True)
class SheetRows:
    """One worksheet's rows: `rows` (row and the wanted fields), and what `Collected` says beside them."""

    rows: pd.DataFrame
    cells: pd.DataFrame
    extras: pd.DataFrame
    skipped: pd.DataFrame
    notes: list[Note] = field(default_factory=list[Note])
    columns: frozenset[str] = frozenset()


def column_letters(column: int) -> str:
    """Return the spreadsheet's name of a 0-based column: A, Z, AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def rows_of_grid(grid: Grid, wanted: Sequence[str], own: Mapping[str, str] | None = None) -> SheetRows:
    """Return the rows of one worksheet, mapped to the `wanted` fields.

    `own` maps fields to the source's own labels. A worksheet whose header lacks a key column gives no row and an
    error note; one without a header gives a note.
    """
    head = _head(grid)
    header = find_header(head, own)
    if header is None or not (_has_keys(header) or len(header.columns) >= _FORM or _any_key(header)):
        return _nothing(grid, _no_header(grid))
    notes = [*grid.notes, *_header_notes(grid, header), *_merged_notes(grid, header)]
    missing = [fields.label(name) for name in _KEYS if name not in header.columns]
    if missing:
        message = f"表头缺少 {'、'.join(missing)} 这一列，本表未读取。请补上这一列，或把表头改回模板的写法"
        return _nothing(grid, _note(grid, "error", message, header.bottom))
    body = _body(grid, header)
    clash = [text for name, same in header.twice if (text := _clash(grid, header, body, name, same))]
    if clash:
        return _nothing(grid, *[_note(grid, "error", text, header.bottom) for text in clash])
    return _mapped(grid, header, body, wanted, notes)


def _has_keys(header: Header) -> bool:
    return all(key in header.columns for key in _KEYS)


def _any_key(header: Header) -> bool:
    return any(key in header.columns for key in _KEYS)


def _note(grid: Grid, level: Level, message: str, at: int | None = None) -> Note:
    return Note(level, grid.file, grid.sheet, 0 if at is None else grid.first_row + at, message)


def _nothing(grid: Grid, *notes: Note) -> SheetRows:
    rows = text_frame(["row", "why", *fields.names()], numbers=["row"])
    empty = text_frame(EXTRAS, numbers=["row"]), text_frame(SKIPPED, numbers=["row"])
    return SheetRows(rows, cell_frame(), *empty, [*grid.notes, *notes])


def _no_header(grid: Grid) -> Note:
    """Return the note for a worksheet without a header: empty, instructions, or people without column names."""
    filled = [row for row in grid.values if any(cell.strip() for cell in row)]
    if not filled:
        return _note(grid, "info", "空表，已跳过")
    if skipping.looks_like_people(filled[:200]):
        message = "有学生数据，但没有找到表头，未读取。请在第一行写上列名（姓名、身份证号码、学号等）"
        return _note(grid, "error", message)
    return _note(grid, "info", f"没有登记表的表头（共 {len(filled)} 行），当作说明页跳过")


def _head(grid: Grid) -> list[list[str]]:
    """Return the first rows with merged cells filled, and blanks under a group's name filled from the left."""
    head = [list(row) for row in grid.values[: LOOK_DOWN + 3]]
    room = _MERGED
    for top, left, bottom, right in grid.merged:
        if not (0 <= top < len(head) and 0 <= left < len(head[top])):
            continue
        room -= len(head[top : bottom + 1]) * (right + 1 - left)
        if room < 0:
            break
        for row in head[top : bottom + 1]:
            row.extend([""] * (right + 1 - len(row)))
            row[left : right + 1] = [head[top][left]] * (right + 1 - left)
    return head


def _merged_notes(grid: Grid, header: Header) -> list[Note]:
    """Return what must be said of cells merged over several people: all but the first have a blank there."""
    tops = [top for top, _, bottom, _ in grid.merged if header.bottom < top < bottom]
    if not tops:
        return []
    message = f"有 {len(tops)} 处合并单元格跨了几行，只有最上面一行有内容，其余各行读作空白；请取消合并、逐行填写"
    return [_note(grid, "warning", message, min(tops))]


def _header_notes(grid: Grid, header: Header) -> list[Note]:
    """Return what must be said about the labels."""
    told = [
        ("warning", f"列名 {_short(label)} 与 {fields.label(name)} 差一个字，按 {fields.label(name)} 读取，请核对")
        for label, name in header.near
    ]
    told += [
        ("warning", f"{column_letters(column)} 列（{_short(label)}）与 {column_letters(header.columns[name])} 列都是"
         f"{fields.label(name)}，以后者为准，前者原样保留")
        for label, name, column in header.beside[:_TOLD]
    ]  # fmt: skip
    if header.unknown:
        labels = [_short(label) for label in header.unknown.values()]
        more = f" 等 {len(labels)} 列" if len(labels) > _TOLD else ""
        told.append(("info", f"不认识的列：{'、'.join(labels[:_TOLD])}{more}，原样保留，不参与核对"))
    return [_note(grid, "warning" if level == "warning" else "info", text, header.bottom) for level, text in told]


def _short(label: str) -> str:
    """Return a label as a message may say it: whoever wrote it may have put anything there."""
    return mask(label if len(label) <= _LONGEST else f"{label[:_LONGEST]}…")


def _clash(grid: Grid, header: Header, body: pa.Table, name: str, same: list[int]) -> str:
    """Return the message for a label that stands twice over different content, or ""."""
    first, *others = [_column(body, column) for column in same]
    if all(first.equals(other) for other in others):
        return ""
    places = " 和 ".join(f"{column_letters(column)} 列" for column in same[:_TOLD])
    return f"列名 {_short(header.labels[same[0]])} 出现了两次（{places}），内容不同，本表未读取。请删去或改名其中一列"


def _column(body: pa.Table, column: int) -> pa.ChunkedArray:
    return body.column(column) if column < body.num_columns else blank_column(body.num_rows)


def _body(grid: Grid, header: Header) -> pa.Table:
    """Return the rows below the header as a table of text columns named by their 0-based place."""
    below = grid.values[header.bottom + 1 :]
    if grid.table is not None and not below:
        return grid.table
    width = max((*map(len, below), grid.table.num_columns if grid.table is not None else 0), default=0)
    if any(len(row) < width for row in below):
        below = [row if len(row) == width else [*row, *[""] * (width - len(row))] for row in below]
    columns = [pa.array(list(map(itemgetter(at), below)), pa.large_string()) for at in range(width)]
    top = pa.table(columns, names=[str(number) for number in range(width)])
    if grid.table is None:
        return top
    return pa.concat_tables([top, widened(grid.table, width)])


def _mapped(grid: Grid, header: Header, body: pa.Table, wanted: Sequence[str], notes: list[Note]) -> SheetRows:
    numbers = np.arange(body.num_rows, dtype="int64") + grid.first_row + header.bottom + 1
    places = {name: header.columns[name] for name in wanted if name in header.columns}
    doubtful = skipping.doubtful_rows(body, header)
    if len(doubtful) > _STRANGERS:
        message = f"有 {len(doubtful)} 行没有学号和身份证号码，不像登记表，本表未读取。请删去多余的行"
        return _nothing(grid, _note(grid, "error", message, header.bottom))
    why = skipping.reasons(body, header, doubtful)
    others = np.flatnonzero(why == skipping.OTHER_TABLE)
    if len(others):
        why[others[0] :] = skipping.OTHER_TABLE
        message = "这一行是另一个表头，各列的顺序与上面的不同，从这一行起未读取。请移到另一个工作表"
        notes = [*notes, Note("error", grid.file, grid.sheet, int(numbers[others[0]]), message)]
    blank = skipping.blank_rows(body)
    asked = skipping.with_numbers(body, header, why)
    kept = ~blank & ((why == "") | asked)
    named = ~blank & ~kept
    out = np.flatnonzero(named)
    told = zip(out, skipping.numbers_in(body, out), strict=True)
    listed = ((grid.file, grid.sheet, int(numbers[at]), why[at], number) for at, number in told)
    skipped = text_frame(SKIPPED, listed, ["row"])
    chosen = None if kept.all() else pa.array(kept)
    columns = {
        name: _column(body, place) if chosen is None else _column(body, place).filter(chosen)
        for name, place in places.items()
    }
    given = pa.table(columns).to_pandas() if columns else pd.DataFrame(index=range(int(kept.sum())))
    absent = {name: pd.Series("", index=given.index, dtype="str") for name in wanted if name not in places}
    rows = given.assign(row=numbers[kept], why=why[kept].astype("str"), **absent)[["row", "why", *wanted]]
    extras = _extras(grid, header, body, numbers, kept, wanted)
    cells = _cells(grid, header, kept, places)
    return SheetRows(rows, cells, extras, skipped, notes, frozenset(places))


def _extras(
    grid: Grid, header: Header, body: pa.Table, numbers: np.ndarray, kept: np.ndarray, wanted: Sequence[str]
) -> pd.DataFrame:
    """Return the filled cells of columns that are no wanted field."""
    used = {header.columns[name] for name in wanted if name in header.columns}
    rows: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    values: list[pa.ChunkedArray] = []
    for column in filled_columns(body):
        if column in used:
            continue
        filled = np.asarray(pc.not_equal(body.column(column), "")) & kept
        label = header.labels.get(column) or f"{column_letters(column)} 列"
        rows.append(numbers[filled])
        labels.append(np.full(len(rows[-1]), label, dtype=object))
        values.append(body.column(column).filter(pa.array(filled)))
    if not any(map(len, rows)):
        return text_frame(EXTRAS, numbers=["row"])
    chunks = [chunk for column in values for chunk in column.chunks]
    told = {
        "row": np.concatenate(rows),
        "column": np.concatenate(labels),
        "value": pa.chunked_array(chunks).to_pandas(),
    }
    frame = pd.DataFrame(told).assign(file=grid.file, sheet=grid.sheet)[EXTRAS]
    return frame.astype({name: "str" for name in EXTRAS if name != "row"}).sort_values(
        "row", kind="stable", ignore_index=True
    )


def _cells(grid: Grid, header: Header, kept: np.ndarray, places: Mapping[str, int]) -> pd.DataFrame:
    """Return the cells of kept rows and wanted fields that were no text."""
    names = {column: name for name, column in places.items()}
    below = header.bottom + 1
    listed = [(c.row - below, c.column, c.kind, c.raw) for c in grid.cells if c.row >= below and c.column in names]
    found = text_frame(["row", "column", "kind", "raw"], listed, numbers=["row", "column"])
    if grid.table_cells is not None and len(grid.table_cells):
        mine = grid.table_cells[grid.table_cells["column"].isin(list(names))]
        found = pd.concat([found, mine.assign(row=mine["row"] + len(grid.values) - below)], ignore_index=True)
    position = np.cumsum(kept) - 1
    found = found[kept[found["row"].to_numpy(dtype="int64")]] if len(found) else found
    frame = found.assign(at=position[found["row"].to_numpy(dtype="int64")], field=found["column"].map(names))
    return frame[CELLS].astype({"at": "int64", "field": "str", "kind": "str", "raw": "str"}).reset_index(drop=True)


def cells_of(parts: Sequence[SheetRows]) -> pd.DataFrame:
    """Return the cells of several worksheets, placed in the rows of all of them together."""
    starts = accumulate((len(part.rows) for part in parts), initial=0)
    frames = [part.cells.assign(at=part.cells["at"] + start) for part, start in zip(parts, starts, strict=False)]
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else cell_frame()
