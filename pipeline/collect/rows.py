"""Map a worksheet to rows of fields: find the header, skip rows, map columns. All readers use it."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from xlsxwriter.utility import xl_col_to_name

from pipeline import fields
from pipeline.collect import skipping
from pipeline.collect.cell_text import blank_column, filled_columns, padded_table, text_table
from pipeline.collect.collected import (
    CELLS,
    EXTRAS,
    Collected,
    Grid,
    Level,
    Note,
    combine,
    concat_frames,
    text_frame,
)
from pipeline.collect.header import SEARCHED_ROWS, Header, find_header, texts_above
from pipeline.collect.source_columns import (
    KEYS,
    REGISTRY_FIELDS,
    SourceColumns,
    constants,
    declared_headings,
    headings_found,
    missing_labels,
    resolved,
    shortened,
)

RequiredFields = tuple[tuple[str, ...], ...]
"""Groups of fields. A worksheet must have at least one field of each group."""

SUBMISSION: RequiredFields = (("name",), ("id_number", "student_number"))
REGISTRY: RequiredFields = tuple((name,) for name in REGISTRY_FIELDS)
_MAX_NAMED = 40  # columns that one message names
_SAMPLE_ROWS = 5_000  # rows of an unknown column that are sampled


def rows_of_grid(
    grid: Grid, wanted: Sequence[str], declared: Mapping[str, str] | None = None, needs: RequiredFields = SUBMISSION
) -> Collected:
    """Return one worksheet's rows, mapped to the `wanted` fields.

    `declared` is `columns` of `cohort.toml`. A worksheet with people that lacks a group of `needs` has no rows and an
    error note, one without people an info note.
    """
    head = grid.values[: SEARCHED_ROWS + 3]
    header = find_header(head, declared_headings(declared or {}))
    if header is None:
        return _empty(grid, _no_header(grid))
    body = _body(grid, header)
    fixed = constants(declared or {}, grid.sheet, texts_above(head, header.bottom))
    filled = set(filled_columns(body))
    duplicates = [(name, [at for at in same if at in filled] or same[:1]) for name, same in header.duplicates]
    header = replace(header, columns=header.columns | {name: same[0] for name, same in duplicates})
    header, columns = resolved(header, body, filled, (grid.file, grid.sheet, header.bottom + 1), fixed)
    missing = [group for group in needs if not columns.fields.intersection(group)]
    if missing and not columns.fields.intersection(KEYS) and skipping.looks_like_people(head[: header.bottom + 1]):
        return _empty(grid, _no_header(grid))  # labels and values side by side: a form of one person
    if missing:
        return _refused(grid, header, body, columns, missing)
    notes = [*grid.notes, *_header_notes(grid, header)]
    clash = [text for _, same in duplicates if (text := _duplicate_error(header, body, same))]
    if clash:
        refused = _empty(grid, *(_note(grid, "error", text, header.bottom) for text in clash))
        return replace(refused, columns=(replace(columns, refused=clash[0]),))
    return _map_rows(grid, header, body, wanted, notes, columns, fixed)


def values_below(grid: Grid, source: SourceColumns, column: int) -> list[str]:
    """Return the first non-blank values of a column below a worksheet's headings."""
    below = grid.values[source.row :][:_SAMPLE_ROWS] if column >= 0 else []
    return [text for row in below if column < len(row) and (text := row[column].strip())]


def _refused(
    grid: Grid, header: Header, body: pa.Table, columns: SourceColumns, missing: Sequence[tuple[str, ...]]
) -> Collected:
    """Return no rows, with an error note if a key column is filled or the rows look like people."""
    filled = set(filled_columns(body))
    keys = any(header.columns.get(key) in filled for key in KEYS)
    if not keys and not skipping.looks_like_people(grid.values[:_SAMPLE_ROWS]):
        return _empty(grid, _note(grid, "info", "表头下面没有学生，不是登记表，已跳过", header.bottom))
    labels = "、".join(" 或 ".join(missing_labels(columns, [name]) for name in group) for group in missing)
    why = f"表头缺少 {labels} 这一列"
    message = (
        f"{why}，本表未读取。找到的列名：{headings_found([columns])}。请补上这一列，"
        '或在 cohort.toml 的 columns 里写明哪一列是它，或写固定的内容，如 "学历" = "=本科"（mingce columns 会逐列问）'
    )
    empty = _empty(grid, _note(grid, "error", message, header.bottom))
    return replace(empty, columns=(replace(columns, refused=why),))


def _note(grid: Grid, level: Level, message: str, row: int | None = None) -> Note:
    return Note(level, grid.file, grid.sheet, 0 if row is None else row + 1, message)


def _empty(grid: Grid, *notes: Note) -> Collected:
    return replace(combine([]), notes=[*grid.notes, *notes], pictures=grid.pictures)


def _no_header(grid: Grid) -> Note:
    filled = [row for row in grid.values if any(cell.strip() for cell in row)]
    if not filled:
        return _note(grid, "info", "空表，已跳过")
    if skipping.looks_like_people(filled[:_SAMPLE_ROWS]):
        message = (
            "有学生数据，但没有找到表头，未读取。请在第一行写上列名（姓名、身份证号码、学号等），每个学生一行；"
            "一人一张的登记表（标签和内容并排）请汇总成一张表"
        )
        return _note(grid, "error", message)
    return _note(grid, "info", f"没有登记表的表头（共 {len(filled)} 行），当作说明页跳过")


