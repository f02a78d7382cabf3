"""Parquet: whole columns, never a Python object per cell."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false
from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.collect.cell_text import Value, cell_text
from pipeline.collect.collected import Grid, Reading
from pipeline.collect.inputs import Content
from pipeline.errors import InputError

# A few bytes can say "the same again" a thousand million times. A person's row takes tens of bytes, so a file may hold
# so many values, and so many bytes of text, by its own size; small ones may always have what a college has.
_VALUES, _VALUES_A_BYTE = 20_000_000, 8
_TEXT, _TEXT_A_BYTE = 256 << 20, 40
_REMEDY = "请重新导出，或分成几个文件"
_WORDS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
_KINDS = {"number": (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal), "boolean": (pa.types.is_boolean,),
          "date": (pa.types.is_temporal,)}  # fmt: skip


def read_parquet(content: Content) -> Reading:
    """Return a parquet file as one grid of text columns.

    Raises:
        InputError: it cannot be read.
    """
    try:
        table = _read(content)
        return Reading([grid_of_table(content.name, "", table)])
    except (pa.ArrowException, OSError, ValueError) as error:
        kind = type(error).__name__
        raise InputError(f"Parquet 文件读不出（{kind}）", where=content.name, remedy=_REMEDY) from None


def _read(content: Content) -> pa.Table:
    """Return the file's columns, those of text as dictionaries: so they take no more than the file says once."""
    source, size = pa.BufferReader(content.data), len(content.data)
    metadata = pq.read_metadata(source)
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    values = sum(group.column(at).num_values for group in groups for at in range(group.num_columns))
    values = max(values, metadata.num_rows)
    if values > max(_VALUES, size * _VALUES_A_BYTE):
        raise InputError(f"有 {values} 格，文件却只有 {size} 字节，未读取", where=content.name, remedy=_REMEDY)
    schema = pq.read_schema(source)
    words = [field.name for field in schema if any(test(field.type) for test in _WORDS)]
    table = pq.ParquetFile(source, read_dictionary=words).read()
    if sum(map(_text_bytes, table.columns)) > max(_TEXT, size * _TEXT_A_BYTE):
        raise InputError("展开后太大，未读取", where=content.name, remedy=_REMEDY)
    return table


def _text_bytes(column: pa.ChunkedArray) -> int:
    """Return how many bytes a column has with every word of a dictionary written out."""
    if not pa.types.is_dictionary(column.type):
        return column.nbytes
    return sum(pc.sum(pc.binary_length(chunk.dictionary).take(chunk.indices)).as_py() or 0 for chunk in column.chunks)


def grid_of_table(file: str, sheet: str, table: pa.Table, first_row: int = 1) -> Grid:
    """Return a grid from an Arrow table: its names are the header, its columns become text."""
    names = [str(name) for name in table.column_names]
    columns = [text_column(table.column(number)) for number in range(table.num_columns)]
    body = pa.table(columns, names=[str(number) for number in range(len(columns))])
    return Grid(file, sheet, [names], first_row=first_row, table=body, table_cells=_cells(table, columns))


def text_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as text, blank for a missing value."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_null(kind):
        return pc.fill_null(column.cast(pa.large_string()), "")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text = pc.fill_null(column.cast(pa.large_string()), "")
        if _is_utf8(text):
            return text
        column = text.cast(pa.large_binary())
    try:
        distinct = pc.unique(column)
        places = pc.index_in(column, value_set=distinct)
        texts = pa.array([_text(value) for value in distinct.to_pylist()], pa.large_string())
    except (pa.ArrowException, ValueError, OverflowError):  # nested values, and dates that Python has no word for
        return pa.chunked_array([pa.array([_text(value) for value in map(_shown, column)], pa.large_string())])
    return pa.chunked_array([texts.take(chunk) for chunk in places.chunks], pa.large_string())


def _is_utf8(text: pa.ChunkedArray) -> bool:
    """Say whether the text is text: who wrote the file may never have looked."""
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _text(value: object) -> str:
    return "" if value is None else cell_text(_plain(value))[0]


def _shown(value: pa.Scalar) -> object:
    """Return an Arrow value as Python's, or its stored number where Python has none for it (the year 36,537,000)."""
    try:
        return value.as_py()
    except (ValueError, OverflowError):
        return str(getattr(value, "value", ""))


def _plain(value: object) -> Value:
    """Return a value that a cell may hold; what is none is its text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return value if isinstance(value, Value) else str(value)


def _cells(table: pa.Table, columns: list[pa.ChunkedArray]) -> pd.DataFrame:
    """Return the cells of columns that hold numbers, dates or truth values."""
    parts: list[pd.DataFrame] = []
    for number, column in enumerate(columns):
        kind = next((k for k, tests in _KINDS.items() if any(test(table.column(number).type) for test in tests)), "")
        if not kind:
            continue
        raw = column.to_pandas()
        filled = raw != ""
        parts.append(pd.DataFrame({"row": filled.index[filled], "column": number, "kind": kind, "raw": raw[filled]}))
    empty = {"row": "int64", "column": "int64", "kind": "str", "raw": "str"}
    whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=pd.Index(empty))
    return whole.astype(empty)
