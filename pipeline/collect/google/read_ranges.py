"""Which worksheets, or parts of them, are read in one call: as few calls as their size allows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import count

ANSWER_BYTES = 3_000_000  # one answer; Google advises about 2 MB a request, larger ones work and cost fewer calls
CELL_BYTES = 23.6  # of one cell in an answer, measured on full worksheets of 1,500 x 40; learned anew while reading
LARGEST_RANGES = 80  # in one call: they stand in the address


@dataclass(frozen=True)
class Rest:
    """What is still to be read of a worksheet: from 1-based row `first`, `rows` rows of `columns` cells."""

    tab: int
    first: int
    rows: int
    columns: int

    @property
    def cells(self) -> int:
        """The cells of these rows."""
        return self.rows * max(self.columns, 1)


def plan(rests: list[Rest], capacity: int, check: int) -> list[list[Rest]]:
    """Distribute `rests` over the fewest calls of about `capacity` cells; the last one also carries `check` cells.

    Worksheets stay whole where they fit; one is cut by rows only where it is too large or would cost a call more.
    The parts of one stand in calls that follow each other, from its first row to its last.
    """
    total = sum(rest.cells for rest in rests) + check
    for calls in count(max(1, math.ceil(total / capacity))):
        made = _distribute(rests, capacity, check, calls)
        if made is not None:
            return [call for call in made if call]
    raise AssertionError("count() has no end")


def _distribute(rests: list[Rest], capacity: int, check: int, calls: int) -> list[list[Rest]] | None:
    """Return the calls, or None where `calls` of them do not suffice."""
    free = [capacity] * calls
    # key columns of very many worksheets may fill more than half a call: they still go into the last one
    free[-1] = max(capacity - check, capacity // 2)
    made: list[list[Rest]] = [[] for _ in range(calls)]
    cut: list[Rest] = []
    for rest in sorted(rests, key=lambda item: -item.cells):
        place = next((n for n in range(calls) if free[n] >= rest.cells and len(made[n]) < LARGEST_RANGES), None)
        if place is None:
            cut.append(rest)
            continue
        made[place].append(rest)
        free[place] -= rest.cells
    for rest in cut:
        if not _cut(rest, made, free):
            return None
    return made


def _cut(rest: Rest, made: list[list[Rest]], free: list[int]) -> bool:
    """Spread the rows of `rest` over what is left of each call; say whether all found a place."""
    first, end = rest.first, rest.first + rest.rows
    width = max(rest.columns, 1)
    for place, room in enumerate(free):
        rows = min(room // width, end - first)
        if rows > 0 and len(made[place]) < LARGEST_RANGES:
            made[place].append(Rest(rest.tab, first, rows, rest.columns))
            free[place] -= rows * width
            first += rows
    return first == end
