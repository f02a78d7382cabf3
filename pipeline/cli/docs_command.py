"""`mingce docs`: Great Expectations' Data Docs of the newest run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.common import CohortPath, say_older


def register(app: typer.Typer) -> None:
    """Add `docs` to the command line."""

    @app.command(help="写出最近一次运行的核验说明（Great Expectations Data Docs），只有规则和数量")
    def docs(  # pyright: ignore[reportUnusedFunction]
        cohort: CohortPath = Path(),
        out: Annotated[
            Path | None, typer.Option("--out", help="写到这个文件夹（默认：结果文件夹的 docs/运行编号）", metavar="DIR")
        ] = None,
    ) -> None:
        from pipeline.check.data_docs import write_data_docs
        from pipeline.cohort import load_cohort
        from pipeline.review.review_snapshot import newest_run

        loaded = load_cohort(cohort)
        run = newest_run(loaded)
        say_older(loaded, run.name)
        print(write_data_docs(run, out or loaded.reports_folder / "docs" / run.name))
