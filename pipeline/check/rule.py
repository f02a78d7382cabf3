"""A rule with logic of its own: a pure function from the table and the facts to the rows that break it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from pipeline.check.facts import Facts
from pipeline.tables import Frame

Mask = pd.Series
"""True where a row breaks the rule; indexed like the table."""


@dataclass(frozen=True)
class Broken:
    """The rows that break a rule, where more than the rule's own field is to be told.

    `field` names the field at fault row by row, `given` its value, `expected` what would be right (for counselor and
    office only), `severity` another severity than the rule's (blank: the rule's). None means: the rule's field, its
    value, nothing, the rule's severity.
    """

    rows: Mask
    field: pd.Series | None = None
    given: pd.Series | None = None
    expected: pd.Series | None = None
    severity: pd.Series | None = None


RuleFunction = Callable[[Frame, Facts], "Mask | Broken"]

RULES: dict[str, RuleFunction] = {}
"""Every rule function by its expectation type, such as `expect_email_format`."""


def rule(function: RuleFunction) -> RuleFunction:
    """Make `function` the logic of the expectation type `expect_<its name>`."""
    RULES[f"expect_{function.__name__}"] = function
    return function


def as_broken(outcome: Mask | Broken) -> Broken:
    """Return what a rule function gave in its full form."""
    return outcome if isinstance(outcome, Broken) else Broken(outcome)


def milder(rows: Mask) -> pd.Series:
    """Return the severity info where `rows` says so, the rule's own elsewhere."""
    return pd.Series("", index=rows.index, dtype="str").mask(rows, "info")


def given(column: pd.Series) -> pd.Series:
    """Return where a field is not blank: what is blank is `required`'s to judge."""
    return column != ""
