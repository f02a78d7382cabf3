"""Big clean csv files through Arrow: whole columns, no Python object per cell."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false
from __future__ import annotations

import io

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv

from pipeline.collect.collected import Grid, Reading
from pipeline.collect.compact import HEAD, filled_columns
from pipeline.collect.delimiter import DELIMITERS, guess_delimiter
from pipeline.collect.inputs import Content

_SAMPLE = 1 << 16


def read_clean(content: Content) -> tuple[Reading, str] | None:
    """Return a big csv as one grid and how it was read, or None where it needs the patient way.

    Clean means: UTF-8 or GB18030, every row of the same width, no line break within a cell, no NUL byte.
    """
    data = content.data.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in data or data[:4].lower() == b"sep=":
        return None
    encoding = _encoding(data)
    if not encoding:
        return None
    delimiter = guess_delimiter(data[:_SAMPLE].decode(encoding, errors="ignore"))
    if len(delimiter.encode()) > 1:
        return None
    table = _parse(data, encoding, delimiter)
    if table is None or any(_any(pc.match_substring_regex(table.column(at), "[\r\n]")) for at in filled_columns(table)):
        return None
    rest, cells = _without_text_formulas(table.slice(HEAD))
    values = [list(row.values()) for row in table.slice(0, HEAD).to_pylist()]
    grid = Grid(content.name, "", values, table=rest, table_cells=cells)
    mark = "（有 BOM）" if len(data) < len(content.data) else ""
    return Reading([grid]), f"编码 {encoding.upper()}{mark}，分隔符 {DELIMITERS[delimiter]}"


def _encoding(data: bytes) -> str:
    if _is_utf8(data):
        return "utf-8"
    try:
        for _ in io.TextIOWrapper(io.BytesIO(data), encoding="gb18030"):
            pass
    except UnicodeDecodeError:
        return ""
    return "gb18030"


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _parse(data: bytes, encoding: str, delimiter: str) -> pa.Table | None:
    width = data[: data.find(b"\n") + 1].decode(encoding, errors="ignore").count(delimiter) + 1
    names = [str(number) for number in range(width)]
    try:
        return pv.read_csv(
            pa.BufferReader(data),
            read_options=pv.ReadOptions(column_names=names, block_size=16 << 20, encoding=encoding),
            parse_options=pv.ParseOptions(delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=False),
            convert_options=pv.ConvertOptions(
                column_types={name: pa.large_string() for name in names}, null_values=[], strings_can_be_null=False
            ),
        )
    except (pa.ArrowException, UnicodeDecodeError):
        return None


def _any(mask: pa.ChunkedArray) -> bool:
    return bool(pc.any(mask).as_py())


def _without_text_formulas(table: pa.Table) -> tuple[pa.Table, pd.DataFrame]:
    """Return the table with `="430…"` as the text that it shows, and those cells."""
    parts: list[pd.DataFrame] = []
    for number in filled_columns(table):
        column = table.column(number)
        forced = pc.match_substring_regex(column, '^="[^"]*"$')
        if not _any(forced):
            continue
        at = pc.indices_nonzero(forced).to_pandas()
        raw = column.filter(forced).to_pandas()
        parts.append(pd.DataFrame({"row": at, "column": number, "kind": "formula", "raw": raw}))
        shown = pc.replace_substring_regex(column, '^="([^"]*)"$', r"\1")
        table = table.set_column(number, table.column_names[number], shown)
    kinds = {"row": "int64", "column": "int64", "kind": "str", "raw": "str"}
    cells = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=pd.Index(kinds))
    return table, cells.astype(kinds)
