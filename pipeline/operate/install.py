"""Putting the timers in place, through each system's own program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from pipeline.errors import MingceError
from pipeline.operate.schedule import Timetable, cron_lines, merged_crontab, systemd_units, windows_tasks

Kind = Literal["systemd", "cron", "windows"]
_BY_HAND = "请去掉 --install，把显示的内容交给管理员"
_NO_CRONTAB = ("no crontab for", "no such file")  # cronie and Debian's; busybox


def default_kind() -> Kind:
    """Return what this machine has: Windows tasks, systemd where its user manager answers, else cron."""
    if sys.platform == "win32":
        return "windows"
    return "systemd" if Path("/run/systemd/system").is_dir() else "cron"


def printed_timer(table: Timetable, kind: Kind) -> str:
    """Return what would be installed, as text to read or copy."""
    if kind == "cron":
        return cron_lines(table)
    texts = systemd_units(table) if kind == "systemd" else windows_tasks(table)
    return "\n".join(f"# {name}\n{text}" for name, text in texts.items())


def install(table: Timetable, kind: Kind, home: Path) -> list[str]:
    """Install the timers and return what was done, a Chinese line each.

    Raises:
        MingceError: the system's program is not there or refuses.
    """
    if kind == "systemd":
        return _systemd(table, home)
    if kind == "cron":
        _run(["crontab", "-"], merged_crontab(_standing_crontab(), table))
        return ["已写入 crontab；查看：crontab -l"]
    return _windows(table)


def _systemd(table: Timetable, home: Path) -> list[str]:
    folder = home / ".config" / "systemd" / "user"
    folder.mkdir(parents=True, exist_ok=True)
    units = systemd_units(table)
    for name, text in units.items():
        (folder / name).write_text(text, encoding="utf-8")
    timers = [name for name in units if name.endswith(".timer")]
    _run(["systemctl", "--user", "daemon-reload"])
    _run(["systemctl", "--user", "enable", "--now", *timers])
    return [
        f"已装好：{'、'.join(timers)}",
        "查看：systemctl --user list-timers；注销后仍要运行，请执行一次 loginctl enable-linger",
    ]


def _standing_crontab() -> str:
    """Return the lines that are there already: writing ours without them would be the end of them.

    Raises:
        MingceError: they cannot be read (the program says otherwise where there are simply none).
    """
    found = _done(["crontab", "-l"])
    if found.returncode == 0:
        return found.stdout
    if any(words in found.stderr.lower() for words in _NO_CRONTAB):
        return ""
    raise MingceError(f"读不出现有的定时任务（{found.stderr.strip()[:200]}）", remedy=_BY_HAND)


def _windows(table: Timetable) -> list[str]:
    with TemporaryDirectory() as folder:
        for name, text in windows_tasks(table).items():
            path = Path(folder) / f"{name}.xml"
            path.write_text(text, encoding="utf-16")
            _run(["schtasks", "/Create", "/F", "/TN", name, "/XML", str(path)])
    return ["已装好计划任务；查看：任务计划程序"]


def _run(command: list[str], given: str | None = None) -> None:
    done = _done(command, given)
    if done.returncode:
        raise MingceError(f"{command[0]} 没有成功（{done.stderr.strip()[:200]}）", remedy=_BY_HAND)


def _done(command: list[str], given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run one of the system's programs, in English; bytes that are no UTF-8 come back as they went in."""
    try:
        return subprocess.run(
            command, input=given, capture_output=True, text=True, encoding="utf-8", errors="surrogateescape",
            env=os.environ | {"LC_ALL": "C"}, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise MingceError(f"这台机器没有 {command[0]}", remedy=_BY_HAND) from None
