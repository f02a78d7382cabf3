"""Chinese headings and code words of the tables (`reports/words.toml`)."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from pipeline import fields
from pipeline.resources import report_table
from pipeline.states import ACTORS, theme
from pipeline.tables import CERTIFIED, SEVERITIES, STATUSES

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
SHARES = ("share", "first_pass_rate", "submitted_on_time", "rework", "change")
_MOMENTS = ("decided_at", "signed_at", "accepted_at")


def heading(column: str) -> str:
    """Return the Chinese heading of a column, or its name when it has none."""
    return _HEADINGS.get(column) or fields.label(column)


def column_words(column: pd.Series) -> pd.Series:
    """Return a column as text: codes in Chinese, shares in percent."""
    name = str(column.name)
    if name in SHARES and column.dtype.kind == "f":
        return column.map("{:+.1%}".format if name == "change" else "{:.1%}".format).astype("str")
    text = column.astype("str")
    if name in _MOMENTS:
        return text.str.slice(0, 16).str.replace("T", " ")
    if name == "field":
        return text.map({each: fields.label(each) for each in text.unique()}).astype("str")
    words = _CODES.get(name)
    return text.map({each: words.get(each, each) for each in text.unique()}).astype("str") if words else text
