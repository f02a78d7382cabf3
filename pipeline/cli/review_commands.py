"""`mingce review …` and `mingce except …`: decisions and exceptions."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

from typer import Argument, Option

from pipeline.cli import common
from pipeline.cli.chinese import Commands
from pipeline.errors import UsageError, one_line
from pipeline.imports import lazily

with lazily():
    from pipeline import cohort as cohorts
    from pipeline.review import actions, decision_rows, exceptions, granting, review_snapshot
    from pipeline.review import ledger as ledgers

T = TypeVar("T")
Words = Annotated[list[str] | None, Argument(help="cohort.toml 或它所在的文件夹", metavar="[COHORT]")]
Students = Annotated[list[str] | None, Option("--student", help="学号，可写 学校代码/学号，可多个", metavar="NUMBER")]
College = Annotated[str | None, Option("--college", help="院系，可写 学校代码/院系", metavar="COLLEGE")]

decisions = Commands(help="审核：通过、退回、取消审核、撤销登记、查看", no_args_is_help=True)
granted = Commands(help="例外：一人一条规则一个值，凭证明放行", no_args_is_help=True)
common.app.add_typer(decisions, name="review")
common.app.add_typer(granted, name="except")


@decisions.command("approve")
def approve(
    words: Words = None,
    student: Students = None,
    all_ready: Annotated[bool, Option("--all-ready", help="通过该院系所有待审核的学生，列出其余")] = False,
    college: College = None,
    seen: Annotated[str, Option("--seen", help="只通过与这次运行中一样的：之后又有改动的不通过", metavar="RUN")] = "",
    by: common.By = "",
    why: common.Why = "",
) -> None:
    """审核通过：有未解决的必须更正项的学生不能通过。"""
    if all_ready == bool(student):
        raise UsageError("请给 --student 学号，或 --all-ready --college 院系，二者之一")
    if all_ready and not college:
        raise UsageError("--all-ready 要写明院系", where="--college")
    cohort, extra = _split_words(words)
    if all_ready and extra:
        raise UsageError(f"{extra[0]} 不是届别文件夹", remedy="请给 cohort.toml 或它所在的文件夹")
    states = review_snapshot.seen_in_run(cohort, seen) if seen else None
    if college and all_ready:
        ready = partial(actions.approve_ready, seen=states)
        _act(cohort, common.college_named(college, cohort), by, why, "已通过 {} 人", ready)
    else:
        chosen = partial(actions.approve, seen=states if seen else review_snapshot.seen_in_latest(cohort))
        _act(cohort, [*(student or []), *extra], by, why, "已通过 {} 人", chosen)


@decisions.command("return")
def send_back(words: Words = None, student: Students = None, by: common.By = "", why: common.Why = "") -> None:
    """退回给学生，原因随通知转达。"""
    _act(*_students_of(words, student), by, why, "已退回 {} 人", actions.send_back)


@decisions.command("reopen")
def reopen(words: Words = None, student: Students = None, by: common.By = "", why: common.Why = "") -> None:
    """取消审核：撤回已作出的通过。"""
    _act(*_students_of(words, student), by, why, "已取消审核 {} 人", actions.reopen)


@decisions.command("withdraw")
def withdraw(
    cohort: common.CohortPath = Path(),
    submission: Annotated[str, Option("--submission", help="提交编号", metavar="ID")] = "",
    extras: Annotated[str, Option("--extras", help="撤销这个院系名单外的全部提交", metavar="COLLEGE")] = "",
    by: common.By = "",
    why: common.Why = "",
) -> None:
    """撤销登记：填错学校或填错人的一条提交不再计入，学号可重新登记。"""
    if bool(submission) == bool(extras):
        raise UsageError("请给 --submission 提交编号，或 --extras 院系，二者之一")
    loaded, done = cohorts.load_cohort(cohort), "已撤销 {} 条登记"
    if extras:
        _act(loaded, common.college_named(extras, loaded), by, why, done, actions.withdraw_extras)
    else:
        _act(loaded, submission, by, why, done, actions.withdraw, submission)


@decisions.command("list")
def list_students(
    cohort: common.CohortPath = Path(),
    college: College = None,
    status: Annotated[str | None, Option("--status", help="只列这个状态", metavar="STATUS")] = None,
    as_json: common.AsJson = False,
) -> None:
    """列出学生现在的状态。"""
    loaded = cohorts.load_cohort(cohort)
    snapshot = _snapshot(loaded)
    rows = decision_rows.listed_students(snapshot, common.college_named(college, loaded) if college else None, status)
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        print(decision_rows.listing_lines(rows, snapshot.tables.run_id))


@decisions.command("sheet")
def write_sheet(
    cohort: common.CohortPath = Path(),
    college: College = None,
    out: Annotated[Path | None, Option("--out", help="写到这个文件（xlsx）", metavar="FILE")] = None,
) -> None:
    """写出一个院系的审核表：每人一行，带提交编号，填好意见后放回 [review] decisions。"""
    if not college:
        raise UsageError("没有写院系", where="--college")
    loaded = cohorts.load_cohort(cohort)
    chosen = common.college_named(college, loaded)
    path = out or Path(f"{cohorts.safe_name(f'审核-{chosen.code}-{chosen.name}')}.xlsx")
    with common.output(path, ".xlsx"):
        print(decision_rows.write_sheet(path, _snapshot(loaded), chosen))


@granted.command("add")
def add_exception(
    cohort: common.CohortPath = Path(),
    student: Annotated[str, Option("--student", help="学号，可写 学校代码/学号", metavar="NUMBER")] = "",
    rule: Annotated[str, Option("--rule", help="规则名，例如 study_years.span", metavar="RULE")] = "",
    proof: Annotated[
        str, Option("--proof", help="录取名册、公安证明、学籍异动证明、转学表、定向合同、其他", metavar="KIND")
    ] = "",
    expires: Annotated[str | None, Option("--expires", help="有效期至（含当日）", metavar="DATE")] = None,
    college: College = None,
    major: Annotated[str, Option("--major", help="与 --college 同用：说明该专业人数与上年的差异")] = "",
    by: common.By = "",
    why: common.Why = "",
) -> None:
    """批准一个例外：这名学生、这条规则、现在这个值。"""
    if bool(student) == bool(college):
        raise UsageError("请给 --student 学号 和 --rule 规则，或 --college 院系 和 --major 专业")
    if (student and not rule) or (college and not major):
        raise UsageError("没有写规则" if student else "没有写专业", where="--rule" if student else "--major")
    last = common.parse_date(expires, "--expires") if expires else None
    loaded = cohorts.load_cohort(cohort)
    tables, today = common.open_newest(loaded)
    actor = actions.Actor(by, why, today)
    with common.open_to_decide(loaded) as ledger:
        if college:
            numbers = granting.explain_difference(tables, ledger, common.college_named(college, loaded), major, actor)
        else:
            numbers = granting.add_exception(tables, ledger, student, rule, actor, proof, last)
    known = "这个例外已有，未重复记入；要改到期日或证明，请先撤销它（mingce except revoke）"
    print(f"已记入例外，编号 {'、'.join(map(str, numbers))}" if numbers else known)


@granted.command("list")
def list_exceptions(cohort: common.CohortPath = Path(), as_json: common.AsJson = False) -> None:
    """列出有效的例外。"""
    table = exceptions.standing_exceptions(ledgers.entries_of(cohorts.load_cohort(cohort), "exception"))
    columns = table[["seq", "school", "college", "student_number", "rule", "proof", "expires", "by", "at", "why"]]
    if as_json:
        print(json.dumps(columns.to_dict("records"), ensure_ascii=False, indent=1))
        return
    for row in columns.to_dict("records"):
        who = row["student_number"] or row["college"]
        until = f"至 {row['expires']}" if row["expires"] else "不限期"
        by, why = one_line(row["by"]), one_line(row["why"])
        print(f"{row['seq']}  {row['school']}  {who}  {row['rule']}  {row['proof']}  {until}  {by}  {why}")


@granted.command("revoke")
def revoke_exception(
    cohort: common.CohortPath = Path(),
    number: Annotated[int, Option("--number", help="例外的编号（except list 第一列）", metavar="N")] = 0,
    by: common.By = "",
    why: common.Why = "",
) -> None:
    """撤销一个例外。"""
    with common.open_to_decide(cohorts.load_cohort(cohort)) as ledger:
        granting.revoke_exception(ledger, number, actions.Actor(by, why, date.min))
    print(f"已撤销例外 {number}；凭它通过的学生须复核：重新办理例外，或退回更正")


def _snapshot(cohort: cohorts.Cohort) -> review_snapshot.ReviewSnapshot:
    tables, today = common.open_newest(cohort)
    return review_snapshot.build_snapshot(tables, ledgers.entries_of(cohort, *review_snapshot.KINDS), today)


def _split_words(words: list[str] | None) -> tuple[cohorts.Cohort, list[str]]:
    """Return the cohort and the other words: more numbers may follow `--student NUMBER`."""
    arguments = words or []
    paths = [word for word in arguments if word.endswith(".toml") or os.path.isdir(word)]  # noqa: PTH112  # False if too long
    if len(paths) > 1:
        raise UsageError(f"给了 {len(paths)} 个届别：{'、'.join(paths)}", remedy="请只给一个")
    return cohorts.load_cohort(Path(*paths)), [word for word in arguments if word not in paths]


def _students_of(words: list[str] | None, student: list[str] | None) -> tuple[cohorts.Cohort, list[str]]:
    if not student:
        raise UsageError("没有写学号", where="--student")
    cohort, extra = _split_words(words)
    return cohort, [*student, *extra]


def _act(
    cohort: cohorts.Cohort, subject: T, by: str, why: str, done: str,
    act: Callable[[review_snapshot.RunTables, ledgers.Ledger, T, actions.Actor], actions.ActionOutcome],
    known: str = "",
) -> None:  # fmt: skip
    """Act on the newest run's tables. Print the students done, those already in this state, and those skipped."""
    tables, today = common.open_newest(cohort, known)
    with common.open_to_decide(cohort) as ledger:
        outcome = act(tables, ledger, subject, actions.Actor(by, why, today))
    if outcome.done or not outcome.already:
        names = f"：{'、'.join(outcome.done)}" if outcome.done else ""
        print(done.format(len(outcome.done)) + names)
    for line in outcome.messages:
        print(one_line(line))
    if outcome.already:
        print(f"{len(outcome.already)} 人此前已是如此，未重复记入")
    if outcome.skipped:
        print(f"其余 {len(outcome.skipped)} 人：")
    for name, reason in outcome.skipped:
        print(f"  {one_line(name)}：{one_line(reason)}")
