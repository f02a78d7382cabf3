"""Lock, logs, doctor, purge, backup."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.clock import SHANGHAI
from pipeline.cohort import load_cohort
from pipeline.cohort_sections import Reports
from pipeline.collect import school_tables
from pipeline.errors import BusyError, MingceError, RefusedError
from pipeline.lock import cohort_lock, holder, is_held, lock_path
from pipeline.logs import log, log_to, mask
from pipeline.operate.backup import backup_ledger
from pipeline.operate.doctor import examine_cohort
from pipeline.operate.purge import overdue, purge_cohort
from pipeline.review.chain import Entry
from pipeline.review.ledger import open_ledger
from tests.deliver.runs import make_cohort, roster_of, write_run

NOW = datetime(2016, 10, 20, 3, tzinfo=SHANGHAI)
HOLD = """
import sys, time
from datetime import datetime
from pathlib import Path
from pipeline.cohort import load_cohort
from pipeline.lock import cohort_lock
with cohort_lock(load_cohort(Path(sys.argv[1])), datetime(2016, 10, 20)):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def cohort(tmp_path):
    return make_cohort(tmp_path / "cohort")


def test_a_second_run_is_refused_and_a_killed_one_lets_go(cohort):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(cohort.folder)], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    assert is_held(cohort) and holder(cohort)["pid"] == str(process.pid)
    with pytest.raises(BusyError) as refused, cohort_lock(cohort, NOW):
        pass
    assert refused.value.exit_code == 5 and str(process.pid) in str(refused.value)
    with cohort_lock(cohort, NOW, "send"):
        pass  # sending has a lock of its own
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with cohort_lock(cohort, NOW, wait=5):
        assert is_held(cohort)
    assert not is_held(cohort) and holder(cohort) == {}


def test_two_cohorts_of_one_name_share_no_results_at_once(tmp_path):
    """The second would take the first one's hidden folder for that of a killed run, and remove it."""
    one, other = make_cohort(tmp_path / "one"), make_cohort(tmp_path / "other")
    shared = {"reports": Reports(folder=str(tmp_path / "shared"))}
    one, other = one.model_copy(update=shared), other.model_copy(update=shared)
    with cohort_lock(one, NOW):
        with pytest.raises(BusyError, match="结果文件夹"), cohort_lock(other, NOW):
            pass
        assert not is_held(other)
    with cohort_lock(other, NOW):
        assert [path.name for path in other.reports_folder.rglob("*")] == ["runs"]  # no lock file among the results


def test_who_looks_whether_a_cohort_is_held_keeps_no_run_out(cohort, monkeypatch):
    """`doctor` takes the lock for a moment to see whether it is free; a run that starts just then waits that moment."""
    lock_path(cohort).parent.mkdir()
    looking = FileLock(lock_path(cohort), timeout=0)
    monkeypatch.setattr(time, "sleep", lambda _: looking.release())
    with looking, cohort_lock(cohort, NOW):
        assert is_held(cohort)


def test_logs_hold_no_personal_data(tmp_path):
    path = tmp_path / "log" / "run.jsonl"
    with log_to(path):
        log("x").info(
            "430302199503141234 13812345678 a.b@qq.com", extra={"name_of": "甲", "college": "学院0", "seconds": 1.5}
        )
        try:
            raise ValueError("430302199503141234")
        except ValueError:
            log("x").exception("失败")
    log("x").info("after")
    first, second = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert (
        first["message"] == "430***1234 138****5678 ***@qq.com"
        and first["college"] == "学院0"
        and first["seconds"] == 1.5
    )
    assert second["error"] == "ValueError" and "430302199503141234" not in path.read_text(encoding="utf-8")
    assert path.stat().st_mode & 0o077 == 0


def test_student_numbers_stay_in_messages():
    assert mask("学号 1305030101、20220301101") == "学号 1305030101、20220301101"


def test_backup_is_verified_and_never_overwrites(cohort, tmp_path):
    with open_ledger(cohort) as ledger:
        ledger.append(Entry("decision", action="approve", by="甲", why="好"))
    path, count = backup_ledger(cohort, tmp_path / "copies", NOW)
    assert count == 1 and path.stat().st_mode & 0o077 == 0
    drafts = [path.with_name(f".part-{name}-20161020-020000.sqlite") for name in (cohort.name, f"{cohort.name}研究生")]
    for draft in drafts:
        draft.touch()
    backup_ledger(cohort, tmp_path / "copies", NOW + timedelta(seconds=1))
    assert [draft.exists() for draft in drafts] == [False, True]  # the other one is being written by another cohort's
    with pytest.raises(MingceError, match="已存在"):
        backup_ledger(cohort, path, NOW)


