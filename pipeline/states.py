"""The states of a student: `reports/states.toml`, read once. Whatever knows a state reads this table."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache

from pipeline import resources

OFFICE = "就业办"
"""What our own sentences call the office; on pages and in mails `[office] name` takes its place."""
ACTORS: dict[str, str] = {"student": "学生", "counselor": "辅导员", "registrar": "教务处", "office": OFFICE}
"""Who mends what a rule finds."""
_WHO = {**ACTORS, "college": "学院"}


@dataclass(frozen=True)
class State:
    """One state; the file says what each attribute means."""

    name: str
    word: str
    family: str
    actor: str
    until: str
    task: str
    short: str
    reason: str
    advice: str
    ask: str
    headline: str
    lead: str
    sheet: str

    @property
    def who(self) -> str:
        """Return who acts next, in Chinese; blank for nobody."""
        return _WHO.get(self.actor, "")

    @property
    def left(self) -> bool:
        """Return whether something is left to do about a student in this state."""
        return bool(self.actor)


@cache
def states() -> dict[str, State]:
    """Return every state by name, in the order of the file."""
    data = tomllib.loads((resources.templates() / "states.toml").read_text(encoding="utf-8"))
    return {name: State(name, **values) for name, values in data.items()}


def family_of(status: str) -> str:
    """Return the colour family of a roster status; blank for a word that is none."""
    state = states().get(status)
    return state.family if state else ""
