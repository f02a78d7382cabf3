"""A pandas frame as HTML: Chinese headings, codes in Chinese, numbers right-aligned."""

from __future__ import annotations

from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from pipeline.render.pieces import render
from pipeline.render.table_words import SHARES, column_words, heading

ROWS = 200
"""Rows that a page carries of a frame; it says how many more there are."""


def as_bundle(frame: pd.DataFrame | pd.Series, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the MIME bundle of a frame or series for a notebook: the HTML table and pandas' own text."""
    return {"text/html": as_table(frame), "text/plain": repr(frame)}, {"mingce": {"frame": True}}


def as_table(frame: pd.DataFrame | pd.Series, rows: int = ROWS) -> str:
    """Return at most `rows` rows as HTML. The index is a column unless it is a plain range."""
    if isinstance(frame, pd.Series):
        frame = frame.to_frame("" if frame.name is None else frame.name)
    plain = isinstance(frame.index, pd.RangeIndex) and frame.index.name is None
    top = frame.head(rows)
    labels: list[pd.Series] = [] if plain else [_level(top.index, at) for at in range(top.index.nlevels)]
    columns = [*labels, *(top.iloc[:, at] for at in range(top.shape[1]))]
    return render(
        "pieces/frame.html.j2",
        headings=[list(line) for line in zip(*map(_headings, columns), strict=True)],
        numeric=[is_numeric_dtype(column) and not is_bool_dtype(column) for column in columns],
        labels=len(labels),
        rows=list(zip(*map(_words, columns), strict=True)),
        hidden=len(frame) > rows,
        total=len(frame),
    )


def _level(index: pd.Index, at: int) -> pd.Series:
    values = index.get_level_values(at)
    return pd.Series(values, name=index.names[at])


def _headings(column: pd.Series) -> list[str]:
    names = column.name if isinstance(column.name, tuple) else (column.name,)
    return ["" if name is None else heading(str(name)) for name in names]


def _words(column: pd.Series) -> list[str]:
    """Return a column's values as Chinese text. A missing value is a dash."""
    if column.dtype.kind == "f" and column.name not in SHARES:
        whole = bool((column.dropna() % 1 == 0).all())
        text = column.map(lambda value: f"{value:,.0f}" if whole and value < 1e15 else f"{value:.4g}").astype("str")
    elif column.dtype.kind == "b":
        text = column.map({True: "是", False: "否"})
    else:
        text = column_words(column)
    return ["–" if gone else str(value) for gone, value in zip(column.isna(), text, strict=True)]
