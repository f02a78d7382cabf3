"""Many schools: the overview shows them first, each leads to its colleges; pages of some of them only."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from pathlib import Path
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from invented_run import make_run

from pipeline.cohort import load_cohort
from pipeline.cohort_sections import Reports
from pipeline.errors import UsageError
from pipeline.progress import Reporter
from pipeline.render import overview
from pipeline.render.render_stage import college_digests, write_index
from pipeline.run import run_cohort
from pipeline.run_folder import RenderOptions, RunOptions, RunOutcome
from pipeline.view.run_tables import load_run
from tests.cohorts import make_cohort
from tests.conftest import Once

SCHOOLS, OF_EACH = 7, 12


def _run(folder: Path, reports: Path, **pages: object) -> RunOutcome:
    cohort = load_cohort(folder).model_copy(update={"reports": Reports(folder=str(reports))})
    now = datetime(2016, 10, 21, 9, tzinfo=ZoneInfo("Asia/Shanghai"))
    made = RenderOptions(**pages)  # pyright: ignore[reportArgumentType]
    return run_cohort(cohort, RunOptions(date(2016, 10, 20), now, render=made, reporter=Reporter(quiet=True)))


@pytest.fixture(scope="session")
def province(once: Once) -> Path:
    return once("province", lambda folder: make_cohort(folder / "c", SCHOOLS * OF_EACH, SCHOOLS, seed=3, faults=0.2))


@pytest.fixture(scope="session")
def some(province: Path, once: Once) -> RunOutcome:
    """A run with all tables and one school's pages; the school is given by name."""
    name = load_cohort(province).schools[3].name
    return once("some-schools", lambda folder: _run(province, folder, schools=(name,)))


@pytest.mark.slow
def test_a_run_of_some_schools_pages_has_all_tables_says_so_and_is_not_the_latest(province: Path, some: RunOutcome):
    asked = load_cohort(province).schools[3].code
    assert some.summary["pages"] == [asked]
    assert some.summary["complete"]
    assert not (some.folder.parents[1] / "latest.txt").exists()
    roster = pd.read_parquet(some.folder / "tables" / "roster.parquet")
    assert roster["school"].nunique() == SCHOOLS
    site = some.folder / "site"
    assert {path.name.split("-")[0] for path in site.iterdir() if path.is_dir()} == {asked}
    assert (site / f"school-{asked}.html").is_file()
    assert not [path for path in (some.folder / "notebooks").iterdir() if path.name.startswith(".")]


@pytest.mark.slow
def test_links_lead_only_to_pages_that_are_made(some: RunOutcome):
    site = some.folder / "site"
    for page in (site / "index.html", site / "overview.html", *site.glob("school-*.html")):
        hrefs = _hrefs(page.read_text(encoding="utf-8"))
        assert [href for href in hrefs if not (site / href.partition("#")[0]).is_file()] == [], page.name


def _hrefs(html: str) -> list[str]:
    found: list[str] = re.findall(r'<a [^>]*href="([^"]*)"', html)
    return [unquote(href) for href in found if not href.startswith("#")]


def test_a_school_that_nobody_knows_is_refused_before_anything_is_read(province: Path, tmp_path: Path):
    known = load_cohort(province).schools[0]
    with pytest.raises(UsageError) as refused:
        _run(province, tmp_path, schools=("99999",))
    assert f"{known.code} {known.name}" in str(refused.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_schools_add_up_their_colleges(some: RunOutcome):
    page = overview.open_overview(str(some.folder))
    assert page.by_school
    assert len(page.units) == SCHOOLS
    assert sum(unit["total"] for unit in page.units) == SCHOOLS * OF_EACH
    assert sum(unit["left"] for unit in page.units) == sum(entry["left"] for entry in page.entries)
    colleges = page.colleges
    for unit in page.units:
        mine = colleges[colleges["school"] == unit["name"]]
        mean = (mine["first_pass_rate"] * mine["submitted"]).sum() / mine["submitted"].sum()
        assert unit["first_pass_rate"] == pytest.approx(mean)


@pytest.mark.slow
def test_a_school_s_overview_is_about_its_colleges_alone(some: RunOutcome):
    run = load_run(some.folder)
    code, name = next(iter(run.schools.items()))
    page = overview.open_overview(str(some.folder), code)
    assert {entry["school"] for entry in page.entries} == {name}
    assert sum(page.statuses.values()) == OF_EACH
    assert set(page.registry_problems[0]) <= {name}


@pytest.mark.slow
def test_digests_of_some_schools_are_those_of_all(some: RunOutcome):
    run = load_run(some.folder)
    code, name = list(run.schools.items())[2]
    every = college_digests(run)
    mine = college_digests(run, [name])
    assert mine
    assert mine == {key: digest for key, digest in every.items() if key.startswith(f"{code}/")}


@pytest.mark.slow
def test_the_index_of_the_nation_stays_small(some: RunOutcome, tmp_path: Path):
    (tmp_path / "tables").mkdir()
    schools = [{"code": f"{number:05d}", "name": f"第{number}大学"} for number in range(2800)]
    summary = {**some.summary, "cohort": {**some.summary["cohort"], "schools": schools}, "pages": []}
    summary["colleges_state"] = {
        f"{one['code']}/商学院": {"statuses": {"missing": 9, "approved": 1}} for one in schools
    }
    (tmp_path / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    row = load_run(some.folder).table("colleges").head(1).assign(college="商学院")
    table = pd.concat([row.assign(school=one["name"]) for one in schools], ignore_index=True)
    table.to_parquet(tmp_path / "tables" / "colleges.parquet")
    (tmp_path / "site").mkdir()
    write_index(tmp_path / "site" / "index.html", load_run(tmp_path))
    html = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert html.count("第2799大学") == 1
    assert len(html) < 4_000_000
    page = overview.open_overview(str(tmp_path))
    pieces = [overview.show_colleges(page), overview.show_risks(page), overview.show_standing(page)]
    assert sum(len(piece.html) for piece in pieces) < 700_000
    assert "区间" not in pieces[2].html  # schools have none


def test_the_run_before_is_a_whole_one(tmp_path: Path):
    first = make_run(tmp_path, date(2016, 10, 20))
    later = make_run(tmp_path, date(2016, 10, 21))
    last = make_run(tmp_path, date(2016, 10, 22))
    assert load_run(last).previous.path == later
    summary = json.loads((later / "summary.json").read_text(encoding="utf-8"))
    (later / "summary.json").write_text(json.dumps({**summary, "colleges": ["10534/土木工程学院"]}), encoding="utf-8")
    assert load_run(last).previous.path == first
    (first / "tables" / "roster.parquet").unlink()  # purged
    assert load_run(last).previous is None


@pytest.mark.parametrize("spoilt", ["", "[]", '{"as_of": 7}'])
def test_a_spoilt_summary_is_no_run_before_and_stops_nothing(tmp_path: Path, spoilt: str):
    first = make_run(tmp_path, date(2016, 10, 20))
    last = make_run(tmp_path, date(2016, 10, 21))
    (first / "summary.json").write_text(spoilt, encoding="utf-8")
    assert load_run(last).previous is None
