"""`mingce send`, `write-back`, `papers`: results by mail, in the shared sheet and on paper."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Annotated

from typer import Option

from pipeline.cli import common
from pipeline.clock import SHANGHAI
from pipeline.errors import PartialError, RefusedError, UsageError, one_line
from pipeline.imports import lazily
from pipeline.logs import log_to, mask
from pipeline.resources import report_table

with lazily():
    from pipeline import cohort as cohorts
    from pipeline import lock, run_folder
    from pipeline.deliver import post, recipients, send, write_back
    from pipeline.papers import class_roster, paper_files
    from pipeline.review import actions, chain
    from pipeline.review import ledger as ledgers
    from pipeline.view import run_tables


_WORDS: dict[str, str] = report_table("words")["deliveries"]
_QUIET = ("skipped", "accepted", "written", "due")
_LISTED = 20  # student numbers shown by --dry-run
Reports = Annotated[Path | None, Option("--reports", help="运行结果所在的文件夹", metavar="DIR")]


@common.app.command("send")
def send_pages(
    cohort: common.CohortPath = Path(),
    dry_run: Annotated[bool, Option("--dry-run", help="只列出将寄给谁，不寄也不记录")] = False,
    failed: Annotated[bool, Option("--failed", help="只重寄被拒收或暂未收下的")] = False,
    invite: Annotated[bool, Option("--invite", help="改为通知学生怎样提交，并寄邮箱确认码")] = False,
    force: Annotated[bool, Option("--force", help="没有变化、已寄过或送达不明的也再寄一次")] = False,
    reports: Reports = None,
) -> None:
    """把看板寄给辅导员和院系副书记；cohort.toml 里没有设置 mail 时写成 .eml 文件。"""
    loaded = common.with_reports(cohorts.load_cohort(cohort), reports)
    options = send.SendOptions(dry_run=dry_run, failed=failed, invite=invite, force=force)
    common.open_to_decide(loaded, "从前寄过的可能没有记在里面，收过的人会再收到一次").close()
    with log_to(loaded.reports_folder / "log" / "send.jsonl"):
        sent = send.send_due(loaded, options, post.Clock(), on_result=_print_result)
    common.print_outdated(loaded, sent.run_id)
    _print_summary(sent, dry_run)


def _print_result(result: post.Result) -> None:
    """Print what became of a mail, for a timer's journal: staff by kind and name, students by student number."""
    if result.action in _QUIET:
        return
    recipient = result.recipient
    staff = recipient.kind in ("counselor", "secretary")
    who = recipient.names if staff else sorted("/".join(key) for key in recipient.scope)
    description = f"{recipients.KIND_NAMES[recipient.kind]} {'、'.join(who)}".strip()
    common.print_status(f"{_WORDS[result.action]}：{mask(recipient.address)}（{description}）{result.why}")


def _print_summary(sent: send.SendResult, dry_run: bool) -> None:
    if dry_run:
        for result in sent.results:
            recipient = result.recipient
            who = f"{recipients.KIND_NAMES[recipient.kind]} {one_line('、'.join(recipient.names))}".strip()
            print(f"{_WORDS[result.action]}：{recipient.address}（{who}）{result.why}")
    for person in sent.unreachable:
        common.print_status(f"无法联系：{one_line(person.who)}：{person.why}")
    if sent.recovered:
        common.print_status(f"上次寄送中断：{sent.recovered} 封是否送达不明，已标记，不自动重发")
    counts = Counter(mail.action for mail in sent.results)
    listed = "，".join(f"{word} {counts[action]}" for action, word in _WORDS.items() if counts[action])
    common.print_status(f"运行 {sent.run_id}：{listed or '没有要寄的'}")
    if not dry_run:
        print(sent.folder)
    bad = sum(counts[action] for action in ("deferred", "refused", "unclear", "failed"))
    if bad and counts["failed"] == len(sent.results):
        raise RefusedError("没有一封可以寄出", where=sent.run_id, remedy="请重新执行 mingce run，全部院系完成后再寄送")
    if bad:
        remedy = "原因见上；改正后用 mingce send --failed 重寄"
        raise PartialError(f"{bad} 封没有寄成", where=sent.run_id, remedy=remedy)


