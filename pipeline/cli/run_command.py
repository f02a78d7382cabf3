"""`mingce run` and `mingce check`."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.common import AsJson, CohortPath, Colleges, parse_date, with_reports
from pipeline.clock import SHANGHAI

AsOf = Annotated[str | None, typer.Option("--as-of", help="按这一天计算（默认今天），例如 2016-10-31", metavar="DATE")]
Reports = Annotated[Path | None, typer.Option("--reports", help="结果放到这个文件夹", metavar="DIR")]
Rules = Annotated[list[str] | None, typer.Option("--rule", help="只试这条规则，可重复", metavar="NAME")]
Jobs = Annotated[int, typer.Option("--jobs", min=0, help="同时生成几个页面（0：按处理器数）")]


def register(app: typer.Typer) -> None:
    """Add `run` and `check` to the command line."""

    @app.command(help="收集、规范、比对、核验、审核、统计并生成页面")
    def run(  # pyright: ignore[reportUnusedFunction]
        cohort: CohortPath = Path(),
        as_of: AsOf = None,
        college: Colleges = None,
        pages: Annotated[
            list[str] | None,
            typer.Option("--pages", help="只生成这所学校（代码或名称）的页面，表格仍是全部，可重复", metavar="SCHOOL"),
        ] = None,
        no_notebooks: Annotated[bool, typer.Option("--no-notebooks", help="不生成页面，只出表格")] = False,
        reports: Reports = None,
        jobs: Jobs = 0,
        cold: Annotated[bool, typer.Option("--cold", help="每个页面用全新的内核（慢，作对照）")] = False,
        force: Annotated[bool, typer.Option("--force", help="没有变化的院系也重新生成")] = False,
        as_json: AsJson = False,
    ) -> None:
        made = {
            "notebooks": not no_notebooks,
            "jobs": jobs,
            "cold": cold,
            "force": force,
            "schools": tuple(pages or ()),
        }
        _go(cohort, "run", as_of, college, (), reports, as_json, made)

    @app.command(help="只核验和统计，不生成页面")
    def check(  # pyright: ignore[reportUnusedFunction]
        cohort: CohortPath = Path(),
        as_of: AsOf = None,
        college: Colleges = None,
        rule: Rules = None,
        reports: Reports = None,
        as_json: AsJson = False,
    ) -> None:
        _go(cohort, "check", as_of, college, tuple(rule or ()), reports, as_json, {"notebooks": False})


def _go(
    path: Path,
    command: str,
    as_of: str | None,
    colleges: list[str] | None,
    rules: tuple[str, ...],
    reports: Path | None,
    as_json: bool,
    pages: dict[str, Any],
) -> None:
    from pipeline.cohort import load_cohort
    from pipeline.render.render_stage import RenderOptions
    from pipeline.run import RunOptions, run_cohort

    cohort = with_reports(load_cohort(path), reports)
    options = RunOptions(
        as_of=parse_date(as_of),
        now=datetime.now(SHANGHAI),
        command=command,
        colleges=tuple(colleges or ()),
        rules=rules,
        render=RenderOptions(**pages),
    )
    outcome = run_cohort(cohort, options)
    index = outcome.folder / "site" / "index.html"
    if index.is_file():
        print(f"结果页面：{index}", file=sys.stderr)
    print(json.dumps(outcome.summary, ensure_ascii=False, indent=1) if as_json else outcome.folder)
    if outcome.lacking:
        raise typer.Exit(4)
