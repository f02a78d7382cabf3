"""The command line, and the arguments, options and steps that several of its commands share."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from pipeline.cli.chinese import Commands
from pipeline.clock import SHANGHAI
from pipeline.errors import FULL, UsageError, errno_name, reason_of
from pipeline.imports import lazily

with lazily():
    from rich import box
    from rich import console as rich_console
    from rich import table as rich_table

    from pipeline import cohort as cohorts
    from pipeline import colleges, run_folder
    from pipeline.collect import school_tables
    from pipeline.review import ledger as ledgers
    from pipeline.review import review_snapshot


app = Commands(
    name="mingce",
    help="名册：逐行核对毕业班学生信息，直到可以签字。",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

CohortPath = Annotated[Path, Argument(help="cohort.toml 或它所在的文件夹", metavar="[COHORT]")]
By = Annotated[str, Option("--by", help="经办人姓名")]
Why = Annotated[str, Option("--why", help="原因")]
AsJson = Annotated[bool, Option("--json", help="以 JSON 输出")]
Colleges = Annotated[
    list[str] | None, Option("--college", help="只做这个院系，可写 学校代码/院系，可重复", metavar="COLLEGE")
]


def print_status(line: str) -> None:
    """Print a line for people. Standard output has results only."""
    print(line, file=sys.stderr)


def open_to_decide(
    cohort: cohorts.Cohort, lost: str = "不能签字；这一次只记在现在的账本里，换回备份后要补记"
) -> ledgers.Ledger:
    """Open the ledger for a decision. If it has been deleted, cut or replaced, warn that `lost` follows."""
    ledger = ledgers.open_ledger(cohort)
    for line in ledgers.missing_history(cohort, ledger):
        print_status(f"请注意：{line}，{lost}。{ledgers.RESTORE}")
    return ledger


def screen() -> rich_console.Console:
    """Return the screen for tables and other people's words, which are no markup."""
    return rich_console.Console(highlight=False, emoji=False, markup=False)


def new_table(title: str, *headers: str) -> rich_table.Table:
    """Return an empty table for `screen`. Its cells fold."""
    style: dict[str, Any] = {"box": box.SIMPLE_HEAD, "pad_edge": False, "show_edge": False}
    table = rich_table.Table(title=title or None, title_justify="left", **style)
    for header in headers:
        table.add_column(header, overflow="fold", no_wrap=header in ("谁处理", "程度", "时间", "项目"))
    return table


def with_reports(cohort: cohorts.Cohort, folder: Path | None) -> cohorts.Cohort:
    """Return the cohort with `folder`, if given, as its folder of results. Its name may begin or end with spaces."""
    if folder is None:
        return cohort
    reports = cohort.reports.model_copy(update={"folder": str(folder.resolve())})
    return cohort.model_copy(update={"reports": reports})


def college_named(text: str, cohort: cohorts.Cohort) -> colleges.College:
    """Return the college that a user wrote, also by a former name. Raise `UsageError` if none or several match."""
    return colleges.find_college(text, cohort, school_tables.read_people(cohort)[0])


def print_outdated(cohort: cohorts.Cohort, run_id: str) -> None:
    """Report a newer run that did not become the latest."""
    if newer := run_folder.newer_attempt(cohort.reports_folder, run_id):
        print_status(newer)


def newest_folder(cohort: cohorts.Cohort) -> Path:
    """Return the folder of the newest run or check of all colleges. Reports a newer partial run."""
    run = review_snapshot.newest_run(cohort)
    print_outdated(cohort, run.name)
    return run


def open_newest(cohort: cohorts.Cohort, known: str = "") -> tuple[review_snapshot.RunTables, date]:
    """Return the newest run's tables and today. Reports a newer partial run."""
    run, today = review_snapshot.open_tables(cohort, known)
    print_outdated(cohort, run.run_id)
    return run, today


@contextmanager
def output(path: Path, ending: str = "") -> Generator[None]:
    """Let the body write to a path of the user. Raises UsageError if it cannot, or for a wrong `ending`."""
    if ending and path.suffix.lower() != ending:
        raise UsageError(f"文件名 {path.name} 不是 {ending}", where=str(path), remedy=f"请写以 {ending} 结尾的文件名")
    try:
        yield
    except OSError as error:
        if errno_name(error) in FULL:
            raise
        remedy = f"请换个位置，或在其他程序里先关上它（{reason_of(error)}）"
        raise UsageError("写不进去", where=str(path), remedy=remedy) from None


def parse_date(text: str | None, option: str = "--as-of") -> date:
    """Return the date `text`, or today in Asia/Shanghai. Raise `UsageError` if its form is not 2016-10-31."""
    if text is None:
        return datetime.now(SHANGHAI).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"日期 {text} 不正确", where=option, remedy="请写作 2016-10-31") from None
