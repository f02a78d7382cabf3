"""Columns of text: patterns, distinct values, bytes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.integer[Any]]


def formula_safe(value: str) -> str:
    """Return `value` for CSV, with ' before it if a spreadsheet would read it as a formula."""
    return f"'{value}" if value[:1] and value[:1] in "=+-@\t\r'" else value


_BLANK = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\u3164\u115f\u1160]")  # variants, fillers of Hangul


def clean_text(text: str) -> str:
    """Remove invisible and control characters, collapse white space to single spaces, and strip the ends."""
    characters = text if text.isprintable() else "".join(map(_visible_char, text))  # printable: plain spaces only
    return re.sub(r" {2,}", " ", _BLANK.sub("", characters)).strip(" ")


def _visible_char(char: str) -> str:
    category = unicodedata.category(char)
    if char in "\t\n\r\v\f\x85" or category in ("Zs", "Zl", "Zp"):
        return " "
    return "" if category in ("Cf", "Cc") else char


def arrow(values: pd.Series) -> Any:  # noqa: ANN401  # pyarrow has no types
    """Return a column of text as one Arrow array of large strings. Copies only if necessary."""
    chunks = pa.array(values.array, type=pa.large_string())
    return chunks.combine_chunks() if isinstance(chunks, pa.ChunkedArray) else chunks


def fits_pattern(values: pd.Series, pattern: str) -> Bools:
    """Return whether each value matches `pattern` completely (RE2 syntax)."""
    matches = cast(Any, pc).match_substring_regex(arrow(values), rf"\A(?:{pattern})\z")
    return matches.to_numpy(zero_copy_only=False).astype(bool)


def flag(values: pd.Series, answers: Bools) -> pd.Series:
    """Return `answers` as a bool column with the index of `values`."""
    return pd.Series(answers, index=values.index, dtype=bool)


def distinct(values: pd.Series) -> tuple[Positions, list[str]]:
    """Return each value's position among the distinct values, and the distinct values in order of appearance."""
    encoded = cast(Any, pc).dictionary_encode(arrow(values))
    return encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()


def distinct_rows(*columns: pd.Series) -> tuple[Positions, list[tuple[str, ...]]]:
    """Return each row's position among the distinct rows, and the distinct rows in order of appearance."""
    positions, first_values = distinct(columns[0])
    rows = [(value,) for value in first_values]
    for column in columns[1:]:
        codes, values = distinct(column)
        pairs = positions.astype(np.int64) * len(values) + codes
        positions, distinct_pairs = pd.factorize(pairs)
        rows = [(*rows[pair // len(values)], values[pair % len(values)]) for pair in distinct_pairs.tolist()]
    return positions, rows


def take_texts(positions: Positions, texts_by_code: list[str], index: pd.Index) -> pd.Series:
    """Return the texts at `positions` of `texts_by_code` as a column."""
    texts = pa.array(texts_by_code, type=pa.large_string()).take(pa.array(positions))
    return pd.Series(cast(Any, pd.StringDtype(na_value=np.nan)).__from_arrow__(texts), index=index)


def is_in(values: pd.Series, wanted: Iterable[str]) -> pd.Series:
    """Return which values are in `wanted`. Faster than pandas' `isin` for many wanted values."""
    value_set = arrow(wanted) if isinstance(wanted, pd.Series) else pa.array(list(wanted), pa.large_string())
    members = cast(Any, pc).is_in(arrow(values), value_set=value_set)
    return flag(values, members.to_numpy(zero_copy_only=False))


def joined_text(rows: pd.DataFrame, columns: Iterable[str]) -> list[str]:
    """Return each row's `columns` as one text separated by U+001F, for digests."""
    parts = [arrow(rows[name]) for name in columns]
    if not parts:
        return [""] * len(rows)
    mark = pa.scalar("\x1f", pa.large_string())
    return cast(Any, pc).binary_join_element_wise(*parts, mark).to_pylist()


def by_distinct(values: pd.Series, convert: Callable[[str], str], where: Bools | None = None) -> pd.Series:
    """Return `convert(value)` for each value (or only for those in `where`), called once per distinct value."""
    if where is None or where.all():
        return text_by_rows(convert, values)
    results = values.copy()
    if where.any():
        results[where] = text_by_rows(convert, values[where])
    return results


def flag_by_distinct(values: pd.Series, check: Callable[[str], bool]) -> pd.Series:
    """Return `check(value)` for each value as bool, called once per distinct value."""
    return flag_by_rows(check, values)


def text_by_rows(convert: Callable[..., str], *columns: pd.Series) -> pd.Series:
    """Return `convert(*values)` for each row as text, called once per distinct row."""
    positions, rows = distinct_rows(*columns)
    return take_texts(positions, [convert(*row) for row in rows], columns[0].index)


def flag_by_rows(check: Callable[..., bool], *columns: pd.Series) -> pd.Series:
    """Return `check(*values)` for each row as bool, called once per distinct row."""
    positions, rows = distinct_rows(*columns)
    return flag(columns[0], np.array([check(*row) for row in rows], dtype=bool)[positions])


def begins_with(values: pd.Series, characters: bytes) -> Bools:
    """Return whether each value is longer than one byte and begins with one of these ASCII characters."""
    first_bytes = cast(Any, pc).binary_slice(arrow(values).cast(pa.large_binary()), 0, 1)
    wanted = pa.array([bytes([byte]) for byte in characters], pa.large_binary())
    begins = cast(Any, pc).is_in(first_bytes, value_set=wanted).to_numpy(zero_copy_only=False)
    return begins & (lengths(values) > 1) if begins.any() else begins


def lengths(values: pd.Series) -> Positions:
    """Return the length of each value in bytes of UTF-8."""
    return cast(Any, pc).binary_length(arrow(values)).to_numpy(zero_copy_only=False)


def byte_matrix(values: pd.Series, width: int) -> Bytes:
    """Return values of `width` ASCII characters as a matrix, one row per value. ValueError for another length."""
    column = arrow(values).cast(pa.large_binary()).cast(pa.binary(width))
    data = np.frombuffer(column.buffers()[1] or b"", dtype=np.uint8)
    return data[column.offset * width : (column.offset + len(column)) * width].reshape(len(column), width)
