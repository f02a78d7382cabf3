"""What opening a page does to the notebook that opens it: our font and colours, frames as our tables, a mark,
slips told in Chinese.

The mark is an output that says, to people and to the page's guard, which college of which run is open.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from linecache import getline
from traceback import extract_tb
from types import TracebackType
from typing import Any

from pipeline.errors import SLIPS, one_line, slip_of
from pipeline.render.figures import settings
from pipeline.render.frames import as_bundle


@dataclass(frozen=True)
class Mark:
    """Which college of which run has been opened; a line in the notebook, a token on the page."""

    token: str
    told: str

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
        return {"text/plain": self.told}, {"mingce": {"opened": self.token}}


def ready_notebook(mark: Mark | None = None) -> None:
    """Make the notebook at hand ready for a page, and show its mark; outside a notebook do nothing."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None:
        return
    import matplotlib as mpl
    import pandas as pd

    shell.set_custom_exc(tuple(SLIPS), _tell_slip)
    mpl.rcParams.update(settings())
    for kind in (pd.DataFrame, pd.Series):
        shell.display_formatter.mimebundle_formatter.for_type(kind, as_bundle)
    if mark is not None:
        from IPython.display import display

        display(mark)


def _tell_slip(
    shell: Any,  # noqa: ANN401 - IPython's own
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
    tb_offset: int | None = None,
) -> None:
    """Show a slip in a cell as a calm box: which line, what Python says, what to do; in place of its traceback."""
    own = [frame for frame in extract_tb(trace) if "ipykernel_" in frame.filename or frame.filename.startswith("<ipy")]
    place = [f"第 {at.lineno} 行：{getline(at.filename, at.lineno or 0).strip()}" for at in own[:1]]
    body = [*place, f"Python 的原话：{kind.__name__}: {one_line(str(error))}", f"怎么办：{slip_of(kind)}。"]
    body.append("改好后，按菜单 运行 → 运行全部单元格。")
    shell._showtraceback(kind, error, ["┌─ 这个单元格没有做成", *(f"│ {line}" for line in body), "└─"])
