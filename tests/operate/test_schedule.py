"""Timers: the right days, hostile paths, missed runs once."""

import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline.cli.terminal import add_environment, environment_file
from pipeline.clock import SHANGHAI
from pipeline.errors import MingceError, UsageError
from pipeline.operate.schedule import (
    Timetable,
    cron_lines,
    default_kind,
    install,
    last_due,
    merged_crontab,
    missed,
    printed_timer,
    spans,
    systemd_units,
    timetable,
    windows_tasks,
)
from tests.deliver.runs import make_cohort


def table(folder="/srv/2017 届/100%\"$x'", run=("02:00",), send=("06:30", "18:00")):
    times = {"run": tuple(time.fromisoformat(t) for t in run), "send": tuple(time.fromisoformat(t) for t in send)}
    return Timetable(
        Path(folder), "2017届", ("/usr/bin/python3", "-m", "pipeline"), date(2016, 9, 20), date(2016, 11, 21), times
    )


def at(day, clock):
    return datetime.combine(date.fromisoformat(day), time.fromisoformat(clock), SHANGHAI)


def test_the_months_of_a_window():
    made = replace(table(), first=date(2016, 12, 30), last=date(2017, 2, 1))
    found = [(str(first.date()), str(last.date())) for first, last in spans(made, time(2), SHANGHAI)]
    assert found == [("2016-12-30", "2016-12-31"), ("2017-01-01", "2017-01-31"), ("2017-02-01", "2017-02-01")]


def test_times_come_from_the_command_line_and_days_from_the_window(tmp_path):
    made = timetable(make_cohort(tmp_path / "c"), ("mingce",), ["2:00"], ["06:30", "06:30"])
    assert (made.first, made.last) == (date(2016, 9, 20), date(2016, 11, 21))
    assert made.times == {"run": (time(2),), "send": (time(6, 30),)}
    with pytest.raises(UsageError, match="24"):
        timetable(make_cohort(tmp_path / "d"), ("mingce",), ["24:00"], [])


def test_a_folder_that_would_begin_another_line_is_refused(tmp_path):
    cohort = make_cohort(tmp_path).model_copy(update={"folder": Path("/srv/a\n* * * * * touch pwned")})
    with pytest.raises(UsageError, match="换行"):
        timetable(cohort, ("mingce",), ["02:00"], ["06:30"])