def _header_notes(grid: Grid, header: Header) -> list[Note]:
    notes: list[Note] = []
    for label, name, column in header.alternatives[:_MAX_NAMED]:
        text_start = f"{xl_col_to_name(column)} 列（{shortened(label)}）与 {xl_col_to_name(header.columns[name])} 列"
        text = f"{text_start}都是{fields.label(name)}，以后者为准，前者原样保留"
        notes.append(_note(grid, "warning", text, header.bottom))
    if header.unknown:
        labels = [shortened(label) for label in header.unknown.values()]
        more = f" 等 {len(labels)} 列" if len(labels) > _MAX_NAMED else ""
        text = f"不认识的列：{'、'.join(labels[:_MAX_NAMED])}{more}，原样保留，不参与核对"
        notes.append(_note(grid, "info", text, header.bottom))
    tops = [top for top, _, bottom, _ in grid.merged if header.bottom < top < bottom]
    if tops:
        text = f"有 {len(tops)} 处合并单元格跨了几行，只有最上面一行有内容，其余各行读作空白；请取消合并、逐行填写"
        notes.append(_note(grid, "warning", text, min(tops)))
    return notes


def _duplicate_error(header: Header, body: pa.Table, same: list[int]) -> str:
    first, *others = [_column(body, column) for column in same]
    if all(first.equals(other) for other in others):
        return ""
    places = " 和 ".join(f"{xl_col_to_name(column)} 列" for column in same[:_MAX_NAMED])
    return (
        f"列名 {shortened(header.labels[same[0]])} 出现了两次（{places}），内容不同，本表未读取。请删去或改名其中一列"
    )


def _column(body: pa.Table, column: int) -> pa.ChunkedArray:
    return body.column(column) if column < body.num_columns else blank_column(body.num_rows)


def _body(grid: Grid, header: Header) -> pa.Table:
    below = grid.values[header.bottom + 1 :]
    if grid.table is not None and not below:
        return grid.table
    width = max((*map(len, below), grid.table.num_columns if grid.table is not None else 0), default=0)
    top = text_table(below, width)
    return top if grid.table is None else pa.concat_tables([top, padded_table(grid.table, width)])


def _map_rows(
    grid: Grid,
    header: Header,
    body: pa.Table,
    wanted: Sequence[str],
    notes: list[Note],
    source: SourceColumns,
    constants: Mapping[str, str],
) -> Collected:
    numbers = np.arange(body.num_rows, dtype="int64") + header.bottom + 2
    places = {name: header.columns[name] for name in wanted if name in header.columns and name not in constants}
    # the registry decides about submissions, and nothing about itself
    filtered = skipping.filter_rows(body, header, (grid.file, grid.sheet), keep_numbered="submitted_at" in wanted)
    if isinstance(filtered, str):
        return _empty(grid, _note(grid, "error", filtered, header.bottom))
    kept = filtered.kept
    columns = {name: _column(body, place) for name, place in places.items()}
    if columns and not kept.all():
        columns = {name: column.filter(pa.array(kept)) for name, column in columns.items()}
    values = pa.table(columns).to_pandas() if columns else pd.DataFrame(index=range(int(kept.sum())))
    absent = {name: pd.Series(constants.get(name, ""), values.index, "str") for name in wanted if name not in places}
    why = filtered.why[kept].astype("str")
    place = {"file": grid.file, "sheet": grid.sheet, "row": numbers[kept], "why": why}
    rows = values.assign(**place, **absent)[[*place, *wanted]]
    extras, cells = _extras(grid, header, body, numbers, kept, wanted), _cells(grid, header, kept, places)
    notes = [*notes, *filtered.notes]
    source = replace(source, unused=not kept.any())
    return Collected(rows, cells, extras, filtered.skipped, notes, [], (source,), grid.pictures)


def _extras(
    grid: Grid, header: Header, body: pa.Table, numbers: np.ndarray, kept: np.ndarray, wanted: Sequence[str]
) -> pd.DataFrame:
    used = {header.columns[name] for name in wanted if name in header.columns}
    parts: list[pd.DataFrame] = []
    for column in filled_columns(body):
        if column not in used:
            filled = np.asarray(pc.not_equal(body.column(column), "")) & kept
            label = header.labels.get(column) or f"{xl_col_to_name(column)} 列"
            values = body.column(column).filter(pa.array(filled)).to_pandas()
            place = {"file": grid.file, "sheet": grid.sheet, "row": numbers[filled], "column": label}
            parts.append(pd.DataFrame({**place, "value": values}))
    return concat_frames(parts, EXTRAS).sort_values("row", kind="stable", ignore_index=True)


def _cells(grid: Grid, header: Header, kept: np.ndarray, places: Mapping[str, int]) -> pd.DataFrame:
    names = {column: name for name, column in places.items()}
    below = header.bottom + 1
    items = [(c.row - below, c.column, c.kind, c.raw) for c in grid.cells if c.row >= below and c.column in names]
    cells_below = text_frame(["row", "column", "kind", "raw"], items, numbers=["row", "column"])
    if grid.table_cells is not None and len(grid.table_cells):
        cells = grid.table_cells[grid.table_cells["column"].isin(list(names))]
        shifted = cells.assign(row=cells["row"] + len(grid.values) - below)
        cells_below = pd.concat([cells_below, shifted], ignore_index=True)
    if len(cells_below):
        cells_below = cells_below[kept[cells_below["row"].to_numpy(dtype="int64")]]
    at = (np.cumsum(kept) - 1)[cells_below["row"].to_numpy(dtype="int64")]
    frame = cells_below.assign(at=at, field=cells_below["column"].map(names))
    return frame[CELLS].astype({"at": "int64", "field": "str", "kind": "str", "raw": "str"}).reset_index(drop=True)
