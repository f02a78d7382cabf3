"""Parquet files and database tables, read as whole columns and never as a Python object per cell."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false
from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError

from pipeline.collect.cell_text import Value, cell_text
from pipeline.collect.collected import Grid, Input, Reading, table_cells
from pipeline.collect.inputs import Content, store_copy
from pipeline.errors import InputError

PASSWORD = "MINGCE_REGISTRY_PASSWORD"  # the variable's name
_PORTION_ROWS = 50_000
_DRIVERS = {"postgresql": "psycopg（安装 mingce[postgresql]）", "mysql": "pymysql（安装 mingce[mysql]）"}
# A few bytes can encode 10⁹ equal values. A person's row takes tens of bytes, so the file's size bounds its values and
# its bytes of text. A small file may hold what a college has.
_MIN_VALUES, _VALUES_PER_BYTE = 20_000_000, 8
_MIN_TEXT, _TEXT_PER_BYTE = 256 << 20, 40
_REMEDY = "请重新导出，或分成几个文件"
_TEXT_TYPES = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
_TYPES = {"number": (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal), "boolean": (pa.types.is_boolean,),
          "date": (pa.types.is_temporal,)}  # fmt: skip


def read_parquet(content: Content) -> Reading:
    """Return a Parquet file as one grid of text columns."""
    try:
        table = _read_file(content)
        names = [str(name) for name in table.column_names]
        text, cells = _as_text(table)
        return Reading([Grid(content.name, "", [names], table=text, table_cells=cells)])
    except (pa.ArrowException, OSError, ValueError) as error:
        kind = type(error).__name__
        raise InputError(f"Parquet 文件读不出（{kind}）", where=content.name, remedy=_REMEDY) from None


def _read_file(content: Content) -> pa.Table:
    """Return the file's columns, text as dictionaries, which take no more memory than the distinct values."""
    source, size = pa.BufferReader(content.data), len(content.data)
    metadata = pq.read_metadata(source)
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    values = sum(group.column(at).num_values for group in groups for at in range(group.num_columns))
    values = max(values, metadata.num_rows)
    if values > max(_MIN_VALUES, size * _VALUES_PER_BYTE):
        raise InputError(f"有 {values} 格，文件却只有 {size} 字节，未读取", where=content.name, remedy=_REMEDY)
    text_columns = [field.name for field in pq.read_schema(source) if any(test(field.type) for test in _TEXT_TYPES)]
    table = pq.ParquetFile(source, read_dictionary=text_columns).read()
    size_read = sum(
        pc.sum(pc.binary_length(chunk.dictionary).take(chunk.indices)).as_py() or 0
        if pa.types.is_dictionary(chunk.type)
        else chunk.nbytes
        for column in table.columns
        for chunk in column.chunks
    )
    if size_read > max(_MIN_TEXT, size * _TEXT_PER_BYTE):
        raise InputError("展开后太大，未读取", where=content.name, remedy=_REMEDY)
    return table


def _as_text(table: pa.Table) -> tuple[pa.Table, pd.DataFrame]:
    columns = [_text_column(table.column(number)) for number in range(table.num_columns)]
    parts: list[pd.DataFrame] = []
    for number, column in enumerate(columns):
        kind = next((k for k, tests in _TYPES.items() if any(test(table.column(number).type) for test in tests)), "")
        if kind:
            raw = column.to_pandas()
            at = raw.index[raw != ""]
            parts.append(pd.DataFrame({"row": at, "column": number, "kind": kind, "raw": raw[at]}))
    return pa.table(columns, names=[str(number) for number in range(len(columns))]), table_cells(parts)


def _text_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_null(kind):
        return pc.fill_null(column.cast(pa.large_string()), "")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text = pc.fill_null(column.cast(pa.large_string()), "")
        try:
            text.validate(full=True)  # a Parquet writer need not check that its text is UTF-8
            return text
        except pa.ArrowInvalid:
            column = text.cast(pa.large_binary())
    try:
        distinct = pc.unique(column)
        positions = pc.index_in(column, value_set=distinct)
        texts = pa.array([_text(value) for value in distinct.to_pylist()], pa.large_string())
    except (pa.ArrowException, ValueError, OverflowError):  # nested values, and dates that Python cannot hold
        return pa.chunked_array([pa.array([_text(value) for value in map(_python_value, column)], pa.large_string())])
    return pa.chunked_array([texts.take(chunk) for chunk in positions.chunks], pa.large_string())


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    return "" if value is None else cell_text(value if isinstance(value, Value) else str(value))[0]


