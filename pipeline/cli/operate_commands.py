"""`mingce schedule`, `doctor`, `purge`, `backup`, `desk`: operation through a season."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.common import CohortPath, Why, cohort_at
from pipeline.clock import SHANGHAI
from pipeline.errors import MingceError, UsageError

if TYPE_CHECKING:
    from pipeline.cohort import Cohort
    from pipeline.operate.schedule import Job, Timetable


_MARKS = {True: "✓", False: "✗", None: "·"}
ByWhom = Annotated[str, typer.Option("--by", help="经办人姓名（默认记系统账号）")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("schedule")(_schedule)
    app.command("doctor")(_doctor)
    app.command("purge")(_purge)
    app.command("backup")(_backup)
    app.command("desk", help="打开办公台：在浏览器里运行、查找、审核、寄送（只在这台电脑上，按 Ctrl+C 结束）")(_desk)


def _schedule(
    cohort: CohortPath = Path(),
    run_at: Annotated[
        list[str] | None, typer.Option("--run-at", help="每天核对的时间，可重复", metavar="HH:MM")
    ] = None,
    send_at: Annotated[
        list[str] | None, typer.Option("--send-at", help="每天寄送的时间，可重复", metavar="HH:MM")
    ] = None,
    kind: Annotated[str, typer.Option("--kind", help="systemd、cron 或 windows；默认看这台机器")] = "",
    install: Annotated[bool, typer.Option("--install", help="装到这台机器，而不只是显示")] = False,
    catch_up: Annotated[bool, typer.Option("--catch-up", help="补做错过的核对和寄送，各一次")] = False,
) -> None:
    """显示或安装定时任务：在登记时间内每天核对、寄送。"""
    from pipeline.operate.schedule import default_kind, printed_timer, timetable
    from pipeline.operate.schedule import install as put

    loaded = cohort_at(cohort)
    program = (sys.executable, "-m", "pipeline")
    table = timetable(loaded, program, run_at or ["02:00"], send_at or ["06:30"])
    if catch_up:
        _catch_up(loaded, table)
        return
    chosen = kind or default_kind()
    if chosen not in ("systemd", "cron", "windows"):
        raise UsageError(f"没有 {kind} 这种定时任务", where="--kind", remedy="请写 systemd、cron 或 windows")
    if not install:
        typer.echo(printed_timer(table, chosen))
        return
    for line in put(table, chosen, Path.home()):
        typer.echo(line, err=True)


def _catch_up(cohort: Cohort, table: Timetable) -> None:
    """Run each job that was missed while the machine was off, once, in the order of `JOBS`."""
    from pipeline.operate.schedule import JOBS, last_done, missed

    now = datetime.now(SHANGHAI)
    due: list[Job] = [job for job in JOBS if missed(table, job, now, last_done(cohort, job))]
    for job in due:
        typer.echo(f"补做：mingce {job}", err=True)
        code = subprocess.run([*table.command, job, str(table.folder)], check=False).returncode
        if code:
            raise MingceError(f"补做 mingce {job} 没有成功（{code}）", remedy="原因见上")


def _doctor(cohort: CohortPath = Path()) -> None:
    """检查这台机器和届别文件夹，说明怎样改正。"""
    from pipeline.errors import ConfigurationError
    from pipeline.operate.doctor import examine_cohort, machine

    try:
        checks = examine_cohort(cohort_at(cohort), datetime.now(SHANGHAI))
    except ConfigurationError:
        for check in machine():
            typer.echo(f"{_MARKS[check.ok]} {check.what}")
        raise
    bad = 0
    for check in checks:
        typer.echo(f"{_MARKS[check.ok]} {check.what}" + (f"。{check.remedy}" if check.remedy and not check.ok else ""))
        bad += check.ok is False
    if bad:
        raise MingceError(f"有 {bad} 项需要处理", remedy="请照上面的说明改正后再检查一次")


def _purge(
    cohort: CohortPath = Path(),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只列出，不删除")] = False,
    closing: Annotated[bool, typer.Option("--close", help="这一届已结束：清除全部个人信息，只留人数和签字")] = False,
    by: ByWhom = "",
    why: Why = "",
) -> None:
    """清除超过保存期的个人信息（期限见 cohort.toml 的 keep）；清除了什么记入账本。"""
    from pipeline.operate import purge as work

    loaded, now = cohort_at(cohort), datetime.now(SHANGHAI)
    if closing:
        _close(loaded, now, by, why, dry_run=dry_run)
        return
    if not dry_run:
        from pipeline.review.ledger import system_account

        removed = work.purge_cohort(loaded, now, by or system_account(), why)
    else:
        removed = work.overdue(loaded, now)
    word = "将清除" if dry_run else "已清除"
    typer.echo(
        f"{word}：原始数据 {len(removed.inputs)} 份，旧运行中的个人信息 {len(removed.runs)} 次，"
        f"邮件 {len(removed.mail)} 批"
        + ("" if dry_run else f"，账本中的个人信息 {removed.ledger} 条，账本的旧备份 {len(removed.backups)} 份"),
        err=True,
    )
    for path in removed.lost:
        typer.echo(f"这份备份已不在原处，里面还有个人信息，请自行删除：{path}", err=True)


def _close(cohort: Cohort, now: datetime, by: str, why: str, *, dry_run: bool) -> None:
    from pipeline.operate.purge import close
    from pipeline.review.ledger import system_account

    if dry_run:
        raise UsageError("--close 不能与 --dry-run 同用", remedy="--close 清除这一届的全部个人信息，请先留好要用的")
    closed = close(cohort, now, by or system_account(), why)
    typer.echo(
        f"已清除：文件和文件夹 {closed.files} 个，运行中的个人信息 {closed.runs} 次，"
        f"账本中的个人信息 {closed.ledger} 条，账本的备份 {closed.backups} 份",
        err=True,
    )
    for name in closed.left:
        typer.echo(f"请自行查看并删除：{name}", err=True)


def _backup(
    destination: Annotated[
        Path | None, typer.Argument(help="备份到这个文件夹（或文件）；与 --restore 同用时是届别", metavar="DEST")
    ] = None,
    cohort: CohortPath = Path(),
    restore: Annotated[Path | None, typer.Option("--restore", help="换回这个副本", metavar="FILE")] = None,
    by: ByWhom = "",
    why: Why = "",
) -> None:
    """备份账本，并核对副本；--restore 换回一个副本，原来的留在旁边。"""
    from pipeline.operate import backup as work
    from pipeline.review.ledger import system_account

    now = datetime.now(SHANGHAI)
    if restore is not None:
        for line in work.restore(cohort_at(destination or cohort), restore, now, by, why):
            typer.echo(line, err=True)
        return
    if destination is None:
        raise UsageError(
            "缺少 DEST（备份到哪里）", remedy="例如：mingce backup /media/usb/mingce，写法见 mingce backup --help"
        )
    path, count = work.backup_ledger(cohort_at(cohort), destination, now, by or system_account())
    typer.echo(f"已备份 {count} 条，核对无误", err=True)
    typer.echo(str(path))


def _desk(
    cohort: CohortPath = Path(),
    no_browser: Annotated[bool, typer.Option("--no-browser", help="不打开浏览器，只显示地址")] = False,
) -> None:
    import webbrowser

    from pipeline.office.server import prepare_folder, run_notebook, serve_desk, waiting_page

    folder = prepare_folder(cohort_at(cohort))
    print("正在打开办公台，大约半分钟……", file=sys.stderr)
    with waiting_page() as waiting, ExitStack() as stack:
        shown = not no_browser and webbrowser.open(waiting.address)
        server = stack.enter_context(serve_desk(folder))
        run_notebook(server)
        waiting.desk = server.address
        print(server.address, flush=True)
        if not (shown or no_browser):
            print("没有找到浏览器，请把上面的地址复制到浏览器里打开", file=sys.stderr)
        print("办公台已打开。用完以后在这里按 Ctrl+C 结束。", file=sys.stderr)
        with suppress(KeyboardInterrupt):
            server.process.wait()