def test_systemd_accepts_the_units(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not there")
    units = systemd_units(table(folder=tmp_path / "届 100%\"$x'"))
    assert len(units) == 4
    for name, text in units.items():
        (tmp_path / name).write_text(text.replace("/usr/bin/python3", "/bin/sh"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", *[str(tmp_path / name) for name in units]],
        capture_output=True,
        text=True,
    )
    own = [line for line in done.stderr.splitlines() if "mingce" in line]
    assert done.returncode == 0 or not own, own
    days = [line.partition("=")[2] for line in "".join(units.values()).splitlines() if line.startswith("OnCalendar")]
    assert "2016-10-01..31 06:30:00 Asia/Shanghai" in days and len(days) == 9
    for day in days:
        subprocess.run(["systemd-analyze", "calendar", day], check=True, capture_output=True)


def test_a_missed_night_starts_once_and_the_sending_waits_for_the_run():
    units = systemd_units(table())
    assert all("Persistent=true" in text for name, text in units.items() if name.endswith(".timer"))
    send = next(text for name, text in units.items() if name.endswith("send.service"))
    assert "After=" in send and "-run.service" in send
    assert '"/srv/2017 届/100%%\\"$$x\'"' in send


def test_cron_lines_pass_through_a_shell(tmp_path):
    folder = tmp_path / "届 100%\"$x'"
    line = next(text for text in cron_lines(table(folder), SHANGHAI).splitlines() if text.startswith("0 2 20-30 9"))
    command = line.split(" ", 5)[5].replace("\\%", "%").replace("/usr/bin/python3 -m pipeline run", "printf %s")
    assert subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout == str(folder)


def times(zone):
    lines = cron_lines(table(send=()), ZoneInfo(zone)).splitlines()
    return [" ".join(line.split()[:4]) for line in lines if line[0].isdigit()]


def test_cron_s_times_are_those_of_the_machine():
    """cron counts in its machine's time; Debian's has no CRON_TZ."""
    assert times("Asia/Shanghai") == ["0 2 20-30 9", "0 2 1-31 10", "0 2 1-21 11"]
    assert times("UTC") == ["0 18 19-30 9", "0 18 1-31 10", "0 18 1-20 11"]
    assert times("Europe/Berlin") == ["0 20 19-30 9", "0 20 1-29 10", "0 19 30-31 10", "0 19 1-20 11"]


def test_installing_again_replaces_only_our_own_lines():
    standing = "MAILTO=me\n5 5 * * * other\n"
    once = merged_crontab(standing, table())
    assert merged_crontab(once, table()) == once and once.startswith(standing)
    other = merged_crontab(once, table(folder="/elsewhere"))
    assert other.count("begin") == 2


CRONTAB = """#!/bin/sh
if [ "$1" = -l ]; then {listing}; fi
cat > "$0.written"
"""


@pytest.mark.parametrize(
    ("listing", "kept"),
    [
        (r"printf '5 5 * * * caf\351\n'; exit 0", b"5 5 * * * caf\xe9\n"),
        ("echo no crontab for root >&2; exit 1", b""),
        ("echo you are not allowed >&2; exit 1", None),
    ],
)
def test_a_crontab_that_cannot_be_read_is_not_written_over(tmp_path, monkeypatch, listing, kept):
    program = tmp_path / "crontab"
    program.write_text(CRONTAB.format(listing=listing), encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    if kept is None:
        with pytest.raises(MingceError, match="读不出现有的定时任务"):
            install(table(), "cron", tmp_path)
        assert not (tmp_path / "crontab.written").exists()
        return
    install(table(), "cron", tmp_path)
    written = (tmp_path / "crontab.written").read_bytes()
    assert written.startswith(kept)
    assert b"begin" in written


def test_windows_tasks_are_whole_xml():
    for text in windows_tasks(table(folder="C:\\届 <2017>&")).values():
        task = ET.fromstring(text.replace('encoding="UTF-16"', ""))
        space = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
        assert task.findtext(".//t:StartWhenAvailable", namespaces=space) == "true"
        assert '"C:\\届 <2017>&"' in task.findtext(".//t:Arguments", namespaces=space)
        assert task.findtext(".//t:StartBoundary", namespaces=space).startswith("2016-09-20T")


@pytest.mark.parametrize(
    ("now", "last", "expected"),
    [
        (at("2016-10-05", "08:00"), at("2016-10-05", "02:00"), False),
        (at("2016-10-05", "08:00"), at("2016-10-02", "02:00"), True),  # three nights missed: once
        (at("2016-10-05", "08:00"), at("2016-10-05", "07:00"), False),
        (at("2016-10-05", "01:00"), at("2016-10-04", "02:10"), False),
        (at("2016-09-20", "01:00"), None, False),  # the window has not opened
        (at("2016-09-20", "03:00"), None, True),
        (at("2017-01-05", "08:00"), at("2016-11-20", "02:00"), True),  # the last night of the window
        (at("2017-01-05", "08:00"), at("2016-11-21", "02:01"), False),
        (at("2016-10-05", "08:00"), at("2017-10-05", "02:00"), True),  # the clock was a year ahead
    ],
)
def test_what_was_missed_is_caught_up_once(now, last, expected):
    assert missed(table(), "run", now, last) is expected
    if expected:
        assert not missed(table(), "run", now, now)
    assert last_due(table(), "run", at("2016-09-19", "23:00")) is None


def test_installing_for_systemd(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("pipeline.operate.schedule._run", lambda command, given=None: calls.append(command))
    lines = install(table(), "systemd", tmp_path)
    units = list((tmp_path / ".config/systemd/user").iterdir())
    assert len(units) == 4 and calls[0] == ["systemctl", "--user", "daemon-reload"] and "linger" in lines[-1]
    assert default_kind() in ("systemd", "cron", "windows") and "Persistent" in printed_timer(table(), "systemd")


def test_a_timer_finds_the_password(tmp_path):
    """Neither cron nor Windows reads a file of variables: the command itself does."""
    file = tmp_path / "environment"
    file.write_text("# office\nMINGCE_MAIL_PASSWORD='a b$c\\'\nMINGCE_CODE_KEY = k\nPATH=/evil\nMINGCE_DEBUG=1\n")
    found = {"MINGCE_CODE_KEY": "given", "PATH": "/bin"}
    add_environment(file, found)
    assert found == {
        "MINGCE_MAIL_PASSWORD": "a b$c\\", "MINGCE_CODE_KEY": "given", "PATH": "/bin", "MINGCE_DEBUG": "1",
    }  # fmt: skip
    add_environment(tmp_path / "not there", found)


@pytest.mark.skipif(os.name != "posix", reason="who runs has a home on Windows")
def test_an_account_without_a_home_has_no_environment_file(monkeypatch):
    def nobody(_: int) -> None:
        raise KeyError

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", nobody)
    found: dict[str, str] = {}
    add_environment(environment_file(), found)
    assert not found
