"""The whole way of a suspended student: outside by the registry, asked for once he submits, decided, signed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from pipeline.render.overview import open_overview
from pipeline.render.sets import show_outside
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
