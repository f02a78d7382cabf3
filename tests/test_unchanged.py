"""What makes a run look at everything again: all that its results depend on."""

import json
from datetime import date
from pathlib import Path

import pytest

from pipeline.cohort import load_cohort
from pipeline.unchanged import fingerprint
from tests.cohorts import settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "2017"
    (made / "photos" / "土木").mkdir(parents=True)
    for name in ("colleges.csv", "counselors.csv", "registry.csv", "submissions.csv", "photos/土木/1.jpg"):
        (made / name).write_text(name, encoding="utf-8")
    text = settings(submissions="submissions.csv").replace("year = 2017", 'year = 2017\nprevious = "../2016"')
    (made / "cohort.toml").write_text(text.replace("[people]", 'photos = "photos"\n[people]'), encoding="utf-8")
    return made


def told(folder: Path) -> str:
    return fingerprint(load_cohort(folder), date(2016, 10, 31))


def test_the_same_again_is_known(folder: Path):
    assert told(folder) == told(folder) != ""


def test_a_photo_in_a_folder_of_its_class_counts(folder: Path):
    before = told(folder)
    (folder / "photos" / "土木" / "1.jpg").write_text("another picture")
    assert told(folder) != before


def test_a_new_run_of_the_year_before_counts(folder: Path):
    """Its headcount stands beside this year's."""
    before = told(folder)
    run = folder.parent / "2016" / "reports" / "2016届" / "runs" / "20151101-080000-0a0a"
    run.mkdir(parents=True)
    (run / "summary.json").write_text(json.dumps({"complete": True, "partial": False, "colleges": "all"}))
    assert told(folder) != before