@pytest.mark.skipif(sys.platform != "linux", reason="nobody may make a file in Linux's /proc, not even root")
def test_a_place_that_takes_no_backup_is_no_mistake_in_the_settings(cohort):
    with pytest.raises(FileNotFoundError, match="/proc/"):
        backup_ledger(cohort, Path("/proc/copy.sqlite"), NOW)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows allows no such name")
def test_backup_into_a_folder_whose_name_looks_like_an_address(cohort, tmp_path):
    out = tmp_path / "out"
    path, _ = backup_ledger(cohort, out / "备份?a=1#%20", NOW)
    assert path.exists()
    assert [each for each in out.rglob("*") if each.is_file()] == [path]


def test_purge_by_keeping_times(cohort):
    old, new = date(2015, 6, 1), date(2016, 10, 19)
    for name, day in (("1-old", old), ("2-new", new)):
        started = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI).isoformat()
        write_run(
            cohort, name, roster_of(1, 3), as_of=day, started_at=started, inputs=[{"sha256": name}, {"sha256": "both"}]
        )
    root = cohort.reports_folder
    (root / "inputs").mkdir()
    for name in ("1-old", "2-new", "both", "unlisted"):
        (root / "inputs" / name).write_text("x")
    for kind, name, age in (("outbox", "old", 91), ("outbox", "new", 5), ("papers", "older", 91), ("papers", "new", 5)):
        folder = root / kind / name
        folder.mkdir(parents=True)
        (folder / "a.eml").write_text("x")
        moment = (NOW - timedelta(days=age)).timestamp()
        os.utime(folder / "a.eml", (moment, moment))
    moment = (NOW - timedelta(days=500)).timestamp()
    os.utime(root / "inputs" / "unlisted", (moment, moment))
    with open_ledger(cohort, lambda: NOW - timedelta(days=500)) as ledger:
        ledger.append(Entry("delivery", action="accepted", by="x", personal={"address": "a@b.cn"}))
    assert {path.name for path in overdue(cohort, NOW).inputs} == {"1-old", "unlisted"}
    removed = purge_cohort(cohort, NOW, "李老师", "到期")
    assert removed.ledger == 1
    assert {path.name for path in (root / "inputs").iterdir()} == {"2-new", "both"}
    assert [path.name for kind in ("outbox", "papers") for path in (root / kind).iterdir()] == ["new", "new"]
    assert {path.stem for path in (root / "runs/1-old/tables").iterdir()} == {"colleges", "course"}
    assert not (root / "runs/1-old/site").exists() and (root / "runs/1-old/summary.json").is_file()
    assert (root / "runs/2-new/tables/roster.parquet").is_file()
    with open_ledger(cohort) as ledger:
        entries = ledger.entries("purge")
        assert (
            json.loads(entries["data"].iloc[0])["inputs"] == ["1-old", "unlisted"] and entries["by"].iloc[0] == "李老师"
        )
        assert "a@b.cn" not in "".join(ledger.entries()["values"]) and ledger.verify() == []
    again = overdue(cohort, NOW)
    assert not (again.inputs or again.runs or again.mail)


def test_doctor_says_what_to_do(cohort):
    told = list(examine_cohort(cohort, NOW))
    checks = {check.what: check for check in told}
    assert len(checks) == len(told)
    assert any(what.startswith("Python 3") and check.ok for what, check in checks.items())
    bad = [check for check in checks.values() if check.ok is False]
    assert bad and all("请" in check.what + check.remedy for check in bad)
    assert sum("submissions/*" in check.what for check in bad) == 1
    assert any("账本" in what and check.ok for what, check in checks.items())


def test_doctor_sees_a_broken_ledger_and_a_stale_run(cohort):
    import sqlite3

    started = (NOW - timedelta(days=3)).isoformat()
    write_run(cohort, "r1", roster_of(1, 3), as_of=date(2016, 10, 17), started_at=started)
    with open_ledger(cohort) as ledger:
        ledger.append(Entry("decision", by="甲"), Entry("decision", by="乙"))
    with sqlite3.connect(cohort.folder / "ledger.sqlite") as database:
        database.execute("update entries set by='丙' where seq=1")
    bad = [check.what for check in examine_cohort(cohort, NOW) if check.ok is False]
    assert any(what.startswith("账本") for what in bad) and any(what.startswith("最近一次") for what in bad)


