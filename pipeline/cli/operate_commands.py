"""`mingce schedule`, `doctor`, `purge`, `backup`, `desk`: operation through a season."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from pipeline.cli import common
from pipeline.clock import SHANGHAI
from pipeline.errors import ConfigurationError, MingceError, UsageError
from pipeline.imports import lazily

with lazily():
    from pipeline import cohort as cohorts
    from pipeline.operate import backup, doctor, purge, schedule
    from pipeline.review import ledger as ledgers

_MARKS = {True: "✓", False: "✗", None: "·"}
ByWhom = Annotated[str, Option("--by", help="经办人姓名（默认记系统账号）")]


@common.app.command("schedule")
def show_or_install(
    cohort: common.CohortPath = Path(),
    run_at: Annotated[list[str] | None, Option("--run-at", help="每天核对的时间，可重复", metavar="HH:MM")] = None,
    send_at: Annotated[list[str] | None, Option("--send-at", help="每天寄送的时间，可重复", metavar="HH:MM")] = None,
    kind: Annotated[str, Option("--kind", help="systemd、cron 或 windows；默认看这台机器")] = "",
    install: Annotated[bool, Option("--install", help="装到这台机器，而不只是显示")] = False,
    catch_up: Annotated[bool, Option("--catch-up", help="补做错过的核对和寄送，各一次")] = False,
) -> None:
    """显示或安装定时任务：在登记时间内每天核对、寄送。"""
    loaded = cohorts.load_cohort(cohort)
    program = (sys.executable, "-m", "pipeline")
    table = schedule.timetable(loaded, program, run_at or ["02:00"], send_at or ["06:30"])
    if catch_up:
        now = datetime.now(SHANGHAI)
        for job in schedule.JOBS:
            if not schedule.missed(table, job, now, schedule.last_done(loaded, job)):
                continue
            common.print_status(f"补做：mingce {job}")
            code = subprocess.run(table.words(job), check=False).returncode
            if code:
                raise MingceError(f"补做 mingce {job} 没有成功（{code}）", remedy="原因见上")
        return
    chosen = kind or schedule.default_kind()
    if chosen not in ("systemd", "cron", "windows"):
        raise UsageError(f"没有 {kind} 这种定时任务", where="--kind", remedy="请写 systemd、cron 或 windows")
    if not install:
        print(schedule.printed_timer(table, chosen))
        return
    for line in schedule.install(table, chosen, Path.home()):
        common.print_status(line)


@common.app.command("doctor")
def examine(cohort: common.CohortPath = Path()) -> None:
    """检查这台机器和届别文件夹，说明怎样改正。"""
    try:
        checks = doctor.examine_cohort(cohorts.load_cohort(cohort), datetime.now(SHANGHAI))
    except ConfigurationError:
        for check in doctor.machine_checks():
            print(f"{_MARKS[check.ok]} {check.what}")
        raise
    bad = 0
    for check in checks:
        print(f"{_MARKS[check.ok]} {check.what}" + (f"。{check.remedy}" if check.remedy and not check.ok else ""))
        bad += check.ok is False
    if bad:
        raise MingceError(f"有 {bad} 项需要处理", remedy="请照上面的说明改正后再检查一次")


@common.app.command("purge")
def clear(
    cohort: common.CohortPath = Path(),
    dry_run: Annotated[bool, Option("--dry-run", help="只列出，不删除")] = False,
    closing: Annotated[bool, Option("--close", help="这一届已结束：清除全部个人信息，只留人数和签字")] = False,
    by: ByWhom = "",
    why: common.Why = "",
) -> None:
    """清除超过保存期的个人信息（期限见 cohort.toml 的 keep）；清除了什么记入账本。"""
    loaded, now, who = cohorts.load_cohort(cohort), datetime.now(SHANGHAI), by or ledgers.system_account()
    if closing:
        if dry_run:
            raise UsageError("--close 不能与 --dry-run 同用", remedy="--close 清除这一届的全部个人信息，请先留好要用的")
        closed = purge.close(loaded, now, who, why)
        common.print_status(
            f"已清除：文件和文件夹 {closed.files} 个，运行中的个人信息 {closed.runs} 次，"
            f"账本中的个人信息 {closed.ledger} 条，账本的备份 {closed.backups} 份"
        )
        for name in closed.remaining:
            common.print_status(f"请自行查看并删除：{name}")
        return
    removed = purge.overdue(loaded, now) if dry_run else purge.purge_cohort(loaded, now, who, why)
    common.print_status(
        f"{'将清除' if dry_run else '已清除'}：原始数据 {len(removed.inputs)} 份，"
        f"旧运行中的个人信息 {len(removed.runs)} 次，邮件 {len(removed.mail)} 批"
        + ("" if dry_run else f"，账本中的个人信息 {removed.ledger} 条，账本的旧备份 {len(removed.backups)} 份")
    )
    for path in removed.lost:
        common.print_status(f"这份备份已不在原处，里面还有个人信息，请自行删除：{path}")


@common.app.command("backup")
def copy_ledger(
    destination: Annotated[
        Path | None, Argument(help="备份到这个文件夹（或文件）；与 --restore 同用时是届别", metavar="DEST")
    ] = None,
    cohort: common.CohortPath = Path(),
    restore: Annotated[Path | None, Option("--restore", help="换回这个副本", metavar="FILE")] = None,
    by: ByWhom = "",
    why: common.Why = "",
) -> None:
    """备份账本，并核对副本；--restore 换回一个副本，原来的留在旁边。"""
    now = datetime.now(SHANGHAI)
    if restore is not None:
        for line in backup.restore(cohorts.load_cohort(destination or cohort), restore, now, by, why):
            common.print_status(line)
        return
    if destination is None:
        remedy = "例如：mingce backup /media/usb/mingce，写法见 mingce backup --help"
        raise UsageError("缺少 DEST（备份到哪里）", remedy=remedy)
    path, count = backup.backup_ledger(cohorts.load_cohort(cohort), destination, now, by or ledgers.system_account())
    common.print_status(f"已备份 {count} 条，核对无误")
    print(path)


@common.app.command("desk")
def desk(
    cohort: common.CohortPath = Path(),
    no_browser: Annotated[bool, Option("--no-browser", help="不打开浏览器，只显示地址")] = False,
) -> None:
    """打开办公台：在浏览器里运行、查找、审核、寄送（只在这台电脑上，按 Ctrl+C 结束）"""
    import webbrowser

    from pipeline.office.server import prepare_folder, run_notebook, serve_desk, waiting_page

    folder = prepare_folder(cohorts.load_cohort(cohort))
    common.print_status("正在打开办公台，大约半分钟……")
    with waiting_page() as waiting, ExitStack() as stack:
        shown = not no_browser and webbrowser.open(waiting.address)
        server = stack.enter_context(serve_desk(folder))
        run_notebook(server)
        waiting.desk = server.address
        print(server.address, flush=True)
        if not (shown or no_browser):
            common.print_status("没有找到浏览器，请把上面的地址复制到浏览器里打开")
        common.print_status("办公台已打开。用完以后在这里按 Ctrl+C 结束。")
        with suppress(KeyboardInterrupt):
            server.process.wait()
