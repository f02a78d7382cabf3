"""A cohort in many parts has the tables that it has in one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pipeline.scale import plan
from pipeline.scale.across import Across
from tests.scale.runs import TABLES, check, crossing_cohort, in_this_process, many_parts, table


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return crossing_cohort(tmp_path_factory.mktemp("crossing"))


@pytest.fixture(scope="module")
def whole(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return check(cohort, tmp_path_factory.mktemp("whole"))


@pytest.mark.slow
def test_tables_do_not_depend_on_the_parts(cohort: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    settled = []
    settle = Across.settle

    def seen(self: Across, withdrawn):
        settled.append(settle(self, withdrawn))
        return settled[-1]

    monkeypatch.setattr(Across, "settle", seen)
    many_parts(monkeypatch)
    in_this_process(monkeypatch)
    run = check(cohort, tmp_path)
    moved = settled[0].place != settled[0].home
    assert moved.sum() > 10, "the cohort is to have students who stray"
    for name in TABLES:
        pd.testing.assert_frame_equal(table(run, name), table(whole, name), obj=name)


@pytest.mark.slow
def test_a_withdrawn_row_is_out_wherever_it_stands(
    cohort: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    rows = pd.read_parquet(whole / "tables" / "submissions.parquet")
    taken = set(rows["submission_id"][::29])
    monkeypatch.setattr(plan, "withdrawn_submission_ids", lambda entries: taken)
    one = check(cohort, tmp_path / "one")
    many_parts(monkeypatch)
    in_this_process(monkeypatch)
    many = check(cohort, tmp_path / "many")
    withdrawn = table(many, "submissions").query("superseded_by == 'withdrawn'")
    assert set(withdrawn["submission_id"]) == taken
    for name in TABLES:
        pd.testing.assert_frame_equal(table(many, name), table(one, name), obj=name)


@pytest.mark.slow
def test_nothing_is_left_beside_the_tables(whole: Path):
    assert not (whole / "spool").exists()
