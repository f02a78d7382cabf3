"""One cohort at the office's desk, and what the desk has shown of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.cohort import Cohort, load_cohort
from pipeline.errors import MingceError
from pipeline.render.pieces import Piece, piece

if TYPE_CHECKING:
    import pandas as pd
    from ipywidgets import Button, Output

    from pipeline.review.review_snapshot import Desk

_LABELS = {"--why": "说明", "--by": "经办人", "--proof": "证明", "--reason": "原因", "--rule": "例外的问题"}
"""What the form calls a command's options."""


@dataclass(frozen=True)
class DeskCohort:
    """One cohort at the office's desk."""

    cohort: Cohort
    seen: dict[str, str] = field(default_factory=dict[str, str])
    """Every student that was shown, as he was then (`pipeline.review.seen`): nothing is decided unseen."""
    _listeners: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])

    def on_change(self, act: Callable[[], None]) -> None:
        """Call `act` whenever a run has ended or a decision was recorded."""
        self._listeners.append(act)

    def changed(self) -> None:
        """Let everything on the page show what stands now."""
        for act in self._listeners:
            act()

    def remember(self, people: pd.DataFrame) -> None:
        """Note that these rows of a desk's people are shown now."""
        from pipeline.review.seen import seen_in

        self.seen.update(seen_in(people))

    def desk(self) -> Desk:
        """Return the newest run's tables under the decisions of this moment."""
        from pipeline.review.ledger import open_ledger
        from pipeline.review.review_snapshot import KINDS, lay_desk, open_tables

        tables, today = open_tables(self.cohort)
        with open_ledger(self.cohort) as ledger:
            return lay_desk(tables, ledger.entries(*KINDS), today)


def open_office(cohort: str) -> DeskCohort:
    """Open a cohort.

    Args:
        cohort: `cohort.toml` or its folder.

    Raises:
        ConfigurationError: the settings are wrong; all mistakes at once.
    """
    return DeskCohort(load_cohort(Path(cohort or ".")))


def error_box(error: MingceError) -> Piece:
    """Return what is wrong and what to do about it, in a calm box."""
    error.where = _LABELS.get(error.where, error.where)
    return piece("notes", heading="请看这里", lines=str(error).splitlines())


def button(label: str, act: Callable[[], None], style: str = "") -> Button:
    """Return a button as wide as its words, which calls `act`."""
    import ipywidgets as widgets

    def pressed(_: object) -> None:
        act()

    made = widgets.Button(description=label, button_style=style, layout=widgets.Layout(width="auto"))
    made.on_click(pressed)
    return made


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
