"""One invented season and its pages, made once for all tests of this folder."""

from __future__ import annotations

import shutil
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from invented_run import make_run, make_season
from pages_support import COLLEGE, SCHOOL, jobs_of

from pipeline.render.headcount_files import write_headcount_pdf, write_headcount_xlsx
from pipeline.render.notebooks import run_notebooks
from pipeline.render.render_stage import write_index
from pipeline.view.run_tables import Run, college_folder, load_run
from tests.conftest import Once


@pytest.fixture(scope="session")
def season(once: Once) -> Run:
    """The last run of a season of nine."""
    return load_run(once("render-season", make_season))


@pytest.fixture(scope="session")
def site(season: Run, once: Once) -> Path:
    """The pages of every notebook, by the fast engine, and the index beside a college's files."""
    return once("render-site", partial(_pages, season))


def _pages(season: Run, out: Path) -> Path:
    results = run_notebooks(jobs_of(season.path, out))
    assert [result.error for result in results] == [""] * len(results)
    folder = out / college_folder(SCHOOL, COLLEGE)
    folder.mkdir()
    shutil.copy(out / "college.html", folder / "dashboard.html")
    from pipeline.render.college import headcount_of, open_page

    headcount = headcount_of(open_page(str(season.path), COLLEGE, SCHOOL))
    write_headcount_xlsx(folder / "headcount.xlsx", headcount)
    write_headcount_pdf(folder / "headcount.pdf", headcount)
    write_index(out / "index.html", season)
    return out


@pytest.fixture(scope="session")
def finished(once: Once) -> Run:
    """A run of a day on which everybody is approved."""

    def make(folder: Path) -> Path:
        sizes, colleges = {"马克思主义学院": 19}, [("10534", "马克思主义学院")]
        return make_run(folder, date(2016, 11, 15), sizes=sizes, colleges=colleges, progress=2.0)

    return load_run(once("render-finished", make))
