"""Timers for `run` and `send`. systemd and Windows start missed ones later; cron needs an `@reboot` line for them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal
from xml.sax.saxutils import escape

from pipeline.clock import SHANGHAI
from pipeline.cohort import Cohort
from pipeline.deliver.recipients import mail_digest
from pipeline.errors import MingceError, UsageError
from pipeline.resources import report_table
from pipeline.run_folder import latest_run

Job = Literal["run", "send"]
Kind = Literal["systemd", "cron", "windows"]
JOBS: tuple[Job, ...] = ("run", "send")
_NAMES: dict[Job, str] = {"run": "核对", "send": "寄送"}
_MARK = "# mingce"
_CONTROL = r"[\x00-\x1f\x7f]"
_SYSTEMD = str.maketrans({"\\": "\\\\", '"': '\\"', "%": "%%", "$": "$$"})  # what systemd expands in ExecStart
_BY_HAND = "请去掉 --install，把显示的内容交给管理员"
_NO_CRONTAB = ("no crontab for", "no such file")  # cronie and Debian's; busybox


@dataclass(frozen=True)
class Timetable:
    """The start times of each job. `command` is the program and its first words; the job and `folder` follow."""

    folder: Path
    cohort_name: str
    command: tuple[str, ...]
    first: date
    last: date
    times: dict[Job, tuple[time, ...]]

    @property
    def unit(self) -> str:
        """The timers' name in ASCII, one for each cohort folder of a machine."""
        return f"mingce-{mail_digest(str(self.folder))[:8]}"

    def words(self, job: Job) -> tuple[str, ...]:
        """Return the command line of `job`."""
        return (*self.command, job, str(self.folder))


def timetable(cohort: Cohort, command: tuple[str, ...], run_at: list[str], send_at: list[str]) -> Timetable:
    """Return the daily times, from the day the window opens to the day after colleges hand in.

    Raises UsageError if a time is not HH:MM, or the folder's name has a control character that breaks a crontab.
    """
    if re.search(_CONTROL, str(cohort.folder)):
        raise UsageError("文件夹名里有换行一类的字符，不能定时", where=str(cohort.folder), remedy="请给文件夹改名")
    times: dict[Job, tuple[time, ...]] = {"run": _times(run_at, "--run-at"), "send": _times(send_at, "--send-at")}
    last = cohort.window.college_due + timedelta(days=1)  # the next night's run covers the last day
    return Timetable(cohort.folder, cohort.name, command, cohort.window.opens, last, times)


def _times(texts: list[str], option: str) -> tuple[time, ...]:
    found: set[time] = set()
    for text in texts:
        if not re.fullmatch(r"([01]?[0-9]|2[0-3]):[0-5][0-9]", text):
            raise UsageError(f"时间 {text} 不正确", where=option, remedy="请写作 02:00，24 小时制")
        hour, _, minute = text.partition(":")
        found.add(time(int(hour), int(minute)))
    return tuple(sorted(found))


def spans(table: Timetable, time_of_day: time, zone: tzinfo | None) -> Iterator[tuple[datetime, datetime]]:
    """Yield first and last start of each span of days in a month with the same local time in `zone` (None: ours)."""
    days = (table.first + timedelta(days=n) for n in range((table.last - table.first).days + 1))
    starts = (datetime.combine(day, time_of_day, SHANGHAI).astimezone(zone) for day in days)
    for _, span in groupby(starts, lambda start: (start.minute, start.hour, start.year, start.month)):
        days_of_span = list(span)
        yield days_of_span[0], days_of_span[-1]


def systemd_units(table: Timetable) -> dict[str, str]:
    """Return the user units by file name: a service and a timer for each job with times."""
    texts, units = report_table("timers"), dict[str, str]()
    cohort = re.sub(_CONTROL, " ", table.cohort_name).replace("%", "%%")
    for job in JOBS:
        after = f"After={table.unit}-run.service\n" if job == "send" else ""  # both missed: first run, then send
        command = " ".join(f'"{word.translate(_SYSTEMD)}"' for word in table.words(job))
        days = [
            f"OnCalendar={first:%Y-%m-%d}..{last:%d %H:%M}:00 Asia/Shanghai"
            for at in table.times[job]
            for first, last in spans(table, at, SHANGHAI)
        ]
        values = {"cohort": cohort, "job": _NAMES[job], "after": after, "command": command, "days": "\n".join(days)}
        units |= {f"{table.unit}-{job}.{kind}": texts[kind].format(**values) for kind in ("service", "timer") if days}
    return units


def cron_lines(table: Timetable, zone: tzinfo | None = None) -> str:
    """Return marked crontab lines in times of `zone` (default: this machine's), since Debian's cron has no CRON_TZ."""
    lines = [f"{_MARK} {table.unit} begin"]
    lines += [
        f"{first.minute} {first.hour} {first.day}-{last.day} {first.month} * {_shell(table.words(job))}"
        for job in JOBS
        for at in table.times[job]
        for first, last in spans(table, at, zone)
    ]
    options = [word for job in JOBS for at in table.times[job] for word in (f"--{job}-at", f"{at:%H:%M}")]
    catch_up = _shell((*table.command, "schedule", str(table.folder), "--catch-up", *options))
    return "\n".join([*lines, f"@reboot sleep 60; {catch_up}", f"{_MARK} {table.unit} end", ""])


