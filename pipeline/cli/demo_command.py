"""`mingce demo`: the practice cohort, run, with the page to open."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pipeline.clock import SHANGHAI
from pipeline.errors import PartialError, UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo", help="写出一届虚构的毕业生并核对，看看结果是什么样子，也可以拿来练习。")(demo)


def demo(
    folder: Annotated[Path, typer.Argument(help="写到哪个文件夹", metavar="[DIR]")] = Path("reports/demo"),
    run: Annotated[bool, typer.Option("--run/--no-run", help="写出之后是否核对")] = True,
) -> None:
    """Copy the practice cohort and, unless told otherwise, run it; the last line printed is the page to open."""
    now = datetime.now(SHANGHAI)
    _copy(folder, now)
    print(_run(folder, now) if run else folder / "cohort.toml")


def _copy(folder: Path, now: datetime) -> None:
    """Copy the practice cohort into a new or empty folder; one that is there already, with its decisions, stays."""
    from pipeline.practice import copy_practice, is_practice
    from pipeline.whole import folder_appearing

    if is_practice(folder):
        print(f"{folder} 里已有练习用的届别，接着用；要从头练习，请先删除这个文件夹", file=sys.stderr)
    elif folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise UsageError("这里已有别的内容，没有改动", where=str(folder), remedy="请换一个空文件夹")
    else:
        with folder_appearing(folder) as draft:
            copy_practice(draft, now.date())


def _run(folder: Path, now: datetime) -> Path:
    """Run the cohort as of today; return its first page."""
    from pipeline.cohort import load_cohort
    from pipeline.run import RunOptions, run_cohort

    outcome = run_cohort(load_cohort(folder), RunOptions(as_of=now.date(), now=now))
    page = outcome.folder / "site" / "index.html"
    if outcome.lacking:
        raise PartialError("有页面没有生成", where=str(outcome.folder), remedy="原因见 summary.json；其余页面可以打开")
    print("完成。请用浏览器打开下面这一页：", file=sys.stderr)
    return page
