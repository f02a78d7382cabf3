"""`mingce papers`: what goes round on paper and in workbooks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.common import By, CohortPath, Colleges, Why, say_older, with_reports
from pipeline.errors import PartialError, UsageError

if TYPE_CHECKING:
    from pipeline.cohort import Cohort
    from pipeline.papers.make import Made, PaperRequest

Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", help="proof、errata、corrections、results、guide，可重复；不写就是全部", metavar="KIND"),
]
Classes = Annotated[list[str] | None, typer.Option("--class", help="只做这个班级，可重复", metavar="CLASS")]
Full = Annotated[bool, typer.Option("--full", help="核对签名表印完整的身份证号码：要写 --by，并记入账本")]
Reports = Annotated[Path | None, typer.Option("--reports", help="运行结果所在的文件夹", metavar="DIR")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("papers", help="打印、传阅的表：核对签名表、学籍勘误汇总表、问题表、核对结果、操作流程。")(papers)


def papers(
    cohort: CohortPath = Path(),
    kind: Kinds = None,
    college: Colleges = None,
    class_name: Classes = None,
    full: Full = False,
    by: By = "",
    why: Why = "",
    reports: Reports = None,
) -> None:
    """Write the papers of the newest run; the last line on standard output is their folder."""
    from pipeline.cli.review_command import college_named
    from pipeline.cohort import load_cohort
    from pipeline.papers.make import KINDS, PaperRequest, has_run, make_guide, make_papers
    from pipeline.papers.proof import PHOTOGRAPH
    from pipeline.review.review_snapshot import newest_run
    from pipeline.view.run_tables import load_run

    unknown = [name for name in kind or () if name not in KINDS]
    if unknown:
        raise UsageError(f"没有这种表 {unknown[0]}", where="--kind", remedy=f"可用：{'、'.join(KINDS)}")
    kinds = tuple(dict.fromkeys(kind or KINDS))
    if full and "proof" not in kinds:
        raise UsageError("--full 只用于核对签名表", where="--full", remedy="请加 --kind proof")
    loaded = with_reports(load_cohort(cohort), reports)
    colleges = tuple(college_named(text, loaded) for text in college or ())
    wanted = PaperRequest(kinds, colleges, tuple(class_name or ()), full, by.strip())
    if kinds == ("guide",) and not has_run(loaded):
        _tell(make_guide(loaded))
        return
    run = newest_run(loaded)
    say_older(loaded, run.name)
    if full:
        _record_full(loaded, run.name, wanted, by, why)
        print(PHOTOGRAPH, file=sys.stderr)
    made = make_papers(loaded, load_run(run), wanted)
    _tell(made)
    if made.left:
        raise PartialError(f"{len(made.left)} 个院系没有做", where=run.name, remedy="请处理后重新运行 mingce run")


def _tell(made: Made) -> None:
    for path in made.files:
        print(f"已写出 {path.relative_to(made.folder)}", file=sys.stderr)
    for line in made.left:
        print(f"没有做：{line}", file=sys.stderr)
    print(made.folder)


def _record_full(cohort: Cohort, run: str, wanted: PaperRequest, by: str, why: str) -> None:
    """Write into the ledger who prints ID numbers in full, and of which classes."""
    from pipeline.review.actions import Actor
    from pipeline.review.ledger import open_ledger

    actor = Actor(by, why)
    data = {"run": run, "colleges": [str(one) for one in wanted.colleges], "classes": list(wanted.classes)}
    with open_ledger(cohort) as ledger:
        ledger.append("papers", action="full", by=actor.by.strip(), why=actor.why.strip(), data=data)
