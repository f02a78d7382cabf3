"""Columns of text: patterns over them, work on their distinct values."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import resources

Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Objects = npt.NDArray[np.object_]
Places = npt.NDArray[np.integer[Any]]


def inert(value: str) -> str:
    """Return a cell for a csv that people open: ' before a value keeps spreadsheets from reading it as a formula."""
    return f"'{value}" if value[:1] and value[:1] in "=+-@\t\r'" else value


def expectation_rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a table in `expectations/`, such as `regions/regions.csv`."""
    with (resources.expectations() / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def arrow(values: pd.Series) -> Any:  # noqa: ANN401  # pyarrow has no types
    """Return a column of text as one Arrow array of large strings (no copy where it already is one)."""
    chunks = pa.array(values.array, type=pa.large_string())
    return chunks.combine_chunks() if isinstance(chunks, pa.ChunkedArray) else chunks


def fits_pattern(values: pd.Series, pattern: str) -> Bools:
    """Return for each value whether the whole of it fits `pattern` (RE2 syntax)."""
    found = cast(Any, pc).match_substring_regex(arrow(values), rf"\A(?:{pattern})\z")
    return found.to_numpy(zero_copy_only=False).astype(bool)


def flag(values: pd.Series, answers: Bools) -> pd.Series:
    """Return `answers` as a column of true and false beside `values`."""
    return pd.Series(answers, index=values.index, dtype=bool)


def text(values: pd.Series, answers: Objects) -> pd.Series:
    """Return `answers` (an array of text) as a column beside `values`."""
    return pd.Series(answers, index=values.index, dtype="str")


def text_series(answers: Any, index: pd.Index) -> pd.Series:  # noqa: ANN401  # an Arrow array
    """Return an Arrow array of large strings as a column of text (no copy)."""
    return pd.Series(cast(Any, pd.StringDtype(na_value=np.nan)).__from_arrow__(answers), index=index)


def distinct(values: pd.Series) -> tuple[Places, list[str]]:
    """Return for each value its place among the distinct ones, and these in the order they are met."""
    encoded = cast(Any, pc).dictionary_encode(arrow(values))
    return encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()


def distinct_rows(*columns: pd.Series) -> tuple[Places, list[tuple[str, ...]]]:
    """Return for each row of columns of one length its place among the distinct rows, and these as first met."""
    places, first = distinct(columns[0])
    rows = [(value,) for value in first]
    for column in columns[1:]:
        more, values = distinct(column)
        pairs = places.astype(np.int64) * len(values) + more
        places, kept = pd.factorize(pairs)
        rows = [(*rows[pair // len(values)], values[pair % len(values)]) for pair in kept.tolist()]
    return places, rows


def chosen(places: Places, words: list[str], index: pd.Index) -> pd.Series:
    """Return as text the one of `words` that each of `places` points to."""
    return text_series(pa.array(words, type=pa.large_string()).take(pa.array(places)), index)


def among(values: pd.Series, wanted: Iterable[str]) -> pd.Series:
    """Return which values are in `wanted`. Faster than pandas' `isin` for many wanted values."""
    known = arrow(wanted) if isinstance(wanted, pd.Series) else pa.array(list(wanted), pa.large_string())
    found = cast(Any, pc).is_in(arrow(values), value_set=known)
    return flag(values, found.to_numpy(zero_copy_only=False))


def joined_text(rows: pd.DataFrame, columns: Iterable[str]) -> list[str]:
    """Return each row's `columns` as one text, parted by U+001F: what a digest of the row is made of."""
    parts = [arrow(rows[name]) for name in columns]
    if not parts:
        return [""] * len(rows)
    mark = pa.scalar("\x1f", pa.large_string())
    return cast(Any, pc).binary_join_element_wise(*parts, mark).to_pylist()


def by_distinct(values: pd.Series, answer: Callable[[str], str]) -> pd.Series:
    """Return `answer(value)` for each value, asked once per distinct one."""
    return text_by_rows(answer, values)


def flag_by_distinct(values: pd.Series, answer: Callable[[str], bool]) -> pd.Series:
    """Return `answer(value)` for each value as true or false, asked once per distinct one."""
    return flag_by_rows(answer, values)


def text_by_rows(answer: Callable[..., str], *columns: pd.Series) -> pd.Series:
    """Return `answer(*values)` for each row of columns of one length as text, asked once per distinct row."""
    places, rows = distinct_rows(*columns)
    return chosen(places, [answer(*row) for row in rows], columns[0].index)


def flag_by_rows(answer: Callable[..., bool], *columns: pd.Series) -> pd.Series:
    """Return `answer(*values)` for each row of columns of one length as true or false, asked once per distinct row."""
    places, rows = distinct_rows(*columns)
    return flag(columns[0], np.array([answer(*row) for row in rows], dtype=bool)[places])


def begins_with(values: pd.Series, characters: bytes) -> Bools:
    """Return for each value whether one of these ASCII characters begins it and more follows: no pattern is run."""
    data, offsets = _bytes_of(values)
    long = np.diff(offsets) > 1
    first = np.zeros(len(long), dtype=np.uint8)
    first[long] = data[offsets[:-1][long]]
    return np.isin(first, np.frombuffer(characters, dtype=np.uint8))


def lengths(values: pd.Series) -> Places:
    """Return the length of each value in bytes of UTF-8."""
    return np.diff(_bytes_of(values)[1])


def _bytes_of(values: pd.Series) -> tuple[Bytes, Places]:
    """Return the bytes of a column, all values one after the other, and where each begins (and the last one ends)."""
    column = arrow(values)
    _, places, data = column.buffers()
    if len(column) == 0 or data is None:
        return np.empty(0, dtype=np.uint8), np.zeros(len(column) + 1, dtype=np.int64)
    offsets = np.frombuffer(places, dtype=np.int64)[column.offset : column.offset + len(column) + 1]
    return np.frombuffer(data, dtype=np.uint8), offsets


def byte_matrix(values: pd.Series, width: int) -> Bytes:
    """Return values that are all `width` ASCII characters as a matrix, one row each.

    Raises:
        ValueError: a value has another length.
    """
    data, offsets = _bytes_of(values)
    if len(data) == 0:
        return np.empty((0, width), dtype=np.uint8)
    if not bool((np.diff(offsets) == width).all()):
        raise ValueError(f"every value must have {width} bytes")
    return data[offsets[0] : offsets[-1]].reshape(len(values), width)
