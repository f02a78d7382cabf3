"""`mingce send`, `write-back`, `papers`: results by mail, in the shared sheet and on paper."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.common import (
    AsJson,
    By,
    CohortPath,
    Colleges,
    Why,
    cohort_at,
    college_named,
    ledger_of,
    newest_of,
    say_older,
    with_reports,
)
from pipeline.clock import SHANGHAI
from pipeline.errors import PartialError, RefusedError, UsageError, one_line

if TYPE_CHECKING:
    from pipeline.cohort import Cohort
    from pipeline.deliver.post import Result
    from pipeline.deliver.recipients import Recipient
    from pipeline.deliver.send import Sent
    from pipeline.deliver.write_back import Summary
    from pipeline.papers.make import Made, PaperRequest


_WORDS: dict[str, str] = {
    "accepted": "已寄出", "written": "已写成邮件文件", "due": "将寄出", "skipped": "不用寄", "flagged": "待人工处理",
    "deferred": "暂未收下", "refused": "被拒收", "unclear": "是否送达不明", "failed": "没有寄",
}  # fmt: skip
_QUIET = ("skipped", "accepted", "written", "due")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("send")(_send)
    app.command("write-back", help="把每个学生的状态和需要更正的内容写回 Google 表格的“认证结果”工作表。")(_write_back)
    app.command("papers", help="打印、传阅的表：核对签名表、学籍勘误汇总表、问题表、核对结果、操作流程。")(_papers)


def _send(
    cohort: CohortPath = Path(),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只列出将寄给谁，不寄也不记录")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="只重寄被拒收或暂未收下的")] = False,
    invite: Annotated[bool, typer.Option("--invite", help="改为通知学生怎样提交，并寄邮箱确认码")] = False,
    force: Annotated[bool, typer.Option("--force", help="没有变化、已寄过或送达不明的也再寄一次")] = False,
    reports: Annotated[Path | None, typer.Option("--reports", help="运行结果所在的文件夹", metavar="DIR")] = None,
) -> None:
    """把看板寄给辅导员和院系副书记；cohort.toml 里没有设置 mail 时写成 .eml 文件。"""
    from pipeline.deliver.send import Options, system_clock
    from pipeline.deliver.send import send_due as deliver
    from pipeline.logs import log_to

    loaded = with_reports(cohort_at(cohort), reports)
    options = Options(dry_run=dry_run, failed=failed, invite=invite, force=force)
    with log_to(loaded.reports_folder / "log" / "send.jsonl"):
        sent = deliver(loaded, options, system_clock(), told=_say_result)
    say_older(loaded, sent.run_id)
    _summary(sent, dry_run)


def _say_result(result: Result) -> None:
    if result.action not in _QUIET:
        typer.echo(f"{_WORDS[result.action]}：{_whom(result.recipient)}{result.why}", err=True)


def _whom(recipient: Recipient) -> str:
    """Return a recipient for a timer's journal: staff by kind and name, students by student number."""
    from pipeline.logs import mask

    staff = recipient.kind in ("counselor", "secretary")
    who = recipient.names if staff else sorted("/".join(key) for key in recipient.scope)
    return f"{mask(recipient.address)}（{_kind_and(recipient, '、'.join(who))}）"


def _kind_and(recipient: Recipient, who: str) -> str:
    from pipeline.deliver.recipients import KIND_NAMES

    return " ".join(filter(None, (KIND_NAMES[recipient.kind], who)))


def _summary(sent: Sent, dry_run: bool) -> None:
    if dry_run:
        for result in sent.results:
            who = _kind_and(result.recipient, one_line("、".join(result.recipient.names)))
            typer.echo(f"{_WORDS[result.action]}：{result.recipient.address}（{who}）{result.why}")
    for lacking in sent.unreachable:
        typer.echo(f"无法联系：{one_line(lacking.who)}：{lacking.why}，请在人员表中补上", err=True)
    if sent.recovered:
        typer.echo(f"上次寄送中断：{sent.recovered} 封是否送达不明，已标记，不自动重发", err=True)
    counts = {word: sum(each.action == action for each in sent.results) for action, word in _WORDS.items()}
    typer.echo(
        f"运行 {sent.run_id}：" + ("，".join(f"{word} {n}" for word, n in counts.items() if n) or "没有要寄的"),
        err=True,
    )
    if not dry_run:
        typer.echo(str(sent.folder))
    bad = sum(each.action in ("deferred", "refused", "unclear", "failed") for each in sent.results)
    if bad and bad == sum(each.action == "failed" for each in sent.results) == len(sent.results):
        raise RefusedError("没有一封可以寄出", where=sent.run_id, remedy="请重新执行 mingce run，全部院系完成后再寄送")
    if bad:
        raise PartialError(
            f"{bad} 封没有寄成", where=sent.run_id, remedy="原因见上；改正后用 mingce send --failed 重寄"
        )


_LISTED = 20  # student numbers shown by --dry-run


