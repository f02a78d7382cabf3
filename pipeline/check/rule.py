"""A rule as a suite declares it. Its logic is a pure function from table and facts to the failing rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from threading import local
from typing import Any, Literal, TypeVar, get_args
from weakref import ref

import pandas as pd

from pipeline.check.facts import Facts
from pipeline.tables import Frame

Answer = TypeVar("Answer")
Subject = Literal["submissions", "superseded", "students", "registry"]
SUBJECTS: tuple[Subject, ...] = get_args(Subject)


@dataclass(frozen=True)
class Rule:
    """One rule: what Great Expectations judges, and what a finding of it says.

    `table` is what it is judged on; `needs` what must be there for it to be judged; `stock` says that the expectation
    is Great Expectations' own; `kwargs` are the expectation's settings, `written` the same as they stand in the file;
    `about` what breaks it, in Chinese, for the guide; `place` is file and line, for messages.
    """

    name: str
    page: str
    expectation: str
    field: str
    severity: str
    actor: str
    message: str
    about: str = ""
    table: Subject = "submissions"
    needs: str = ""
    since: str = ""
    changed: str = ""
    known_issue: str = ""
    stock: bool = False
    kwargs: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    written: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    place: str = ""


Mask = pd.Series
"""True where a row breaks the rule; indexed like the table."""


@dataclass(frozen=True)
class Broken:
    """The rows that break a rule, with details beyond the rule's own field.

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
    """Return where a field is not blank. Blank fields are judged by `required` rules."""
    return column != ""


def of_registry(table: Frame) -> bool:
    """Return whether the table holds registry rows and not submissions."""
    return "row" in table and "submission_id" not in table


def once(function: Callable[[Frame, Facts], Answer]) -> Callable[[Frame, Facts], Answer]:
    """Cache the result of `function` for the last table.

    A table does not change while it is judged. It is recognised by identity through a weak reference.
    """
    last = local()

    @wraps(function)
    def remembered(table: Frame, facts: Facts) -> Answer:
        known: Any = getattr(last, "asked", None)
        if known is None or known[0]() is not table or known[1] is not facts:
            last.asked = known = (ref(table), facts, function(table, facts))
        return known[2]

    return remembered
