"""`mingce review …` and `mingce except …`: decisions and exceptions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.chinese import Commands
from pipeline.cli.common import (
    AsJson,
    By,
    Why,
    cohort_and_rest,
    cohort_at,
    college_named,
    ledger_of,
    open_cohort,
    open_desk,
    parse_date,
)
from pipeline.errors import UsageError, one_line

if TYPE_CHECKING:
    from pipeline.cohort import Cohort
    from pipeline.review.actions import ActionOutcome, Actor
    from pipeline.review.ledger import Ledger
    from pipeline.review.review_snapshot import Desk, RunTables

Words = Annotated[list[str] | None, typer.Argument(help="cohort.toml 或它所在的文件夹", metavar="[COHORT]")]
Students = Annotated[
    list[str] | None, typer.Option("--student", help="学号，可写 学校代码/学号，可多个", metavar="NUMBER")
]
College = Annotated[str | None, typer.Option("--college", help="院系，可写 学校代码/院系", metavar="COLLEGE")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    decisions = Commands(help="审核：通过、退回、取消审核、撤销登记、查看", no_args_is_help=True)
    for name, command in (
        ("approve", _approve), ("return", _return), ("reopen", _reopen), ("withdraw", _withdraw), ("list", _list),
        ("sheet", _sheet),
    ):  # fmt: skip
        decisions.command(name)(command)
    exceptions = Commands(help="例外：一人一条规则一个值，凭证明放行", no_args_is_help=True)
    for name, command in (("add", _except_add), ("list", _except_list), ("revoke", _except_revoke)):
        exceptions.command(name)(command)
    app.add_typer(decisions, name="review")
    app.add_typer(exceptions, name="except")


def _approve(
    words: Words = None,
    student: Students = None,
    all_ready: Annotated[bool, typer.Option("--all-ready", help="通过该院系所有待审核的学生，列出其余")] = False,
    college: College = None,
    seen: Annotated[
        str, typer.Option("--seen", help="只通过与这次运行中一样的：之后又有改动的不通过", metavar="RUN")
    ] = "",
    by: By = "",
    why: Why = "",
) -> None:
    """审核通过：有未解决的必须更正项的学生不能通过。"""
    from pipeline.review.actions import approve, approve_ready
    from pipeline.review.review_snapshot import seen_in_latest, seen_in_run

    passed = "已通过 {} 人"
    if all_ready == bool(student):
        raise UsageError("请给 --student 学号，或 --all-ready --college 院系，二者之一")
    if all_ready:
        if not college:
            raise UsageError("--all-ready 要写明院系", where="--college")
        cohort = open_cohort(words)
        named, looked_at = college_named(college, cohort), seen_in_run(cohort, seen) if seen else None
        _act(cohort, by, why, lambda run, ledger, actor: approve_ready(run, ledger, named, actor, looked_at), passed)
        return
    cohort, numbers = _students_of(words, student)
    looked_at = seen_in_run(cohort, seen) if seen else seen_in_latest(cohort)
    _act(cohort, by, why, lambda run, ledger, actor: approve(run, ledger, numbers, actor, looked_at), passed)


def _return(words: Words = None, student: Students = None, by: By = "", why: Why = "") -> None:
    """退回给学生，原因随通知转达。"""
    from pipeline.review.actions import send_back

    cohort, numbers = _students_of(words, student)
    _act(cohort, by, why, lambda run, ledger, actor: send_back(run, ledger, numbers, actor), "已退回 {} 人")


def _reopen(words: Words = None, student: Students = None, by: By = "", why: Why = "") -> None:
    """取消审核：撤回已作出的通过。"""
    from pipeline.review.actions import reopen

    cohort, numbers = _students_of(words, student)
    _act(cohort, by, why, lambda run, ledger, actor: reopen(run, ledger, numbers, actor), "已取消审核 {} 人")


def _withdraw(
    words: Words = None,
    submission: Annotated[str, typer.Option("--submission", help="提交编号", metavar="ID")] = "",
    extras: Annotated[str, typer.Option("--extras", help="撤销这个院系名单外的全部提交", metavar="COLLEGE")] = "",
    by: By = "",
    why: Why = "",
) -> None:
    """撤销登记：填错学校或填错人的一条提交不再计入，学号可重新登记。"""
    from pipeline.review.actions import withdraw, withdraw_extras

    if bool(submission) == bool(extras):
        raise UsageError("请给 --submission 提交编号，或 --extras 院系，二者之一")
    cohort, done = open_cohort(words), "已撤销 {} 条登记"
    if extras:
        named = college_named(extras, cohort)
        _act(cohort, by, why, lambda run, ledger, actor: withdraw_extras(run, ledger, named, actor), done)
    else:
        _act(cohort, by, why, lambda run, ledger, actor: withdraw(run, ledger, submission, actor), done, submission)


def _list(
    words: Words = None,
    college: College = None,
    status: Annotated[str | None, typer.Option("--status", help="只列这个状态", metavar="STATUS")] = None,
    as_json: AsJson = False,
) -> None:
    """列出学生现在的状态。"""
    import json

    from pipeline.review.review_list import listed_students, listing_lines

    cohort = open_cohort(words)
    desk = _desk(cohort)
    rows = listed_students(desk, college_named(college, cohort) if college else None, status)
    typer.echo(json.dumps(rows, ensure_ascii=False, indent=1) if as_json else listing_lines(rows, desk.tables.run_id))


def _sheet(
    words: Words = None,
    college: College = None,
    out: Annotated[Path | None, typer.Option("--out", help="写到这个文件（xlsx）", metavar="FILE")] = None,
) -> None:
    """写出一个院系的审核表：每人一行，带提交编号，填好意见后放回 [review] decisions。"""
    from pipeline.cohort import safe_name
    from pipeline.review.decision_rows import write_sheet

    if not college:
        raise UsageError("没有写院系", where="--college")
    cohort = open_cohort(words)
    named = college_named(college, cohort)
    path = out or Path(f"{safe_name(f'审核-{named.code}-{named.name}')}.xlsx")
    typer.echo(str(write_sheet(path, _desk(cohort), named)))


def _desk(cohort: Cohort) -> Desk:
    from pipeline.review.review_snapshot import KINDS, lay_desk

    tables, today = open_desk(cohort)
    with ledger_of(cohort) as ledger:
        return lay_desk(tables, ledger.entries(*KINDS), today)


def _except_add(
    words: Words = None,
    student: Annotated[str, typer.Option("--student", help="学号，可写 学校代码/学号", metavar="NUMBER")] = "",
    rule: Annotated[str, typer.Option("--rule", help="规则名，例如 study_years.span", metavar="RULE")] = "",
    proof: Annotated[
        str, typer.Option("--proof", help="录取名册、公安证明、学籍异动证明、转学表、定向合同、其他", metavar="KIND")
    ] = "",
    expires: Annotated[str | None, typer.Option("--expires", help="有效期至（含当日）", metavar="DATE")] = None,
    college: College = None,
    major: Annotated[str, typer.Option("--major", help="与 --college 同用：说明该专业人数与上年的差异")] = "",
    by: By = "",
    why: Why = "",
) -> None:
    """批准一个例外：这名学生、这条规则、现在这个值。"""
    from pipeline.review.actions import Actor
    from pipeline.review.granting import Grant, add_exception, explain_difference

    if bool(student) == bool(college):
        raise UsageError("请给 --student 学号 和 --rule 规则，或 --college 院系 和 --major 专业")
    if (student and not rule) or (college and not major):
        raise UsageError("没有写规则" if student else "没有写专业", where="--rule" if student else "--major")
    last = parse_date(expires, "--expires") if expires else None
    cohort = open_cohort(words)
    tables, today = open_desk(cohort)
    actor = Actor(by, why, today)
    with ledger_of(cohort) as ledger:
        if college:
            made = explain_difference(tables, ledger, college_named(college, cohort), major, actor)
        else:
            made = add_exception(tables, ledger, student, Grant(rule, proof, last), actor)
    typer.echo(f"已记入例外，编号 {'、'.join(map(str, made))}" if made else "这个例外已有，未重复记入")


def _except_list(words: Words = None, as_json: AsJson = False) -> None:
    """列出有效的例外。"""
    import json

    from pipeline.review.exceptions import standing_exceptions

    with ledger_of(open_cohort(words)) as ledger:
        table = standing_exceptions(ledger.entries("exception"))
    shown = table[["seq", "school", "college", "student_number", "rule", "proof", "expires", "by", "at", "why"]]
    if as_json:
        typer.echo(json.dumps(shown.to_dict("records"), ensure_ascii=False, indent=1))
        return
    for row in shown.to_dict("records"):
        who = row["student_number"] or row["college"]
        until = f"至 {row['expires']}" if row["expires"] else "不限期"
        by, why = one_line(row["by"]), one_line(row["why"])
        typer.echo(f"{row['seq']}  {row['school']}  {who}  {row['rule']}  {row['proof']}  {until}  {by}  {why}")


def _except_revoke(
    words: Words = None,
    number: Annotated[int, typer.Option("--number", help="例外的编号（except list 第一列）", metavar="N")] = 0,
    by: By = "",
    why: Why = "",
) -> None:
    """撤销一个例外。"""
    from datetime import date

    from pipeline.review.actions import Actor
    from pipeline.review.granting import revoke_exception

    cohort = open_cohort(words)
    with ledger_of(cohort) as ledger:
        revoke_exception(ledger, number, Actor(by, why, date.min))
    typer.echo(f"已撤销例外 {number}")


def _students_of(words: list[str] | None, student: list[str] | None) -> tuple[Cohort, list[str]]:
    """Return the cohort and the students. Further numbers may follow `--student NUMBER` as bare words."""
    if not student:
        raise UsageError("没有写学号", where="--student")
    path, more = cohort_and_rest(words)
    return cohort_at(path), [*student, *more]


def _act(
    cohort: Cohort, by: str, why: str, act: Callable[[RunTables, Ledger, Actor], ActionOutcome], done: str,
    known: str = "",
) -> None:  # fmt: skip
    """Act on the newest run's tables, and print what was done, what was so before, and what was not done and why."""
    from pipeline.review.actions import Actor

    tables, today = open_desk(cohort, known)
    with ledger_of(cohort) as ledger:
        outcome = act(tables, ledger, Actor(by, why, today))
    if outcome.done or not outcome.already:
        named = f"：{'、'.join(outcome.done)}" if outcome.done else ""
        typer.echo(done.format(len(outcome.done)) + named)
    for line in outcome.told:
        typer.echo(one_line(line))
    if outcome.already:
        typer.echo(f"{len(outcome.already)} 人此前已是如此，未重复记入")
    if outcome.rest:
        typer.echo(f"其余 {len(outcome.rest)} 人：")
    for name, reason in outcome.rest:
        typer.echo(f"  {one_line(name)}：{one_line(reason)}")
