"""Work that several rules share, done once for each table."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from threading import local
from typing import Any, TypeVar
from weakref import ref

from pipeline.check.facts import Facts
from pipeline.tables import Frame

Answer = TypeVar("Answer")


def once(function: Callable[[Frame, Facts], Answer]) -> Callable[[Frame, Facts], Answer]:
    """Make `function` remember its answer about the last table that it was asked about.

    A table never changes while it is judged; it is known by identity and not kept alive by this.
    """
    last = local()

    @wraps(function)
    def remembered(table: Frame, facts: Facts) -> Answer:
        known: Any = getattr(last, "asked", None)
        if known is None or known[0]() is not table or known[1] is not facts:
            last.asked = known = (ref(table), facts, function(table, facts))
        return known[2]

    return remembered