def test_commands(cohort, tmp_path):
    run = CliRunner().invoke
    for kind in ("systemd", "cron", "windows"):
        assert "mingce-" in run(app, ["schedule", str(cohort.folder), "--kind", kind]).stdout
    assert run(app, ["purge", str(cohort.folder), "--dry-run"]).exit_code == 0
    made = run(app, ["backup", str(tmp_path / "b"), str(cohort.folder)])
    assert made.exit_code == 0 and made.stdout.strip().endswith(".sqlite")
    refused = run(app, ["send", str(cohort.folder)])
    assert isinstance(refused.exception, RefusedError)


def test_doctor_names_colleges_and_classes_without_people(cohort):
    school = cohort.schools[0]
    (cohort.folder / "colleges.csv").write_text(
        f"学校名称,院系,别名,副书记,邮箱\n{school.name},土木学院,土木工程系,李,\n", encoding="utf-8"
    )
    (cohort.folder / "counselors.csv").write_text(
        f"学校名称,院系,班级,姓名,邮箱\n{school.name},土木学院,一班,周,a@x.cn\n", encoding="utf-8"
    )
    registry = cohort.path(school.registry)
    registry.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{number},名,43010519941130944X,{college},{group},土木,本科,2010-06" for number, college, group in (
        ("1", "土木学院", "一班"), ("2", "土木工程系", "二班"), ("3", "法学院", "一班"),
    )]  # fmt: skip
    registry.write_text("\n".join(["学号,姓名,身份证号码,院系,班级,专业,学历,毕业时间", *rows]), encoding="utf-8")
    checks = [
        check for check in examine_cohort(cohort, NOW) if "学籍库中有" in check.what or "没有辅导员" in check.what
    ]
    assert [(check.what.rpartition("：")[2], check.ok) for check in checks] == [("法学院", False), ("二班", None)]
    assert any("2010-06" in check.what and check.ok is False for check in examine_cohort(cohort, NOW))


def test_doctor_reads_each_registry_once_and_tells_a_missing_one_once(cohort, monkeypatch):
    school = cohort.schools[0]
    registry, read = cohort.path(school.registry), []
    registry.unlink(missing_ok=True)
    told = [
        check.what for check in examine_cohort(cohort, NOW) if registry.name in check.what or "学籍库：" in check.what
    ]
    assert len(told) == 1
    registry.parent.mkdir(parents=True, exist_ok=True)
    row = "1,名,43010519941130944X,土木学院,一班,土木,本科"
    registry.write_text(f"学号,姓名,身份证号码,院系,班级,专业,学历\n{row}\n", encoding="utf-8")
    once = school_tables.read_file
    monkeypatch.setattr(school_tables, "read_file", lambda path, *more: read.append(path) or once(path, *more))
    assert any("学籍库：1 人" in check.what for check in examine_cohort(cohort, NOW))
    assert read.count(registry) == 1


def test_doctor_compares_schools_and_months_of_registry_and_settings(cohort):
    school = cohort.schools[0]
    registry = cohort.path(school.registry)
    registry.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"1,名,43010519941130944X,土木学院,一班,土木,本科,{month},别的大学" for month in ("2009-07", "2009-07")]
    head = "学号,姓名,身份证号码,院系,班级,专业,学历,毕业时间,学校名称"
    registry.write_text("\n".join([head, *rows]), encoding="utf-8")
    bad = [check.what for check in examine_cohort(cohort, NOW) if check.ok is False]
    assert any("学校写作 别的大学" in what for what in bad)
    assert any("毕业年月是 2009-07" in what for what in bad)


def test_doctor_looks_at_a_schools_own_rows_of_an_export_for_all_schools(begun, tmp_path):
    """It asked for the other school among this one's aliases, and for its colleges in the table of colleges."""
    folder = shutil.copytree(begun.cohort, tmp_path / "cohort")
    text = (folder / "cohort.toml").read_text(encoding="utf-8").replace("registry/10534.csv", "registry/*.csv")
    (folder / "cohort.toml").write_text(text, encoding="utf-8")
    said = [examine_cohort(load_cohort(each), NOW) for each in (begun.cohort, folder)]
    before, now = ([check for check in checks if "学籍库" in check.what] for checks in said)
    assert now == before
