"""The command line, and the arguments, options and steps that several of its commands share."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from pipeline.cli.chinese import Commands
from pipeline.clock import SHANGHAI
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.cohort import Cohort
    from pipeline.colleges import College
    from pipeline.review.ledger import Ledger
    from pipeline.review.review_snapshot import RunTables

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
    list[str] | None,
    Option("--college", help="只做这个院系，可写 学校代码/院系，可重复", metavar="COLLEGE"),
]


def say(line: str) -> None:
    """Print a line for people. Standard output has results only."""
    print(line, file=sys.stderr)


def cohort_at(path: Path) -> Cohort:
    """Load a cohort."""
    from pipeline.cohort import load_cohort

    return load_cohort(path)


def ledger_of(cohort: Cohort) -> AbstractContextManager[Ledger]:
    """Open the ledger."""
    from pipeline.review.ledger import open_ledger

    return open_ledger(cohort)


def with_reports(cohort: Cohort, folder: Path | None) -> Cohort:
    """Return the cohort with `folder`, if given, as its folder of results. Its name may begin or end with spaces."""
    if folder is None:
        return cohort
    reports = cohort.reports.model_copy(update={"folder": str(folder.resolve())})
    return cohort.model_copy(update={"reports": reports})


def college_named(text: str, cohort: Cohort) -> College:
    """Return the college that a user wrote, also by a former name. Raise `UsageError` if none or several match."""
    from pipeline.collect.school_tables import read_people
    from pipeline.colleges import find_college

    return find_college(text, cohort, read_people(cohort)[0])


def say_older(cohort: Cohort, run_id: str) -> None:
    """Report a newer run that did not become the latest."""
    from pipeline.run_folder import newer_attempt

    if newer := newer_attempt(cohort.reports_folder, run_id):
        say(newer)


def newest_of(cohort: Cohort) -> Path:
    """Return the folder of the newest run or check of all colleges (`newest_run`). See `say_older`."""
    from pipeline.review.review_snapshot import newest_run

    run = newest_run(cohort)
    say_older(cohort, run.name)
    return run


def open_desk(cohort: Cohort, known: str = "") -> tuple[RunTables, date]:
    """Return the newest run's tables and today. Reports a newer run as `say_older` does."""
    from pipeline.review.review_snapshot import open_tables

    tables, today = open_tables(cohort, known)
    say_older(cohort, tables.run_id)
    return tables, today


def parse_date(text: str | None, option: str = "--as-of") -> date:
    """Return the date `text`, or today in Asia/Shanghai. Raise `UsageError` if its form is not 2016-10-31."""
    if text is None:
        return datetime.now(SHANGHAI).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"日期 {text} 不正确", where=option, remedy="请写作 2016-10-31") from None
