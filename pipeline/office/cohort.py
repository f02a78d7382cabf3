"""One cohort at the office's desk, and what the desk has shown of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cohort import Cohort, load_cohort
from pipeline.errors import MingceError

if TYPE_CHECKING:
    import pandas as pd
    from ipywidgets import Output

    from pipeline.review.desk import Desk


@dataclass(frozen=True)
class Office:
    """One cohort at the office's desk."""

    cohort: Cohort
    seen: dict[str, str] = field(default_factory=dict[str, str])
    """Every student that was shown, as he was then (`pipeline.review.seen`): nothing is decided unseen."""
    shown: list[str] = field(default_factory=list[str])
    """SCHOOL/NUMBER of the students shown last, for the form below them."""

    def remember(self, people: pd.DataFrame) -> None:
        """Note that these rows of a desk's people, and no others, are shown now."""
        from pipeline.review.seen import seen_in

        now = seen_in(people)
        self.seen.update(now)
        self.shown[:] = now

    def desk(self) -> Desk:
        """Return the newest run's tables under the decisions of this moment."""
        from pipeline.review.desk import KINDS, lay_desk, open_tables
        from pipeline.review.ledger import open_ledger

        tables, today = open_tables(self.cohort)
        with open_ledger(self.cohort) as ledger:
            return lay_desk(tables, ledger.entries(*KINDS), today)


def open_office(cohort: str) -> Office:
    """Open a cohort.

    Args:
        cohort: `cohort.toml` or its folder.

    Raises:
        ConfigurationError: the settings are wrong; all mistakes at once.
    """
    return Office(load_cohort(Path(cohort or ".")))


def guarded(output: Output, make: Callable[[], object]) -> None:
    """Show what `make` returns in `output`, or the Chinese line of what is wrong."""
    try:
        output.append_display_data(make())
    except MingceError as error:
        output.append_stdout(f"{error}\n")
