"""`mingce send`: the dashboards into the inboxes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.common import CohortPath, say_older, with_reports
from pipeline.errors import PartialError, RefusedError, one_line

if TYPE_CHECKING:
    from pipeline.deliver.post import Result
    from pipeline.deliver.recipients import Recipient
    from pipeline.deliver.send import Sent

_WORDS: dict[str, str] = {
    "accepted": "已寄出", "written": "已写成邮件文件", "due": "将寄出", "skipped": "不用寄", "flagged": "待人工处理",
    "deferred": "暂未收下", "refused": "被拒收", "unclear": "是否送达不明", "failed": "没有寄",
}  # fmt: skip
_QUIET = ("skipped", "accepted", "written", "due")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("send")(send)


def send(
    cohort: CohortPath = Path(),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只列出将寄给谁，不寄也不记录")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="只重寄被拒收或暂未收下的")] = False,
    invite: Annotated[bool, typer.Option("--invite", help="改为通知学生怎样提交，并寄邮箱确认码")] = False,
    force: Annotated[bool, typer.Option("--force", help="没有变化、已寄过或送达不明的也再寄一次")] = False,
    reports: Annotated[Path | None, typer.Option("--reports", help="运行结果所在的文件夹", metavar="DIR")] = None,
) -> None:
    """把看板寄给辅导员和院系副书记；cohort.toml 里没有设置 mail 时写成 .eml 文件。"""
    from pipeline.cohort import load_cohort
    from pipeline.deliver.send import Options, system_clock
    from pipeline.deliver.send import send_due as deliver
    from pipeline.logs import log_to

    loaded = with_reports(load_cohort(cohort), reports)
    options = Options(dry_run=dry_run, failed=failed, invite=invite, force=force)
    with log_to(loaded.reports_folder / "log" / "send.jsonl"):
        sent = deliver(loaded, options, system_clock(), told=_tell)
    say_older(loaded, sent.run_id)
    _summary(sent, dry_run)


def _tell(result: Result) -> None:
    """Say what became of one mail, where someone may have to act."""
    if result.action not in _QUIET:
        typer.echo(f"{_WORDS[result.action]}：{_whom(result.recipient)}{result.why}", err=True)


def _whom(recipient: Recipient) -> str:
    """Return who did not get a mail, as fits a timer's journal: staff by kind and name, students by their number."""
    from pipeline.deliver.recipients import KIND_NAMES
    from pipeline.logs import mask

    staff = recipient.kind in ("counselor", "secretary")
    who = recipient.names if staff else sorted("/".join(key) for key in recipient.scope)
    return f"{mask(recipient.address)}（{' '.join(filter(None, (KIND_NAMES[recipient.kind], '、'.join(who))))}）"


def _name(result: Result) -> str:
    from pipeline.deliver.recipients import KIND_NAMES

    kind = KIND_NAMES[result.recipient.kind]
    return " ".join(filter(None, (kind, one_line("、".join(result.recipient.names)))))


def _summary(sent: Sent, dry_run: bool) -> None:
    if dry_run:
        for result in sent.results:
            typer.echo(f"{_WORDS[result.action]}：{result.recipient.address}（{_name(result)}）{result.why}")
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
