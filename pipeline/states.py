"""The states of a student (`reports/states.toml`), and their families and colours (`theme.toml`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from pipeline.resources import report_table

OFFICE = "就业办"
"""The office in messages of the program. Pages and mails use `[office] name` instead."""
ACTORS: dict[str, str] = {"student": "学生", "counselor": "辅导员", "registrar": "教务处", "office": OFFICE}
"""Who corrects what a rule finds."""
_WHO = {**ACTORS, "college": "学院"}


@dataclass(frozen=True)
class State:
    """One state. `states.toml` explains each attribute."""

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
        """Who acts next, in Chinese; blank: nobody."""
        return _WHO.get(self.actor, "")

    @property
    def needs_work(self) -> bool:
        """Whether a student in this state still needs work."""
        return bool(self.actor)


@cache
def states() -> dict[str, State]:
    """Return the states by name, in the order of the file."""
    return {name: State(name, **values) for name, values in report_table("states").items()}


def family_of(status: str) -> str:
    """Return a status's family; blank for any other text."""
    state = states().get(status)
    return state.family if state else ""


@dataclass(frozen=True)
class Family:
    """A family of states. `fill` is for bars, `text` a text colour, `sign` for readers without colour."""

    name: str
    label: str
    short: str
    fill: str
    text: str
    sign: str


@dataclass(frozen=True)
class Theme:
    """The CSS typeface, colours by use, and the families in the order of bars."""

    font: str
    ink: dict[str, str]
    families: tuple[Family, ...]

    def family(self, name: str) -> Family:
        """Return the family called `name`."""
        return next(family for family in self.families if family.name == name)


@cache
def theme() -> Theme:
    """Return the theme of all pages, mails and charts."""
    data = report_table("theme")
    return Theme(data["font"], data["ink"], tuple(Family(name, **values) for name, values in data["family"].items()))


def tint(colour: str, share: float) -> str:
    """Return `colour` mixed with white by `share` (0 to 1), light enough for dark text."""
    weight = max(0.0, min(1.0, share)) * 0.52
    parts = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - (255 - part) * weight):02x}" for part in parts)
