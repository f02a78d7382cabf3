"""Tables in Chinese: headings and words for codes (`reports/words.toml`), and a pandas frame as HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from pipeline import fields
from pipeline.render.fragments import render
from pipeline.resources import report_table
from pipeline.states import ACTORS, theme
from pipeline.tables import CERTIFIED, SEVERITIES, STATUSES

FRAME_ROWS = 200
"""The most rows of a frame on a page. The page has the number of all rows."""
_WORDS = report_table("words")
TITLES: dict[str, str] = _WORDS["titles"]
DIFFERENCES: dict[str, str] = _WORDS["differences"]
_FAMILIES = {family.name: family.label for family in theme().families}
_HEADINGS: dict[str, str] = {**_WORDS["headcount"], **_WORDS["headings"], **_FAMILIES}
_YES_NO = {"True": "是", "False": "否"}
_CODES: dict[str, Mapping[str, str]] = {
    "status": STATUSES,
    "severity": SEVERITIES,
    "actor": ACTORS,
    "identity": CERTIFIED,
    "record": CERTIFIED,
    "cause": _WORDS["causes"],
    "kind": DIFFERENCES,
    "family": _FAMILIES,
    **dict.fromkeys(("excepted", "equal", "explain"), _YES_NO),
}
_SHARES = ("share", "first_pass_rate", "submitted_on_time", "rework", "change")
_TIMESTAMPS = ("decided_at", "signed_at", "accepted_at")


def heading(column: str) -> str:
    """Return the Chinese heading of a column, or its name when it has none."""
    return _HEADINGS.get(column) or fields.label(column)


def column_text(column: pd.Series) -> pd.Series:
    """Return a column as text: codes in Chinese, shares in percent."""
    name = str(column.name)
    if name in _SHARES and column.dtype.kind == "f":
        return column.map("{:+.1%}".format if name == "change" else "{:.1%}".format).astype("str")
    text = column.astype("str")
    if name in _TIMESTAMPS:
        return text.str.slice(0, 16).str.replace("T", " ")
    if name == "field":
        return text.map({value: fields.label(value) for value in text.unique()}).astype("str")
    words = _CODES.get(name)
    return text.map({each: words.get(each, each) for each in text.unique()}).astype("str") if words else text


def mime_bundle(frame: pd.DataFrame | pd.Series, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the MIME bundle of a frame or series for a notebook: the HTML table and pandas' own text."""
    return {"text/html": frame_html(frame), "text/plain": repr(frame)}, {"mingce": {"frame": True}}


def frame_html(frame: pd.DataFrame | pd.Series, rows: int = FRAME_ROWS) -> str:
    """Return at most `rows` rows as HTML. The index is a column unless it is a plain range."""
    if isinstance(frame, pd.Series):
        frame = frame.to_frame("" if frame.name is None else frame.name)
    plain = isinstance(frame.index, pd.RangeIndex) and frame.index.name is None
    top = frame.head(rows)
    labels: list[pd.Series] = (
        []
        if plain
        else [pd.Series(top.index.get_level_values(i), name=top.index.names[i]) for i in range(top.index.nlevels)]
    )
    columns = [*labels, *(top.iloc[:, at] for at in range(top.shape[1]))]
    return render(
        "fragments/frame.html.j2",
        headings=[list(line) for line in zip(*map(_headings, columns), strict=True)],
        numeric=[is_numeric_dtype(column) and not is_bool_dtype(column) for column in columns],
        labels=len(labels),
        rows=list(zip(*map(_cell_texts, columns), strict=True)),
        hidden=len(frame) > rows,
        total=len(frame),
    )


def _headings(column: pd.Series) -> list[str]:
    names = column.name if isinstance(column.name, tuple) else (column.name,)
    return ["" if name is None else heading(str(name)) for name in names]


def _cell_texts(column: pd.Series) -> list[str]:
    """Return a column's values as Chinese text. A missing value is a dash."""
    if column.dtype.kind == "f" and column.name not in _SHARES:
        integers = bool((column.dropna() % 1 == 0).all())
        text = column.map(lambda value: f"{value:,.0f}" if integers and value < 1e15 else f"{value:.4g}").astype("str")
    elif column.dtype.kind == "b":
        text = column.map({True: "是", False: "否"})
    else:
        text = column_text(column)
    return ["–" if missing else str(value) for missing, value in zip(column.isna(), text, strict=True)]
