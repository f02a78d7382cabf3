"""What rules know beside the rows: the cohort's dates and vocabulary, classes, regions."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from json import dumps, loads
from typing import Any, cast

from pipeline import resources
from pipeline.cohort import Cohort
from pipeline.knowledge.codes import CodeTable, load_codes
from pipeline.knowledge.regions import Regions, load_regions
from pipeline.normalise.vocabulary import Vocabulary


@dataclass(frozen=True)
class Facts:
    """The facts of one cohort; every rule gets them with the table."""

    year: int
    undergraduate_month: str
    student_number: str
    opens: date
    closes: date
    schools: frozenset[str]
    words: Vocabulary
    regions: Regions

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
        regions=load_regions(),
    )


def facts_from(given: Facts | Mapping[str, Any] | None) -> Facts:
    """Return the facts that an expectation was given, as such or as plain data.

    Args:
        given: plain data name any of `year, undergraduate_month, student_number, opens, closes` (dates as
            YYYY-MM-DD), `schools` (names) and `codes` (field name to the labels of its code table). What is not
            named is built in: `expectations/facts.toml` and the tables beside it.

    Raises:
        ValueError: a name that is no fact, or a value of another kind.
    """
    return given if isinstance(given, Facts) else _facts(dumps(dict(given or {}), default=str, sort_keys=True))


@lru_cache(maxsize=8)
def _facts(given: str) -> Facts:
    told: dict[str, Any] = tomllib.loads((resources.expectations() / "facts.toml").read_text(encoding="utf-8"))
    more = cast("dict[str, Any]", loads(given))
    unknown = sorted(more.keys() - told.keys() - {"codes"})
    if unknown:
        raise ValueError(f"no such facts: {', '.join(unknown)}")
    told |= more
    tables = {name: _code_table(name, labels) for name, labels in more.get("codes", {}).items()}
    return Facts(
        year=int(told["year"]),
        undergraduate_month=str(told["undergraduate_month"]),
        student_number=str(told["student_number"]),
        opens=date.fromisoformat(str(told["opens"])),
        closes=date.fromisoformat(str(told["closes"])),
        schools=frozenset(map(str, told["schools"])),
        words=Vocabulary({**load_codes(), **tables}, {}, {}),
        regions=load_regions(),
    )


def _code_table(name: str, labels: list[str]) -> CodeTable:
    return CodeTable(name, tuple(labels), {"".join(label.split()).casefold(): label for label in labels})
