"""Who moved between states since the run before: 比上次变了什么."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.states import family_of, states
from pipeline.tables import Frame

COLUMNS = ["school", "college", "student_number", "name", "status"]
"""What of both rosters is looked at."""
_KEY = ["school", "student_number", "nth"]


@dataclass(frozen=True)
class Move:
    """All who went from one state to another; a blank state is that of one who was, or is, not on the roster."""

    before: str
    after: str
    people: Frame
    """`school, college, student_number, name` of each, as they are now or, of one who left, were then."""

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.people)

    @property
    def words(self) -> tuple[str, str]:
        """Return both states in words."""
        of = states()
        before = of[self.before].word if self.before else "不在册"
        return before, of[self.after].word if self.after else "不再在册"

    @property
    def families(self) -> tuple[str, str]:
        """Return both states' colour families, blank for none."""
        return family_of(self.before), family_of(self.after)

    def by_college(self) -> list[tuple[str, str, int]]:
        """Return school, college and how many of each, the most first."""
        counts = self.people.groupby(["school", "college"]).size().sort_values(ascending=False, kind="stable")
        return [(str(school), str(college), int(n)) for (school, college), n in counts.items()]  # pyright: ignore[reportGeneralTypeIssues]


def moves(now: Frame, then: Frame) -> list[Move]:
    """Return who moved, the most first.

    Args:
        now: today's students, with `COLUMNS`.
        then: those of the run before.
    """
    both = _numbered(then).merge(_numbered(now), on=_KEY, how="outer", suffixes=("_old", "_new")).fillna("")
    moved = both[both["status_old"] != both["status_new"]]
    found = [
        Move(str(before), str(after), _people(group, "_new" if after else "_old"))
        for (before, after), group in moved.groupby(["status_old", "status_new"])
    ]
    return sorted(found, key=lambda move: -move.count)


def _numbered(roster: Frame) -> Frame:
    """Return students with `nth`, which tells apart two people whom the registry gives one number."""
    own = roster[COLUMNS]
    return own.assign(nth=own.groupby(["school", "student_number"]).cumcount())


def _people(group: Frame, side: str) -> Frame:
    own = group[["school", f"college{side}", "student_number", f"name{side}"]]
    return own.set_axis(["school", "college", "student_number", "name"], axis=1)
