"""`mingce anonymise`: a cohort fit for a bug report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.common import CohortPath
from pipeline.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("anonymise", help="生成一份换了人的届别：问题一样，人都是虚构的，可以附在问题报告里。")(anonymise)


def anonymise(
    cohort: CohortPath,
    out: Annotated[Path, typer.Argument(help="写到哪个新文件夹", metavar="OUT")],
) -> None:
    """Write the cohort with other people and the same faults; the last line printed is the new `cohort.toml`."""
    if out.exists() and (out.is_file() or any(out.iterdir())):
        raise UsageError("不是空文件夹，没有改动", where=str(out), remedy="请换一个新文件夹")
    from pipeline.anonymise.anonymise_cohort import anonymise_cohort, read_sources_of
    from pipeline.cohort import load_cohort
    from pipeline.whole import folder_appearing

    settings = load_cohort(cohort)
    sources = read_sources_of(settings)
    with folder_appearing(out) as folder:
        anonymise_cohort(settings, sources, folder)
    print("姓名、号码、电话、邮箱、地址和照片都换成了虚构的；学校、院系、班级、籍贯地区和日期没有换。寄出前请再看一遍")
    print(out / "cohort.toml")
