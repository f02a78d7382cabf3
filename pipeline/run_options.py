"""The options and the outcome of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pipeline.progress import Reporter


@dataclass(frozen=True)
class RenderOptions:
    """Options of pages. `jobs` 0: by cores. `cold`: new kernels. `force`: no reuse. `schools`: codes (none: all)."""

    notebooks: bool = True
    jobs: int = 0
    cold: bool = False
    force: bool = False
    schools: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunOptions:
    """The options of a run. Days are counted to `as_of`; `now` is the start of the run."""

    as_of: date
    now: datetime
    command: str = "run"
    colleges: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    render: RenderOptions = field(default_factory=RenderOptions)
    reporter: Reporter = field(default_factory=Reporter)

    @property
    def whole(self) -> bool:
        """Whether the run covers every rule, college and page."""
        some = self.colleges or self.rules or self.render.schools
        return self.command == "run" and self.render.notebooks and not some


@dataclass(frozen=True)
class RunOutcome:
    """A finished run's folder and summary."""

    folder: Path
    summary: dict[str, Any]

    @property
    def lacking(self) -> bool:
        """Whether an input could not be read or a page could not be made."""
        return not self.summary["complete"]
