"""The theme, `reports/theme.toml`: colours and the five families of states that every page, mail and picture shares."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache

from pipeline import resources


@dataclass(frozen=True)
class Family:
    """A family of states: name, Chinese labels, fill for bars, text colour, sign (for readers without colour)."""

    name: str
    label: str
    short: str
    fill: str
    text: str
    sign: str


@dataclass(frozen=True)
class Theme:
    """The typeface, as CSS writes it, colours by use, and the families in the order in which bars show them."""

    font: str
    ink: dict[str, str]
    families: tuple[Family, ...]

    def family(self, name: str) -> Family:
        """Return the family called `name`."""
        return next(family for family in self.families if family.name == name)


@cache
def theme() -> Theme:
    """Return the theme, read once."""
    data = tomllib.loads((resources.templates() / "theme.toml").read_text(encoding="utf-8"))
    return Theme(data["font"], data["ink"], tuple(Family(name, **values) for name, values in data["family"].items()))


def tint(colour: str, share: float, strongest: float = 0.52) -> str:
    """Return `colour` mixed into white by `share` (0 to 1): the shade of a cell, light enough for dark text."""
    weight = max(0.0, min(1.0, share)) * strongest
    parts = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - (255 - part) * weight):02x}" for part in parts)
