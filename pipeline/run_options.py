"""What is asked of a run, and what it leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pipeline.progress import Reporter


@dataclass(frozen=True)
class RenderOptions:
    """How pages are made: whether at all, how many at a time (0: by cores), with cold kernels, all of them anew.

    `schools` are the codes of the schools whose pages are made (none: of all).
    """

    notebooks: bool = True
    jobs: int = 0
    cold: bool = False
    force: bool = False
    schools: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunOptions:
    """The options of a run. `as_of` is the day from which days are counted, `now` the time of the run."""

    as_of: date
    now: datetime
    command: str = "run"
    colleges: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    render: RenderOptions = field(default_factory=RenderOptions)
    reporter: Reporter = field(default_factory=Reporter)

    @property
    def whole(self) -> bool:
        """Whether everything is asked for: every rule, every college, every page."""
        some = self.colleges or self.rules or self.render.schools
        return self.command == "run" and self.render.notebooks and not some


@dataclass(frozen=True)
class RunOutcome:
    """What a run left: its folder and its summary."""

    folder: Path
    summary: dict[str, Any]

    @property
    def lacking(self) -> bool:
        """Whether something is missing: an input that could not be read, a page that could not be made."""
        return not self.summary["complete"]
