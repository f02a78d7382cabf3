"""One cohort at the office's desk, and what the desk has shown of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.cohort import Cohort, load_cohort
from pipeline.errors import MingceError
from pipeline.render.pieces import piece

if TYPE_CHECKING:
    import pandas as pd
    from ipywidgets import Output

    from pipeline.review.desk import Desk

_LABELS = {"--why": "说明", "--by": "经办人"}
"""What the form calls a command's options."""


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
        shown = make()
    except MingceError as error:
        error.where = _LABELS.get(error.where, error.where)
        shown = piece("notes", heading="请看这里", lines=str(error).splitlines())
    show_in(output, shown)


def show_in(output: Output, shown: object) -> None:
    """Show this, text or anything that Jupyter displays, in place of what stands in `output`.

    In one message: clearing and adding are two, and where the second arrived first, nothing was left to be seen.
    """
    from IPython.core.formatters import DisplayFormatter

    if isinstance(shown, str):
        one: dict[str, Any] = {"output_type": "stream", "name": "stdout", "text": shown}
    else:
        data, metadata = DisplayFormatter().format(shown)
        one = {"output_type": "display_data", "data": data, "metadata": metadata}
    output.outputs = (one,)