@common.app.command("write-back")
def answer(
    path: common.CohortPath = Path(),
    by: Annotated[str, Option("--by", help="经办人姓名（--dry-run 时可省略）")] = "",
    why: common.Why = "",
    dry_run: Annotated[bool, Option("--dry-run", help="只显示会改动什么，不写入")] = False,
    as_json: common.AsJson = False,
) -> None:
    """把每个学生的状态和需要更正的内容写回 Google 表格的“认证结果”工作表。"""
    if not dry_run and not by.strip():
        raise UsageError("没有写明经办人", where="--by", remedy="请加 --by 姓名；只想看会改动什么，请加 --dry-run")
    cohort = cohorts.load_cohort(path)
    run = common.newest_folder(cohort)
    with nullcontext() if dry_run else lock.cohort_lock(cohort, datetime.now(SHANGHAI), "send"):
        summary = write_back.write_answers(cohort, run, dry_run)
    if not dry_run:
        sheets = [{"spreadsheet": s.key, "rows": s.rows, "changed": len(s.changed)} for s in summary.sheets]
        with ledgers.open_ledger(cohort) as ledger:
            ledger.append(chain.Entry("write_back", by=by.strip(), why=why, made_on=run.name, data={"sheets": sheets}))
    if as_json:
        sheets = [vars(sheet) for sheet in summary.sheets]
        print(json.dumps({"run": run.name, "sheets": sheets, "unplaced": summary.unplaced}, ensure_ascii=False))
        return
    for sheet in summary.sheets:
        _print_sheet(sheet)
    if summary.unplaced:
        common.print_status(f"另有 {summary.unplaced} 名学生的班级没有出现在任何登记表中，没有写入")


def _print_sheet(sheet: write_back.SheetAnswers) -> None:
    status = "已写入" if sheet.written else "将写入（未写入）"
    common.print_status(f"{sheet.title or sheet.key}：{status} {sheet.rows} 名学生，其中 {len(sheet.changed)} 名有变化")
    for state in dict.fromkeys([*sheet.previous, *sheet.counts]):
        old, new = sheet.previous.get(state, 0), sheet.counts.get(state, 0)
        common.print_status(f"  {state}：{new}" + (f"（原 {old}）" if old != new else ""))
    if not sheet.written and sheet.changed:
        more = f" 等 {len(sheet.changed)} 个" if len(sheet.changed) > _LISTED else ""
        common.print_status(f"  有变化的学号：{'、'.join(sheet.changed[:_LISTED])}{more}")
    common.print_status(f"  {sheet.cost}")


@common.app.command("papers")
def papers(
    cohort: common.CohortPath = Path(),
    kind: Annotated[
        list[str] | None,
        Option("--kind", help="proof、errata、corrections、results、guide，可重复；不写就是全部", metavar="KIND"),
    ] = None,
    college: common.Colleges = None,
    class_name: Annotated[list[str] | None, Option("--class", help="只做这个班级，可重复", metavar="CLASS")] = None,
    full: Annotated[bool, Option("--full", help="核对签名表印完整的身份证号码：要写 --by，并记入账本")] = False,
    by: common.By = "",
    why: common.Why = "",
    reports: Reports = None,
) -> None:
    """打印、传阅的表：核对签名表、学籍勘误汇总表、问题表、核对结果、操作流程。"""
    unknown = [name for name in kind or () if name not in paper_files.KINDS]
    if unknown:
        raise UsageError(f"没有这种表 {unknown[0]}", where="--kind", remedy=f"可用：{'、'.join(paper_files.KINDS)}")
    kinds = tuple(dict.fromkeys(kind or paper_files.KINDS))
    if full and "proof" not in kinds:
        raise UsageError("--full 只用于核对签名表", where="--full", remedy="请加 --kind proof")
    loaded = common.with_reports(cohorts.load_cohort(cohort), reports)
    colleges = tuple(common.college_named(text, loaded) for text in college or ())
    request = paper_files.PaperRequest(kinds, colleges, tuple(class_name or ()), full, by.strip())
    if kinds == ("guide",) and not run_folder.newest_full_run(loaded.reports_folder):
        written, run = paper_files.write_guide(loaded), ""
    else:
        newest = common.newest_folder(loaded)
        if full:
            _record_full(loaded, newest.name, request, by, why)
            common.print_status(class_roster.PHOTO_WARNING)
        written, run = paper_files.write_papers(loaded, run_tables.load_run(newest), request), newest.name
    for path in written.files:
        common.print_status(f"已写出 {path.relative_to(written.folder)}")
    for line in written.skipped:
        common.print_status(f"没有做：{line}")
    print(written.folder)
    if written.skipped:
        raise PartialError(f"{len(written.skipped)} 个院系没有做", where=run, remedy="请处理后重新运行 mingce run")


def _record_full(cohort: cohorts.Cohort, run: str, request: paper_files.PaperRequest, by: str, why: str) -> None:
    actor = actions.Actor(by, why)
    data = {"run": run, "colleges": [str(college) for college in request.colleges], "classes": list(request.classes)}
    with ledgers.open_ledger(cohort) as ledger:
        ledger.append(chain.Entry("papers", action="full", by=actor.by.strip(), why=actor.why.strip(), data=data))
