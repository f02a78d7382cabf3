"""Reading worksheets that are edited meanwhile, so that what is read stood there together at one moment.

One batched read is one moment. Where a spreadsheet needs several, the last one also carries the key column of every
worksheet read before: what differs by then has changed and is read again, within bounds. A worksheet is read whole in
one call wherever it fits, so that sorting, inserting and deleting between calls never mixes two students' cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.collect.google import change_detection
from pipeline.collect.google.http_client import RejectedRequestError, SheetsClient
from pipeline.collect.google.read_ranges import ANSWER_BYTES, CELL_BYTES, LARGEST_RANGES, Rest, plan
from pipeline.collect.google.sheet_cells import Values
from pipeline.collect.google.tabs import Book, Tab, read_book
from pipeline.errors import InputError

# Text as it stands in the cell, numbers and true/false as such, dates as the person saw them.
AS_STORED = {"valueRenderOption": "UNFORMATTED_VALUE", "dateTimeRenderOption": "FORMATTED_STRING"}
_COMPACT = {"prettyPrint": "false"}  # Google indents its answers otherwise, one line a cell
_ROUNDS = 5
_RENAMES = 4
_SMALLEST, _LARGEST = 40_000, 1_000_000  # cells a call, whatever their size seems to be


@dataclass
class Snapshot:
    """A spreadsheet as read: `values` by worksheet id; `restless` are ids that changed to the end of the last round."""

    book: Book
    values: dict[int, Values] = field(default_factory=dict[int, Values])
    restless: set[int] = field(default_factory=set[int])

    def tab(self, number: int) -> Tab:
        """Return the worksheet with this id."""
        return next(tab for tab in self.book.tabs if tab.id == number)


class SnapshotReader:
    """Reads the worksheets that `wanted` chooses, and reads again what changed meanwhile."""

    def __init__(self, client: SheetsClient, key: str, wanted: Callable[[Tab], bool]) -> None:
        self.client = client
        self.key = key
        self.wanted = wanted
        self.snapshot = Snapshot(Book(key, "", "", []))
        self._bytes = CELL_BYTES
        self._cut: set[int] = set()  # worksheets read in parts
        self._undivided: set[int] = set()  # those that changed while they were: read whole from then on
        self._fresh: set[int] = set()  # read in this round

    def read(self) -> Snapshot:
        """Return what stood in the worksheets.

        Raises:
            MingceError: as `SheetsClient.request`; worksheets were renamed or removed again and again.
        """
        self._book()
        self.again(set(self._tabs()))
        return self.snapshot

    def again(self, numbers: set[int]) -> None:
        """Read these worksheets again, and whatever else changed meanwhile."""
        pending = numbers
        for _ in range(_ROUNDS):
            pending = self._round(pending)
            self._undivided |= self._cut & pending
            if not pending:
                break
        self.snapshot.restless = pending

    def _tabs(self) -> dict[int, Tab]:
        return {tab.id: tab for tab in self.snapshot.book.tabs}

    def _book(self) -> None:
        book = read_book(self.client, self.key, hidden=True)
        book = Book(book.key, book.title, book.locale, [tab for tab in book.tabs if self.wanted(tab)])
        self.snapshot.book = book
        for gone in set(self.snapshot.values) - set(self._tabs()):
            del self.snapshot.values[gone]

    def _round(self, pending: set[int]) -> set[int]:
        """Read the worksheets `pending`, also over a rename, and return those that changed meanwhile."""
        self._fresh = set()
        for attempt in range(_RENAMES + 1):
            try:
                return self._batches(pending & set(self._tabs()))
            except RejectedRequestError as error:  # a worksheet was renamed or removed: ask for the names, ids stay
                if attempt == _RENAMES:
                    raise InputError(error.what, remedy=error.remedy) from None
                known = set(self._tabs())
                self._book()
                pending = (pending - self._fresh) | (set(self._tabs()) - known)
        raise AssertionError("the last attempt raises")

    def _batches(self, pending: set[int]) -> set[int]:
        tabs = self._tabs()
        parts: dict[int, Values] = {}
        rests = {number: Rest(number, 1, tabs[number].rows, tabs[number].columns) for number in pending}
        self._cut -= pending
        check = sum(tab.rows for tab in tabs.values()) if len(tabs) > 1 else 0
        while rests:
            calls = plan(list(rests.values()), self._capacity(rests, check), check)
            last = len(calls) == 1
            together = {rest.tab for rest in calls[0] if rest.first == 1} if last else set[int]()
            others = dict.fromkeys([*self.snapshot.values, *parts]) if last else {}
            compared = [tabs[number] for number in others if number not in together]
            changed = self._call(calls[0], rests, parts, compared)
            if last:
                return changed
        return set()

    def _capacity(self, rests: dict[int, Rest], check: int) -> int:
        usual = max(int(ANSWER_BYTES / self._bytes), _SMALLEST)
        whole = max((rest.cells for rest in rests.values() if rest.tab in self._undivided), default=-check)
        return min(max(usual, whole + check), _LARGEST)

    def _call(
        self, call: list[Rest], rests: dict[int, Rest], parts: dict[int, Values], compared: list[Tab]
    ) -> set[int]:
        """Read the parts of one call, and of the worksheets `compared` the key columns; return those that differ."""
        tabs = self._tabs()
        compared_values = {tab.id: parts.get(tab.id, self.snapshot.values.get(tab.id, [])) for tab in compared}
        checks = [
            check
            for tab in compared
            for check in change_detection.checks(tab, compared_values[tab.id], tab.id in self._cut)
        ]
        ranges = [self._range(tabs[rest.tab], rest, rests) for rest in call]
        room = 2 * LARGEST_RANGES - len(ranges)
        answer = self._get([*ranges, *(check.range for check in checks[:room])])
        if not checks:
            self._learn(sum(rest.cells for rest in call))
        self._take(call, rests, parts, answer)
        seen = answer[len(call) :]
        for start in range(room, len(checks), LARGEST_RANGES):
            seen += self._get([check.range for check in checks[start : start + LARGEST_RANGES]])
        for number in [number for number in parts if number not in rests]:
            self.snapshot.values[number] = parts.pop(number)
            self._fresh.add(number)
        return {
            check.tab for check, now in zip(checks, seen, strict=True) if not check.holds(self.snapshot.values, now)
        }

    def _range(self, tab: Tab, rest: Rest, rests: dict[int, Rest]) -> str:
        whole = rest.first == 1 and rest.rows == rests[rest.tab].rows
        if whole:
            return tab.whole
        self._cut.add(tab.id)
        ends = rest.first + rest.rows >= rests[rest.tab].first + rests[rest.tab].rows
        return tab.rows_range(rest.first, None if ends else rest.first + rest.rows - 1)

    def _get(self, ranges: list[str]) -> list[Values]:
        return self.client.read_values(self.key, ranges, {**AS_STORED, **_COMPACT})

    def _learn(self, cells: int) -> None:
        """Learn how many bytes a cell of these grids costs: blank ones cost nothing, long texts more."""
        cost = max(self.client.last_size / max(cells, 1), 0.1)
        if not self._bytes * 0.9 <= cost <= self._bytes * 1.1:
            self._bytes = cost

    def _take(self, call: list[Rest], rests: dict[int, Rest], parts: dict[int, Values], answer: list[Values]) -> None:
        """Put what was read to the worksheet's earlier parts, and shorten what is still to be read."""
        for rest, values in zip(call, answer[: len(call)], strict=True):
            earlier = parts.setdefault(rest.tab, [])
            earlier.extend([] for _ in range(rest.first - 1 - len(earlier)))
            earlier.extend(values)
            left = rests[rest.tab]
            rows = left.first + left.rows - (rest.first + rest.rows)
            if rows > 0:
                rests[rest.tab] = Rest(rest.tab, rest.first + rest.rows, rows, left.columns)
            else:
                del rests[rest.tab]
