"""One invented season and its pages, made once for all tests of this folder."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
from invented_run import make_run, make_season
from pages_support import COLLEGE, SCHOOL, jobs_of

from pipeline.render.headcount_pdf import write_headcount_pdf
from pipeline.render.headcount_xlsx import write_headcount_xlsx
from pipeline.render.index import write_index
from pipeline.render.load import Run, load_run
from pipeline.render.notebooks import run_notebooks
from pipeline.render.overview import college_folder


@pytest.fixture(scope="session")
def season(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The last run of a season of nine."""
    return load_run(make_season(tmp_path_factory.mktemp("season")))


@pytest.fixture(scope="session")
def site(season: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of every notebook, by the fast engine, and the index beside a college's files."""
    out = tmp_path_factory.mktemp("site")
    results = run_notebooks(jobs_of(season.path, out))
    assert [result.error for result in results] == [""] * len(results)
    folder = out / college_folder(SCHOOL, COLLEGE)
    folder.mkdir()
    shutil.copy(out / "college.html", folder / "dashboard.html")
    from pipeline.render.scope import headcount_of, open_page

    headcount = headcount_of(open_page(str(season.path), COLLEGE, SCHOOL))
    write_headcount_xlsx(folder / "headcount.xlsx", headcount)
    write_headcount_pdf(folder / "headcount.pdf", headcount)
    write_index(out / "index.html", season)
    return out


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of a day on which everybody is approved."""
    folder = tmp_path_factory.mktemp("finished")
    run = make_run(
        folder, date(2016, 11, 15), sizes={"马克思主义学院": 19}, colleges=[("10534", "马克思主义学院")], progress=2.0
    )
    return load_run(run)