def _python_value(value: pa.Scalar) -> object:
    """Return an Arrow value as Python's, or its stored number if Python has none (the year 36,537,000)."""
    try:
        return value.as_py()
    except (ValueError, OverflowError):
        return str(getattr(value, "value", ""))


def read_database(source: str, folder: Path, copies: Path | None) -> Reading:
    """Return the table of `source` (an SQLAlchemy URL and `#table` or `#schema.table`) as one grid.

    A relative SQLite path starts at `folder`. The variable `PASSWORD` supplies a password that the URL lacks.
    Raises InputError for a wrong address, a missing driver, or a database that does not answer.
    """
    address, _, table = source.rpartition("#")
    if not address or not table:
        raise InputError("数据库地址没有写表名", where=_masked(source), remedy="请写作 数据库地址#表名")
    url = _url(address, folder)
    where = f"{url.render_as_string(hide_password=True)}#{table}"
    try:
        grid = _read_table(url, table, where)
    except NoSuchTableError:
        raise InputError(f"数据库里没有表 {table}", where=where, remedy="请核对表名（可写作 模式名.表名）") from None
    except (NoSuchModuleError, ImportError):
        driver = _DRIVERS.get(url.get_backend_name(), url.drivername)
        raise InputError("缺少这种数据库的驱动程序", where=where, remedy=f"请安装 {driver}") from None
    except (SQLAlchemyError, OSError, UnicodeError) as error:
        remedy = f"请核对地址、账号和网络；密码放在环境变量 {PASSWORD} 中"
        raise InputError(f"数据库读不出（{type(error).__name__}）", where=where, remedy=remedy) from None
    table_read: Any = grid.table
    sink, distinct = pa.BufferOutputStream(), len(set(grid.values[0])) == table_read.num_columns
    pq.write_table(table_read.rename_columns(grid.values[0]) if distinct else table_read, sink)
    data = sink.getvalue().to_pybytes()
    content = Content(where, data, hashlib.sha256(data).hexdigest())
    store_copy(content, copies)
    return Reading([grid], inputs=[Input(where, content.sha256, len(data), f"数据库表，{table_read.num_rows} 行")])


def _masked(source: str) -> str:
    return source.split("://")[0] + "://…"


def _url(address: str, folder: Path) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):  # a port that is no number
        raise InputError("数据库地址不正确", where=_masked(address), remedy="请照 cohort.toml 注释中的例子写") from None
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        path = folder / url.database
        if not path.is_file():
            raise InputError("没有这个数据库文件", where=url.database, remedy="请放入届别文件夹或改正路径")
        url = url.set(database=str(path))
    password = os.environ.get(PASSWORD)
    return url.set(password=password) if password and url.username and not url.password else url


def _read_table(url: URL, name: str, where: str) -> Grid:
    schema, _, table = name.rpartition(".")
    engine = sa.create_engine(url, hide_parameters=True)
    try:
        reflected = sa.Table(table, sa.MetaData(), schema=schema or None, autoload_with=engine)
        names = [column.name for column in reflected.columns]
        with engine.connect() as connection:
            options = {"stream_results": True, "yield_per": _PORTION_ROWS}
            result = connection.execution_options(**options).execute(sa.select(reflected))
            portions = [_as_text(_portion(rows, len(names))) for rows in result.partitions()]
    finally:
        engine.dispose()
    portions = portions or [_as_text(_portion([], len(names)))]
    tables = [table for table, _ in portions]
    starts = accumulate((table.num_rows for table in tables), initial=0)
    cells = [each.assign(row=each["row"] + at) for (_, each), at in zip(portions, starts, strict=False)]
    return Grid(where, "", [names], table=pa.concat_tables(tables), table_cells=table_cells(cells))


def _portion(rows: Sequence[Sequence[Any]], width: int) -> pa.Table:
    columns = [_column([row[at] for row in rows]) for at in range(width)]
    return pa.table(columns, names=[str(at) for at in range(width)])


def _column(values: Iterable[Any]) -> pa.Array:
    items = list(values)
    kinds = {type(value) for value in items if value is not None}
    if kinds <= {str}:
        return pa.array(items, pa.large_string())
    with suppress(pa.ArrowException, OverflowError, TypeError):
        if len(kinds) == 1:
            return pa.array(items)
    return pa.array([None if value is None else str(value) for value in items], pa.large_string())
