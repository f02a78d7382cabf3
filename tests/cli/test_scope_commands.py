"""The whole way of a suspended student: outside by the registry, asked for once he submits, decided, signed."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from pipeline.clock import SHANGHAI
from pipeline.cohort import load_cohort
from pipeline.office.commands import open_work_fragment
from pipeline.office.desk_cohort import DeskCohort
from pipeline.operate.doctor import examine_cohort
from pipeline.render.overview import banners, open_overview, show_outside
from pipeline.view.moves import ABSENT, registry_changes
from pipeline.view.run_tables import load_run
from tests.cohorts import make_cohort
from tests.command import run

CASE = Path(__file__).parents[3] / "shared" / "cases" / "registry-status"


def tables(cohort: Path, name: str) -> pd.DataFrame:
    newest = max((cohort / "reports").glob("*/runs/[!.]*"))
    return pd.read_csv(newest / "tables" / f"{name}.csv", dtype=str, keep_default_na=False, encoding="utf-8-sig")


@pytest.mark.skipif(not CASE.is_dir(), reason="needs ../shared/cases")
@pytest.mark.slow
def test_who_is_outside_is_counted_nowhere_until_a_person_decides(tmp_path: Path):
    cohort = tmp_path / "c"
    shutil.copytree(CASE, cohort)
    assert run("check", str(cohort), "--as-of", "2016-11-01") == 0
    outside, roster = tables(cohort, "outside"), tables(cohort, "roster")
    assert sorted(outside["reason"]) == ["休学", "参军入伍", "退学", "非本届"] and set(outside["source"]) == {
        "registry"
    }
    assert len(roster) == 34 and not set(outside["student_number"]) & set(roster["student_number"])
    assert tables(cohort, "headcount")["registered"].astype(int).sum() == 34
    assert "cohort.missing" not in set(tables(cohort, "findings")["rule"])
    shown = show_outside(open_overview(str(max((cohort / "reports").glob("*/runs/[!.]*")))))
    assert shown is not None and all(name in shown.html for name in [*outside["name"], *outside["reason"]])
    number = outside["student_number"].iloc[0]
    words = ("--proof", "学籍异动证明", "--why", "已复学", "--by", "王老师")
    assert run("scope", "in", str(cohort), "--student", number, *words) == 0
    assert run("check", str(cohort), "--as-of", "2016-11-01") == 0
    roster = tables(cohort, "roster")
    assert len(roster) == 35
    assert roster.loc[roster["student_number"] == number, "status"].tolist() == ["missing"]
    assert len(tables(cohort, "outside")) == 3


def _told(cohort: Path) -> list[bool]:
    """Return whether first page, desk and doctor ask about other years."""
    loaded = load_cohort(cohort)
    newest = max((cohort / "reports").glob("*/runs/[!.]*"))
    page = "".join(each["text"] for each in banners(open_overview(str(newest))))
    checks = [each.what for each in examine_cohort(loaded, datetime(2016, 11, 1, tzinfo=SHANGHAI)) if each.ok is False]
    return [
        "就业办确认以前不寄任何邮件" in told
        for told in (page, open_work_fragment(DeskCohort(loaded)).html, " ".join(checks))
    ]


@pytest.mark.slow
def test_nothing_is_mailed_before_the_office_has_answered_for_a_whole_campus(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    cohort = make_cohort(tmp_path / "c", students=80, seed=7, faults=0)
    registry = cohort / "registry" / "10534.csv"
    table = pd.read_csv(registry, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    table.loc[table.index[::4], "毕业年份"] = "2018-06"
    table.to_csv(registry, index=False)
    day = ("--as-of", "2016-11-01", "--no-notebooks")
    run("run", cohort, *day)
    number = len(table.index[::4])
    asked = f"共 {len(table)} 人，其中 {number} 人（2018 年 {number} 人）不在 2017 年毕业"
    assert asked in capsys.readouterr().err
    assert len(tables(cohort, "outside")) == number
    assert _told(cohort) == [True, True, True]
    for words in (("send",), ("send", "--dry-run"), ("send", "--invite")):
        assert run(*words, cohort) == 6
        refused = capsys.readouterr().err
        assert asked in refused and "就业办确认以前不寄任何邮件" in refused and "mingce scope years" in refused
    assert not list((cohort / "reports").rglob("*.eml"))
    assert run("scope", "years", cohort, "--by", "王老师", "--why", "") == 2
    assert run("scope", "years", cohort, "--by", "王老师", "--why", "教务导出的是全校在校生") == 0
    assert f"10534 的学籍库里 {number} 人不在 2017 年毕业" in capsys.readouterr().out
    assert _told(cohort) == [True, False, False]  # a page says what stood when it was made
    run("send", cohort, "--dry-run")
    assert "没有完整的页面" in capsys.readouterr().out  # this run's; nothing else is in the way
    run("run", cohort, *day)
    assert _told(cohort) == [False, False, False] and "确认以前不寄" not in capsys.readouterr().err
    table["毕业年份"] = table["毕业年份"].replace("2018-06", "2019-06")
    gone = table.iloc[1]
    table.drop(index=table.index[1]).to_csv(registry, index=False)
    run("run", cohort, *day)
    assert _told(cohort) == [True, True, True]
    assert run("send", cohort) == 6 and "2019 年" in capsys.readouterr().err
    moved = registry_changes(load_run(max((cohort / "reports").glob("*/runs/[!.]*"))))
    assert moved[["since", "name", "before", "now"]].to_numpy().tolist() == [
        ["2016-11-01 的学籍库", gone["姓名"], f"{gone['院系']} {gone['班级']}", ABSENT]
    ]
