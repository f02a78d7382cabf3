"""Small helpers that every knowledge module uses: patterns over a column, work on distinct values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Objects = npt.NDArray[np.object_]


def arrow(values: pd.Series) -> Any:  # noqa: ANN401  # pyarrow has no types
    """Return a column of text as one Arrow array of large strings (no copy where it already is one)."""
    chunks = pa.array(values.array, type=pa.large_string())
    return chunks.combine_chunks() if isinstance(chunks, pa.ChunkedArray) else chunks


def matches(values: pd.Series, pattern: str) -> Bools:
    """Return for each value whether the whole of it fits `pattern` (RE2 syntax)."""
    found = cast(Any, pc).match_substring_regex(arrow(values), rf"\A(?:{pattern})\z")
    return found.to_numpy(zero_copy_only=False).astype(bool)


def flag(values: pd.Series, answers: Bools) -> pd.Series:
    """Return `answers` as a column of true and false beside `values`."""
    return pd.Series(answers, index=values.index, dtype=bool)


def text(values: pd.Series, answers: Objects) -> pd.Series:
    """Return `answers` (an array of text) as a column beside `values`."""
    return pd.Series(answers, index=values.index, dtype="str")


def by_distinct(values: pd.Series, answer: Callable[[str], str]) -> pd.Series:
    """Return `answer(value)` for each value, asked once per distinct one."""
    if values.empty:
        return values.astype("str")
    known = {value: answer(value) for value in values.unique()}
    return values.map(known).astype("str")


def flag_by_distinct(values: pd.Series, answer: Callable[[str], bool]) -> pd.Series:
    """Return `answer(value)` for each value as true or false, asked once per distinct one."""
    if values.empty:
        return pd.Series(index=values.index, dtype=bool)
    known = {value: answer(value) for value in values.unique()}
    return values.map(known).astype(bool)


def byte_matrix(values: pd.Series, width: int) -> Bytes:
    """Return values that are all `width` ASCII characters as a matrix, one row each.

    Raises:
        ValueError: a value has another length.
    """
    column = arrow(values)
    data = column.buffers()[2]
    if len(column) == 0 or data is None:
        return np.empty((0, width), dtype=np.uint8)
    offsets = np.frombuffer(column.buffers()[1], dtype=np.int64)[column.offset : column.offset + len(column) + 1]
    if not bool((np.diff(offsets) == width).all()):
        raise ValueError(f"every value must have {width} bytes")
    return np.frombuffer(data, dtype=np.uint8)[offsets[0] : offsets[-1]].reshape(len(column), width)
