"""The columns of every table (`expectations/tables.toml`), and reading and writing tables of a run folder.

Text is `str`, Arrow-backed, blank is "". No table holds a missing value.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import pandas as pd

from pipeline import fields, resources
from pipeline.errors import InputError, reason_of
from pipeline.states import states

Frame = pd.DataFrame

POSITION = ["file", "sheet", "row"]
AS_GIVEN = "as_given"
"""A registry row's fields that normalising changed, as they were given: `given_of` reads it."""

_SCHEMA = tomllib.loads((resources.expectations() / "tables.toml").read_text(encoding="utf-8"))
COLUMNS: dict[str, list[str]] = _SCHEMA["columns"]
"""Table to its columns."""
COLUMNS["submissions"] += fields.names()
SUBMISSIONS, CHANGES = COLUMNS["submissions"], COLUMNS["changes"]
NUMBERS, FRACTIONS, FLAGS = (frozenset[str](_SCHEMA[kind]) for kind in ("numbers", "fractions", "flags"))
"""Columns of whole numbers, of fractions and of true or false. All others are text."""

STATUSES: dict[str, str] = {state.name: state.word for state in states().values()}
CERTIFIED: dict[str, str] = {"certified": "已认证", "failed": "不一致", "not_checked": "未核验"}
SEVERITIES: dict[str, str] = {"critical": "必须更正", "warning": "请核对", "info": "提示"}

CSV_ROW_LIMIT = 1_000_000  # above this only Parquet is written (contract, Folders)
ROW_GROUPS = "mingce.schools"
"""The Parquet file's own metadata that say, as JSON, in which row groups the rows of a school's students are."""


def values_as_given(text: str) -> dict[str, str]:
    """Return a registry row's original values by field, from its cell `AS_GIVEN`."""
    parts = text.split("\x1f")  # no line ends there, as at U+001E
    return dict(zip(parts[::2], parts[1::2], strict=False))


def conform(frame: Frame, table: str) -> Frame:
    """Return `frame` with exactly the columns and types of `table`, without missing values."""
    columns = COLUMNS[table]
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ValueError(f"{table} lacks the columns {missing}")
    return typed(frame[columns]).reset_index(drop=True)


def typed(frame: Frame) -> Frame:
    """Return `frame` with the type of each column, which its name decides."""
    return frame.assign(**{str(column): _typed(frame[column], name=str(column)) for column in frame.columns})


def _typed(column: pd.Series, *, name: str) -> pd.Series:
    if name in NUMBERS:
        return pd.to_numeric(column).astype("int64")
    if name in FRACTIONS or (name == "score" and column.dtype.kind in "fi"):
        return pd.to_numeric(column).astype("float64")
    if name in FLAGS:
        return column if column.dtype == bool else column.astype(str).str.lower().eq("true")
    return column.fillna("").astype("str")


def empty(table: str) -> Frame:
    """Return `table` without rows."""
    return conform(pd.DataFrame({column: pd.Series(dtype="str") for column in COLUMNS[table]}), table)


def write_table(folder: Path, name: str, frame: Frame) -> None:
    """Write `name.parquet`, and up to a million rows `name.csv`, into `folder`."""
    frame.to_parquet(folder / f"{name}.parquet", index=False, compression="zstd")
    if len(frame) <= CSV_ROW_LIMIT:
        frame.to_csv(folder / f"{name}.csv", index=False, encoding="utf-8", lineterminator="\n")


def table_file(run: Path, name: str) -> Path:
    """Return the file of table `name` of a run folder. Raises InputError if the run has none."""
    path = run / "tables" / f"{name}.parquet"
    if not path.is_file():
        raise InputError(f"运行结果中没有表 {name}", where=str(run), remedy="请确认这是一次完整运行的文件夹")
    return path


def read_table(run: Path, name: str, columns: list[str] | None = None) -> Frame:
    """Return table `name` of a run folder. Raises InputError if it is missing or cannot be read."""
    try:
        return pd.read_parquet(table_file(run, name), columns=columns)
    except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
        raise InputError(
            f"运行结果中的表 {name} 读不出（{reason_of(error)}）", where=str(run), remedy="请重新运行 mingce run"
        ) from None
