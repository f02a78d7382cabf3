"""Placeholders: what people and form tools write into a cell without an answer (`expectations/placeholders.csv`).

A word without a field counts in all fields. Brackets around it, width, case and spaces do not matter, and a cell of
punctuation alone is nothing too. A value of the field's own code table is never nothing.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from functools import cache

import numpy as np
import pandas as pd

from pipeline import resources
from pipeline.knowledge.codes import CodeTable
from pipeline.knowledge.text_columns import flag, flag_by_distinct, lengths

WHY = "“无”等占位文字视为空"
_LONGEST = 64  # bytes: no placeholder has more
_AROUND = "()[]{}<>（）【】〔〕《》「」『』“”\"'"


def without_placeholders(name: str, values: pd.Series, table: CodeTable | None) -> pd.Series:
    """Return the values of the field `name`, blank where they are no answer.

    Args:
        name: the field.
        values: repaired values.
        table: the field's code table, if it has one.
    """
    short = np.flatnonzero((lengths(values) <= _LONGEST) & (values != "").to_numpy())
    asked = values.iloc[short]
    empty = flag_by_distinct(asked, lambda value: _is_nothing(name, value) and not (table and table.has(value)))
    nothing = np.zeros(len(values), dtype=bool)
    nothing[short] = empty
    return values.mask(flag(values, nothing), "") if nothing.any() else values


def _is_nothing(name: str, value: str) -> bool:
    known = _words()
    if value.isalnum() and unicodedata.is_normalized("NFKC", value):  # nearly all: nothing stands around the word
        bare = value.casefold()
        return bare in known[""] or bare in known.get(name, ())
    folded = "".join(unicodedata.normalize("NFKC", value).split()).casefold().rstrip("。.!")
    bare = folded.strip(_AROUND)
    return bare in known[""] or bare in known.get(name, ()) or re.fullmatch(r"[\W_]+", value) is not None


@cache
def _words() -> dict[str, frozenset[str]]:
    """Return the words of each field that has its own, and under "" those of all fields."""
    with (resources.expectations() / "placeholders.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    words = {field: {row["word"].casefold() for row in rows if row["field"] == field} for field in ("", *_fields(rows))}
    return {field: frozenset(found) for field, found in words.items()}


def _fields(rows: list[dict[str, str]]) -> set[str]:
    return {row["field"] for row in rows}