def _shell(words: Iterable[str]) -> str:
    """Return a command line for sh in a crontab, where a bare % means a new line."""
    return shlex.join(words).replace("%", "\\%")


def merged_crontab(current: str, table: Timetable) -> str:
    """Return the user's crontab with this cohort's lines replaced or added."""
    block = rf"^{re.escape(_MARK)} {table.unit} begin$.*?^{re.escape(_MARK)} {table.unit} end$\n?"
    others = re.sub(block, "", current, flags=re.MULTILINE | re.DOTALL)
    return (others.rstrip("\n") + "\n" if others.strip() else "") + cron_lines(table)


def windows_tasks(table: Timetable) -> dict[str, str]:
    """Return Task Scheduler XML by task name. It was never tried on Windows."""
    texts, tasks = report_table("timers"), dict[str, str]()
    for job in JOBS:
        if not table.times[job]:
            continue
        starts = [datetime.combine(table.first, at, SHANGHAI).isoformat() for at in table.times[job]]
        last = datetime.combine(table.last, time(23, 59), SHANGHAI).isoformat()
        program, *words = table.words(job)
        tasks[f"{table.unit}-{job}"] = texts["task"].format(
            cohort=escape(table.cohort_name),
            job=_NAMES[job],
            triggers="".join(texts["trigger"].format(first=start, last=last) for start in starts),
            program=escape(program),
            arguments=escape(subprocess.list2cmdline(words)),
            folder=escape(str(table.folder)),
        )
    return tasks


def last_due(table: Timetable, job: Job, now: datetime) -> datetime | None:
    """Return the last time at or before `now` when `job` was due, or None."""
    days = [day for day in (now.date(), now.date() - timedelta(days=1), table.last) if table.first <= day <= table.last]
    due = (datetime.combine(day, at, now.tzinfo) for day in days for at in table.times[job])
    return max((moment for moment in due if moment <= now), default=None)


def missed(table: Timetable, job: Job, now: datetime, last: datetime | None) -> bool:
    """Return whether `job` was due since `last`. A `last` in the future is from a wrong clock and proves nothing."""
    due = last_due(table, job, now)
    return due is not None and (last is None or not due <= last <= now)


def last_done(cohort: Cohort, job: Job) -> datetime | None:
    """Return when the newest complete run started, or when mail was last recorded (a second sending sends nothing)."""
    if job == "send":
        from pipeline.review.ledger import entries_of

        times = entries_of(cohort, "delivery")["at"]
        return datetime.fromisoformat(str(times.iloc[-1])) if len(times) else None
    latest = latest_run(cohort.reports_folder)
    try:
        return datetime.fromisoformat(str(latest[1]["started_at"])) if latest else None
    except (ValueError, KeyError):
        return None


def default_kind() -> Kind:
    """Return this machine's kind of timer: Windows tasks, else systemd if it runs, else cron."""
    if sys.platform == "win32":
        return "windows"
    return "systemd" if Path("/run/systemd/system").is_dir() else "cron"


def printed_timer(table: Timetable, kind: Kind) -> str:
    """Return as text what `install` would write."""
    if kind == "cron":
        return cron_lines(table)
    texts = systemd_units(table) if kind == "systemd" else windows_tasks(table)
    return "\n".join(f"# {name}\n{text}" for name, text in texts.items())


def install(table: Timetable, kind: Kind, home: Path) -> list[str]:
    """Install the timers and return Chinese lines. Raises MingceError if the system's program is missing or refuses."""
    if kind == "systemd":
        return _install_units(table, home / ".config" / "systemd" / "user")
    if kind == "cron":
        found = _call(["crontab", "-l"])
        if found.returncode and not any(words in found.stderr.lower() for words in _NO_CRONTAB):
            # writing ours would delete the lines that cannot be read
            raise MingceError(f"读不出现有的定时任务（{found.stderr.strip()[:200]}）", remedy=_BY_HAND)
        _run(["crontab", "-"], merged_crontab("" if found.returncode else found.stdout, table))
        return ["已写入 crontab；查看：crontab -l"]
    with TemporaryDirectory() as folder:
        for name, text in windows_tasks(table).items():
            path = Path(folder) / f"{name}.xml"
            path.write_text(text, encoding="utf-16")
            _run(["schtasks", "/Create", "/F", "/TN", name, "/XML", str(path)])
    return ["已装好计划任务；查看：任务计划程序"]


def _install_units(table: Timetable, folder: Path) -> list[str]:
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


def _run(command: list[str], text: str | None = None) -> None:
    result = _call(command, text)
    if result.returncode:
        raise MingceError(f"{command[0]} 没有成功（{result.stderr.strip()[:200]}）", remedy=_BY_HAND)


def _call(command: list[str], text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a system program in English. Bytes that are not UTF-8 come back unchanged."""
    try:
        return subprocess.run(
            command, input=text, capture_output=True, text=True, encoding="utf-8", errors="surrogateescape",
            env=os.environ | {"LC_ALL": "C"}, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise MingceError(f"这台机器没有 {command[0]}", remedy=_BY_HAND) from None
