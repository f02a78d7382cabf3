"""The logic of every expectation type of our own by its name; no Great Expectations is needed for it."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.check import rules
from pipeline.check.facts import Facts
from pipeline.check.kinds import KINDS
from pipeline.check.rule import RULES, Broken, Mask, RuleFunction, as_broken
from pipeline.tables import Frame

Logic = Callable[[Frame, Facts, str], Broken]
"""From the table, the facts and the rule's field to the rows that break the rule."""


def _of_rule(function: RuleFunction) -> Logic:
    return lambda table, facts, column: as_broken(function(table, facts))


def _of_kind(function: Callable[[Frame, Facts, str], Mask | Broken]) -> Logic:
    return lambda table, facts, column: as_broken(function(table, facts, column))


assert rules.__all__  # their import fills RULES
DOCS: dict[str, str] = {name: (function.__doc__ or "").strip() for name, function in {**KINDS, **RULES}.items()}
LOGIC: dict[str, Logic] = {
    **{name: _of_kind(function) for name, function in KINDS.items()},
    **{name: _of_rule(function) for name, function in RULES.items()},
}
