"""The logic of our expectation types by name, without Great Expectations: three that take a field, and `rules/`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from pipeline import fields
from pipeline.check.rule import RULES, Broken, Facts, Mask, facts_from, given
from pipeline.check.rules import (  # noqa: F401 - they fill RULES
    contact_rules,  # pyright: ignore[reportUnusedImport]
    record_rules,  # pyright: ignore[reportUnusedImport]
    registry_rules,  # pyright: ignore[reportUnusedImport]
)
from pipeline.check.rules.identity_rules import enrolled_in, is_faulty
from pipeline.knowledge.codes import covers
from pipeline.knowledge.names import equal_names
from pipeline.knowledge.regions import same_regions
from pipeline.knowledge.text_columns import by_distinct
from pipeline.normalise.text_repairs import comparable
from pipeline.tables import SUBMISSIONS, Frame

Logic = Callable[[Frame, Facts, str], Broken]
"""Returns the rows that break the rule, given the table, the facts and the rule's field."""

ORIGIN = ("origin_province", "origin_city", "origin_county")


def field_given(table: Frame, facts: Facts, column: str) -> Mask:
    """The field is blank after normalising."""
    return table[column] == ""


def field_in_codes(table: Frame, facts: Facts, column: str) -> Mask:
    """The answer is no label of the field's code table (normalising has turned aliases into labels)."""
    return given(table[column]) & ~facts.words.codes[column].known(table[column])


def field_equals_registry(table: Frame, facts: Facts, column: str) -> Broken:
    """The field differs from the matched registry row. A blank or faulty value is not compared.

    Both sides are normalised; width, case, spaces and dashes do not count, nor does a region's later name.
    """
    registered = table[f"registry_{column}"]
    differs = (table[column] != registered) & given(table[column]) & given(registered) & (table["matched_row"] >= 0)
    if column == "school":  # `school.vocabulary` reports unknown schools
        differs &= table["school_named"]
    rows = np.flatnonzero(differs & ~is_faulty(table, column))
    broken = np.zeros(len(table), dtype=bool)
    broken[rows] = ~equal_to_registry(table.iloc[rows], facts, column)
    return Broken(pd.Series(broken, index=table.index), expected=registered)


def equal_to_registry(rows: Frame, facts: Facts, column: str) -> np.ndarray:
    """Return where a field equals the matched registry row, as the record is compared."""
    equal = compared_form(rows[column], column) == compared_form(rows[f"registry_{column}"], column)
    equal |= covers(column, rows[column], rows[f"registry_{column}"])
    equal |= covers(column, rows[f"registry_{column}"], rows[column])
    if column in ORIGIN:  # names of any year are one region; two places of that year stay two
        submitted, registered = ([rows[f"{side}{level}"] for level in ORIGIN] for side in ("", "registry_"))
        equal |= same_regions(submitted, registered, enrolled_in(rows, facts))[column.removeprefix("origin_")]
    return equal.to_numpy()


def compared_form(values: pd.Series, column: str) -> pd.Series:
    """Return a field's values in the form in which submission and registry are compared."""
    return by_distinct(equal_names(values) if column == "name" else values, comparable)


def _logic(function: Callable[..., Mask | Broken], *, of_a_field: bool) -> Logic:
    def judge(table: Frame, facts: Facts, column: str) -> Broken:
        outcome = function(table, facts, column) if of_a_field else function(table, facts)
        return outcome if isinstance(outcome, Broken) else Broken(outcome)

    return judge


KINDS: dict[str, Callable[[Frame, Facts, str], Mask | Broken]] = {
    "expect_field_given": field_given,
    "expect_field_in_codes": field_in_codes,
    "expect_field_equals_registry": field_equals_registry,
}
DOCS: dict[str, str] = {name: (function.__doc__ or "").strip() for name, function in {**KINDS, **RULES}.items()}
LOGIC: dict[str, Logic] = {
    **{name: _logic(function, of_a_field=True) for name, function in KINDS.items()},
    **{name: _logic(function, of_a_field=False) for name, function in RULES.items()},
}


def field_in_name(name: str) -> str:
    """Return the field in an expectation type's name (`expect_email_format`: email), or ""."""
    candidates = [field for field in fields.names() if name.startswith(f"expect_{field}_") and name in RULES]
    return max(candidates, key=len, default="")


class _RecordingTable(pd.DataFrame):
    """A table that records in its attributes which columns are read."""

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - as pandas has it
        self.attrs.setdefault("read", set()).update(
            [key] if isinstance(key, str) else key if isinstance(key, list) else []
        )
        return super().__getitem__(key)


@cache
def columns_read(name: str, column: str = "") -> frozenset[str] | None:
    """Return the columns that a type's logic reads of an empty table, or None if it needs other tables."""
    table = _RecordingTable({column: pd.Series(dtype="str") for column in SUBMISSIONS})
    try:
        LOGIC[name](table, facts_from(None), column)
    except KeyError:
        return None
    return frozenset(table.attrs["read"])
