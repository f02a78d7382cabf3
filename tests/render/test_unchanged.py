"""The digests by which pages are taken over: they change where the pages would."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from invented_run import make_run

from pipeline.cache import Cache
from pipeline.progress import Reporter
from pipeline.render import render_stage
from pipeline.render.render_stage import college_digests, registry_page_digest
from pipeline.run_folder import RenderOptions, RunFolder
from pipeline.tables import COLUMNS, write_table
from pipeline.view.run_tables import Run, load_run

CIVIL, MARX = "10534/土木工程学院", "10534/马克思主义学院"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    colleges = [("10534", "土木工程学院"), ("10534", "马克思主义学院"), ("12649", "土木工程学院")]
    sizes = {"土木工程学院": 12, "马克思主义学院": 9}
    return load_run(make_run(tmp_path, date(2016, 10, 20), sizes=sizes, colleges=colleges))


def test_what_could_not_be_checked_is_on_the_pages_of_the_school(run: Run):
    checked = replace(run, summary={**run.summary, "not_checked": []})
    before, after = college_digests(run), college_digests(checked)
    assert run.summary["not_checked"][0]["school"] == run.schools["10534"]
    assert {key for key in before if before[key] != after[key]} == {CIVIL, MARX}


def test_the_registrys_page_changes_with_its_rows_its_findings_and_what_was_read(run: Run):
    digest = registry_page_digest(run)
    tables = run.path / "tables"
    roster = pd.read_parquet(tables / "roster.parquet")
    write_table(tables, "roster", roster.assign(status="approved"))
    assert registry_page_digest(run) == digest
    assert registry_page_digest(replace(run, summary={**run.summary, "inputs": [{"name": "另一个"}]})) != digest
    colleges = pd.read_parquet(tables / "colleges.parquet")
    write_table(tables, "colleges", colleges.assign(registered=colleges["registered"] + 1))
    assert registry_page_digest(run) != digest
    write_table(tables, "colleges", colleges)
    said = [pd.DataFrame([dict.fromkeys(COLUMNS["registry_findings"], word)]) for word in "12"]
    seen = {digest}
    for found in said:
        write_table(tables, "registry_findings", found)
        seen.add(registry_page_digest(run))
    assert len(seen) == 3


def test_who_is_registered_elsewhere_is_on_the_page_of_the_college_that_he_claimed(run: Run):
    columns = ["school", "college", "education_level", "major", "kind", "student_number", "name", "elsewhere"]
    claimed = (run.schools["10534"], "土木工程学院", "本科", "土木工程", "moved_in", "1", "某", "别处")
    place = run.path / "tables" / "differences.parquet"
    pd.DataFrame([claimed], columns=columns, dtype="str").to_parquet(place)
    before = college_digests(run)
    pd.DataFrame([], columns=columns, dtype="str").to_parquet(place)
    after = college_digests(run)
    assert {key for key in before if before[key] != after.get(key)} == {CIVIL}


def test_whoever_interrupts_waits_for_the_printed_table_at_hand_alone(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    begun, given_up = threading.Event(), threading.Event()
    printed: list[Path] = []

    class Executor(ThreadPoolExecutor):
        def shutdown(self, *given: bool, **named: bool) -> None:
            given_up.set()
            super().shutdown(*given, **named)

    def interrupted(*_: object, **__: object) -> None:
        assert begun.wait(60)
        raise KeyboardInterrupt

    def printing(path: Path, _: object) -> None:
        printed.append(path)
        begun.set()
        assert given_up.wait(60)

    monkeypatch.setattr(render_stage, "ThreadPoolExecutor", Executor)
    monkeypatch.setattr(render_stage, "run_notebooks", interrupted)
    monkeypatch.setitem(render_stage.HEADCOUNT_WRITERS, "headcount.pdf", printing)
    folder = RunFolder(tmp_path / "reports", "20161020-040000-cccc")
    shutil.copytree(run.path, folder.path)
    with pytest.raises(KeyboardInterrupt):
        render_stage.Renderer(RenderOptions(), Reporter(quiet=True), Cache(folder)).render(folder)
    assert len(printed) == 1
