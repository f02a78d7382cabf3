"""What opening a page does to the notebook that opens it: our font and colours, frames as our tables, a mark.

The mark is an output that says, to people and to the page's guard, which college of which run is open.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from pipeline.render.figures import settings
from pipeline.render.frames import as_bundle


@dataclass(frozen=True)
class Mark:
    """Which college of which run has been opened; a line in the notebook, a token on the page."""

    token: str
    told: str

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
        return {"text/plain": self.told}, {"mingce": {"opened": self.token}}


def settle(mark: Mark | None = None) -> None:
    """Make the notebook at hand ready for a page, and show its mark; outside a notebook do nothing."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None:
        return
    import matplotlib as mpl
    import pandas as pd

    mpl.rcParams.update(settings())
    for kind in (pd.DataFrame, pd.Series):
        shell.display_formatter.mimebundle_formatter.for_type(kind, as_bundle)
    if mark is not None:
        from IPython.display import display

        display(mark)
