"""`mingce sign`, `sign verify`, `sign revoke` and `accept`: a college's signature and the office's acceptance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.common import By, Why, open_desk
from pipeline.cli.review import college_named
from pipeline.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from pipeline.cohort import Cohort
    from pipeline.colleges import College

Words = Annotated[list[str], typer.Argument(help="院系 [届别]；verify 文件 [届别]；revoke 院系 [届别]", metavar="…")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("sign")(_sign)
    app.command("accept")(_accept)


def _sign(words: Words, by: By = "", why: Why = "") -> None:
    """副书记签字：mingce sign 院系 --by 姓名。

    mingce sign verify 文件：打印的或交回的人数表是否仍与数据一致。
    mingce sign revoke 院系 --by 姓名 --why 原因：撤销签字。
    """
    if words[0] == "verify":
        _verify(words[1:])
    elif words[0] == "revoke":
        _revoke(words[1:], by, why)
    else:
        _sign_college(words, by, why)


def _sign_college(words: list[str], by: str, why: str) -> None:
    from pipeline.collect.people import read_people
    from pipeline.review.actions import Actor
    from pipeline.review.ledger import open_ledger
    from pipeline.review.signing import sign

    college, cohort = _college(words)
    tables, today = open_desk(cohort)
    actor = Actor(by, why, today)
    with open_ledger(cohort) as ledger:
        signed = sign(tables, ledger, college, read_people(cohort)[0], cohort.window.college_due, actor)
    what = f"{college} 已签字" if signed.new else f"{college} 已签过这份数据，未重复记入"
    typer.echo(f"{what}，校验码 {signed.digest[:16]}")


def _revoke(words: list[str], by: str, why: str) -> None:
    from pipeline.review.actions import Actor
    from pipeline.review.ledger import open_ledger
    from pipeline.review.signing import revoke

    college, cohort = _college(words)
    tables, today = open_desk(cohort)
    with open_ledger(cohort) as ledger:
        revoke(tables, ledger, college, Actor(by, why, today))
    typer.echo(f"{college} 的签字已撤销")


def _accept(words: Words, by: By = "", why: Why = "") -> None:
    """就业办接收：学院签字后，确认数据未变并接收。"""
    from pipeline.review.actions import Actor
    from pipeline.review.ledger import open_ledger
    from pipeline.review.signing import accept

    college, cohort = _college(words)
    tables, today = open_desk(cohort)
    with open_ledger(cohort) as ledger:
        accepted = accept(tables, ledger, college, Actor(by, why, today))
    typer.echo(f"{college} 已接收" if accepted.new else f"{college} 此前已接收，未重复记入")


def _verify(words: list[str]) -> None:
    from pipeline.review.desk import KINDS, lay_desk
    from pipeline.review.ledger import open_ledger
    from pipeline.review.signed_file import read_subject, verify_file

    file, cohort = _subject(words, "文件")
    subject = read_subject(Path(file))
    tables, today = open_desk(cohort)
    with open_ledger(cohort) as ledger:
        entries = ledger.entries(*KINDS)
    verdict = verify_file(subject, lay_desk(tables, entries, today), entries, cohort)
    for line in verdict.lines:
        typer.echo(line)
    if not verdict.equal:
        raise RefusedError(
            "文件与现在的数据不一致", where=Path(file).name, remedy="请重新运行 mingce run，打印新的人数表"
        )


def _college(words: list[str]) -> tuple[College, Cohort]:
    given, cohort = _subject(words, "院系")
    return college_named(given, cohort), cohort


def _subject(words: list[str], what: str) -> tuple[str, Cohort]:
    """Return the first word and the cohort that the second one names (default: the current folder)."""
    from pipeline.cohort import load_cohort

    if not words:
        raise UsageError(
            f"没有写{what}", remedy=f"例如：mingce sign {'verify headcount.pdf' if what == '文件' else '土木工程学院'}"
        )
    if len(words) > 2:
        raise UsageError(f"多了 {words[2]}", remedy=f"只写{what}和届别文件夹")
    return words[0], load_cohort(Path(words[1]) if len(words) > 1 else Path())
