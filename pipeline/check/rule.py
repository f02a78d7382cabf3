"""Rules as a suite declares them, and their facts. A rule's logic is a pure function from table and facts to rows."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial, update_wrapper, wraps
from json import dumps, loads
from threading import local
from typing import Any, Literal, TypeVar, cast, get_args
from weakref import ref

import pandas as pd
from pydantic import TypeAdapter

from pipeline import resources
from pipeline.cohort import Cohort
from pipeline.knowledge.codes import CodeTable, load_codes
from pipeline.normalise.normalise_rows import Vocabulary
from pipeline.tables import Frame


@dataclass(frozen=True)
class Facts:
    """The facts of one cohort, which every rule gets with the table."""

    year: int
    undergraduate_month: str
    student_number: str
    opens: date
    closes: date
    schools: frozenset[str]
    words: Vocabulary

    def __deepcopy__(self, memo: dict[int, object]) -> Facts:
        """Return the same object: facts are immutable, and Great Expectations copies an expectation's arguments."""
        return self


def facts_of(cohort: Cohort, words: Vocabulary) -> Facts:
    """Return the facts that the cohort file and its vocabulary state."""
    return Facts(
        year=cohort.year,
        undergraduate_month=cohort.cohort.undergraduate_month,
        student_number=cohort.cohort.student_number,
        opens=cohort.window.opens,
        closes=cohort.window.closes,
        schools=frozenset(school.name for school in cohort.schools),
        words=words,
    )


def facts_from(values: Facts | Mapping[str, Any] | None) -> Facts:
    """Return the facts that an expectation was given. Facts that plain data leaves out are those of `facts.toml`.

    Args:
        given: Facts, or any of `year, undergraduate_month, student_number, opens, closes` (YYYY-MM-DD), `schools`
            (names) and `codes` (field name to labels).

    Raises ValueError if a name is no fact, or a value is of another kind.
    """
    return values if isinstance(values, Facts) else _facts(dumps(dict(values or {}), default=str, sort_keys=True))


@lru_cache(maxsize=8)
def _facts(values: str) -> Facts:
    facts: dict[str, Any] = tomllib.loads((resources.expectations() / "facts.toml").read_text(encoding="utf-8"))
    changes = cast("dict[str, Any]", loads(values))
    unknown = sorted(changes.keys() - facts.keys() - {"codes"})
    if unknown:
        raise ValueError(f"no such facts: {', '.join(unknown)}")
    facts |= changes
    tables = {
        name: CodeTable(name, tuple(labels), {"".join(label.split()).casefold(): label for label in labels})
        for name, labels in changes.get("codes", {}).items()
    }
    return TypeAdapter(Facts).validate_python(facts | {"words": Vocabulary({**load_codes(), **tables}, {}, {})})


Answer = TypeVar("Answer")
Subject = Literal["submissions", "superseded", "students", "registry"]
SUBJECTS: tuple[Subject, ...] = get_args(Subject)


@dataclass(frozen=True)
class Rule:
    """One rule: what Great Expectations judges, and what a finding says.

    `needs` is what the rule cannot be judged without; `reads` are further fields that it reads. `together`: it compares
    several fields or rows, so the field's own value may be right. `stock` marks Great Expectations' own expectations.
    `written` holds `kwargs` as text. `about` says in Chinese what breaks the rule. `place` is file and line.
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
    reads: tuple[str, ...] = ()
    together: bool = False
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
    """The rows that break a rule, and columns that replace the rule's field, its value and its severity.

    `expected` is the right value, for counselor and office only. A blank `severity` is the rule's.
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


def rule_of(pattern: str, *names: str) -> Callable[[Callable[..., Mask | Broken]], RuleFunction]:
    """Make a function of table, facts and `name` the logic of one type for each name, by `{}` in `pattern`."""

    def register(function: Callable[..., Mask | Broken]) -> RuleFunction:
        for name in names:
            RULES[f"expect_{pattern.format(name)}"] = update_wrapper(partial(function, name=name), function)
        return function

    return register


def info_where(rows: Mask) -> pd.Series:
    """Return severity info where `rows` is true, else blank (the rule's own)."""
    return pd.Series("", index=rows.index, dtype="str").mask(rows, "info")


def given(column: pd.Series) -> pd.Series:
    """Return where a field is not blank. `required` rules judge blank fields."""
    return column != ""


def of_registry(table: Frame) -> bool:
    """Return whether the table holds registry rows."""
    return "row" in table and "submission_id" not in table


def cached_for_table(function: Callable[[Frame, Facts], Answer]) -> Callable[[Frame, Facts], Answer]:
    """Cache the result of `function` for the last table, recognised by a weak reference: tables stay unchanged."""
    last = local()

    @wraps(function)
    def cached(table: Frame, facts: Facts) -> Answer:
        entry: Any = getattr(last, "asked", None)
        if entry is None or entry[0]() is not table or entry[1] is not facts:
            last.asked = entry = (ref(table), facts, function(table, facts))
        return entry[2]

    return cached
