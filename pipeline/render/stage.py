"""The render stage: the workbook of tables, the executed notebooks, the pages and the printed headcounts."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from pipeline.cohort import Cohort
from pipeline.run_folder import RunFolder
from pipeline.tables import Frame


class Renderer:
    """Renders a run. Entered before anything is read, so that the notebooks' process gets ready beside that."""

    def __init__(self, cohort: Cohort, options: object) -> None:
        self._cohort, self._options = cohort, options

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def render(self, folder: RunFolder, tables: dict[str, Frame], summary: dict[str, Any]) -> dict[str, Any]:
        """Render everything and return the outcome of each page."""
        return {}
