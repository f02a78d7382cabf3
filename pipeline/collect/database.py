"""A registry in a database: `postgresql+psycopg://user@host/base#table`, read in portions."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false
from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError

from pipeline.collect.collected import Grid, Input, Reading
from pipeline.collect.inputs import Content, keep_bytes
from pipeline.collect.parquet import grid_of_table
from pipeline.errors import InputError

PASSWORD = "MINGCE_REGISTRY_PASSWORD"  # the variable's name
_PORTION = 50_000
_DRIVERS = {"postgresql": "psycopg（安装 mingce[postgresql]）", "mysql": "pymysql（安装 mingce[mysql]）"}


def read_database(source: str, folder: Path, keep: Path | None) -> Reading:
    """Return the table that `source` (an SQLAlchemy URL and `#table` or `#schema.table`) names, as one grid.

    A relative SQLite path starts at the cohort folder. A password that the URL lacks comes from the environment.

    Raises:
        InputError: the address is wrong, the driver is missing, or the database does not answer.
    """
    address, _, table = source.rpartition("#")
    if not address or not table:
        raise InputError("数据库地址没有写表名", where=_masked(source), remedy="请写作 数据库地址#表名")
    url = _url(address, folder)
    where = f"{url.render_as_string(hide_password=True)}#{table}"
    try:
        grid = _read(url, table, where)
    except NoSuchTableError:
        raise InputError(f"数据库里没有表 {table}", where=where, remedy="请核对表名（可写作 模式名.表名）") from None
    except (NoSuchModuleError, ModuleNotFoundError, ImportError):
        driver = _DRIVERS.get(url.get_backend_name(), url.drivername)
        raise InputError("缺少这种数据库的驱动程序", where=where, remedy=f"请安装 {driver}") from None
    except (SQLAlchemyError, OSError, UnicodeError) as error:
        remedy = f"请核对地址、账号和网络；密码放在环境变量 {PASSWORD} 中"
        raise InputError(f"数据库读不出（{type(error).__name__}）", where=where, remedy=remedy) from None
    return Reading([grid], inputs=[_input(where, grid, keep)])


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


def _read(url: URL, name: str, where: str) -> Grid:
    """Return the whole table as text, read in portions: no value stays a Python object longer than its portion."""
    schema, _, table = name.rpartition(".")
    engine = sa.create_engine(url, hide_parameters=True)
    try:
        reflected = sa.Table(table, sa.MetaData(), schema=schema or None, autoload_with=engine)
        names = [column.name for column in reflected.columns]
        with engine.connect() as connection:
            options = {"stream_results": True, "yield_per": _PORTION}
            result = connection.execution_options(**options).execute(sa.select(reflected))
            portions = [grid_of_table(where, "", _portion(rows, len(names))) for rows in result.partitions()]
    finally:
        engine.dispose()
    return _joined(where, names, portions or [grid_of_table(where, "", _portion([], len(names)))])


def _joined(where: str, names: list[str], portions: list[Grid]) -> Grid:
    """Return the portions as one grid."""
    tables = [portion.table for portion in portions if portion.table is not None]
    starts = accumulate((table.num_rows for table in tables), initial=0)
    cells = [p.table_cells.assign(row=p.table_cells["row"] + at) for p, at in zip(portions, starts, strict=False)
             if p.table_cells is not None]  # fmt: skip
    return Grid(where, "", [names], table=pa.concat_tables(tables), table_cells=pd.concat(cells, ignore_index=True))


def _portion(rows: Sequence[Sequence[Any]], width: int) -> pa.Table:
    columns = [_column([row[at] for row in rows]) for at in range(width)]
    return pa.table(columns, names=[str(at) for at in range(width)])


def _column(values: Iterable[Any]) -> pa.Array:
    """Return values of the kinds that a cell may hold, others (uuid, json) as their text."""
    listed = list(values)
    kinds = {type(value) for value in listed if value is not None}
    if kinds <= {str}:
        return pa.array(listed, pa.large_string())
    try:
        if len(kinds) == 1:
            return pa.array(listed)
    except (pa.ArrowException, OverflowError, TypeError):
        pass
    return pa.array([None if value is None else str(value) for value in listed], pa.large_string())


def _input(where: str, grid: Grid, keep: Path | None) -> Input:
    """Keep what was read as parquet, and name it."""
    table = grid.table
    if table is None:
        raise TypeError("a database's grid has a table")
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.rename_columns(grid.values[0]) if len(set(grid.values[0])) == table.num_columns else table, sink
    )
    data = sink.getvalue().to_pybytes()
    content = Content(where, data, hashlib.sha256(data).hexdigest())
    keep_bytes(content, keep)
    return Input(where, content.sha256, len(data), f"数据库表，{table.num_rows} 行")