def _write_back(
    path: CohortPath = Path(),
    by: Annotated[str, typer.Option("--by", help="经办人姓名（--dry-run 时可省略）")] = "",
    why: Annotated[str, typer.Option("--why", help="原因")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只显示会改动什么，不写入")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the answers of the newest complete run or check of all colleges."""
    if not dry_run and not by.strip():
        raise UsageError("没有写明经办人", where="--by", remedy="请加 --by 姓名；只想看会改动什么，请加 --dry-run")
    from pipeline.deliver.write_back import write_answers
    from pipeline.lock import cohort_lock
    from pipeline.review.chain import Entry

    cohort = cohort_at(path)
    run = newest_of(cohort)
    with nullcontext() if dry_run else cohort_lock(cohort, datetime.now(SHANGHAI), "send"):
        summary = write_answers(cohort, run, dry_run)
    if not dry_run:
        told = [{"spreadsheet": one.key, "rows": one.rows, "changed": len(one.changed)} for one in summary.sheets]
        with ledger_of(cohort) as ledger:
            ledger.append(Entry("write_back", by=by.strip(), why=why, made_on=run.name, data={"sheets": told}))
    _say_answers(summary, run, as_json)


def _say_answers(summary: Summary, run: Path, as_json: bool) -> None:
    if as_json:
        sheets = [vars(sheet) for sheet in summary.sheets]
        print(json.dumps({"run": run.name, "sheets": sheets, "unplaced": summary.unplaced}, ensure_ascii=False))
        return
    for sheet in summary.sheets:
        did = "已写入" if sheet.written else "将写入（未写入）"
        print(
            f"{sheet.title or sheet.key}：{did} {sheet.rows} 名学生，其中 {len(sheet.changed)} 名有变化",
            file=sys.stderr,
        )
        for state in dict.fromkeys([*sheet.before, *sheet.counts]):
            old, new = sheet.before.get(state, 0), sheet.counts.get(state, 0)
            print(f"  {state}：{new}" + (f"（原 {old}）" if old != new else ""), file=sys.stderr)
        if not sheet.written and sheet.changed:
            more = f" 等 {len(sheet.changed)} 个" if len(sheet.changed) > _LISTED else ""
            print(f"  有变化的学号：{'、'.join(sheet.changed[:_LISTED])}{more}", file=sys.stderr)
        print(f"  {sheet.cost}", file=sys.stderr)
    if summary.unplaced:
        print(f"另有 {summary.unplaced} 名学生的班级没有出现在任何登记表中，没有写入", file=sys.stderr)


Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", help="proof、errata、corrections、results、guide，可重复；不写就是全部", metavar="KIND"),
]
Classes = Annotated[list[str] | None, typer.Option("--class", help="只做这个班级，可重复", metavar="CLASS")]
Full = Annotated[bool, typer.Option("--full", help="核对签名表印完整的身份证号码：要写 --by，并记入账本")]
Reports = Annotated[Path | None, typer.Option("--reports", help="运行结果所在的文件夹", metavar="DIR")]


def _papers(
    cohort: CohortPath = Path(),
    kind: Kinds = None,
    college: Colleges = None,
    class_name: Classes = None,
    full: Full = False,
    by: By = "",
    why: Why = "",
    reports: Reports = None,
) -> None:
    """Write the papers of the newest run. The last line on standard output is their folder."""
    from pipeline.papers.class_roster import PHOTOGRAPH
    from pipeline.papers.make import KINDS, PaperRequest, has_run, make_guide, make_papers
    from pipeline.view.run_tables import load_run

    unknown = [name for name in kind or () if name not in KINDS]
    if unknown:
        raise UsageError(f"没有这种表 {unknown[0]}", where="--kind", remedy=f"可用：{'、'.join(KINDS)}")
    kinds = tuple(dict.fromkeys(kind or KINDS))
    if full and "proof" not in kinds:
        raise UsageError("--full 只用于核对签名表", where="--full", remedy="请加 --kind proof")
    loaded = with_reports(cohort_at(cohort), reports)
    colleges = tuple(college_named(text, loaded) for text in college or ())
    wanted = PaperRequest(kinds, colleges, tuple(class_name or ()), full, by.strip())
    if kinds == ("guide",) and not has_run(loaded):
        _say_papers(make_guide(loaded))
        return
    run = newest_of(loaded)
    if full:
        _record_full(loaded, run.name, wanted, by, why)
        print(PHOTOGRAPH, file=sys.stderr)
    made = make_papers(loaded, load_run(run), wanted)
    _say_papers(made)
    if made.left:
        raise PartialError(f"{len(made.left)} 个院系没有做", where=run.name, remedy="请处理后重新运行 mingce run")


def _say_papers(made: Made) -> None:
    for path in made.files:
        print(f"已写出 {path.relative_to(made.folder)}", file=sys.stderr)
    for line in made.left:
        print(f"没有做：{line}", file=sys.stderr)
    print(made.folder)


def _record_full(cohort: Cohort, run: str, wanted: PaperRequest, by: str, why: str) -> None:
    from pipeline.review.actions import Actor
    from pipeline.review.chain import Entry

    actor = Actor(by, why)
    data = {"run": run, "colleges": [str(one) for one in wanted.colleges], "classes": list(wanted.classes)}
    with ledger_of(cohort) as ledger:
        ledger.append(Entry("papers", action="full", by=actor.by.strip(), why=actor.why.strip(), data=data))
