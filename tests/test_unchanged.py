"""What makes a run look at everything again: all that its results depend on."""

import json
from datetime import date
from pathlib import Path

import pytest

from pipeline.cache import Fingerprint, code_digest, fingerprint
from pipeline.cohort import load_cohort
from pipeline.review.chain import Entry
from pipeline.review.ledger import open_ledger
from tests.cohorts import settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "2017"
    (made / "photos" / "土木").mkdir(parents=True)
    for name in ("colleges.csv", "counselors.csv", "registry.csv", "submissions.csv", "photos/土木/1.jpg"):
        (made / name).write_text(name, encoding="utf-8")
    text = settings(submissions="submissions.csv").replace("year = 2017", 'year = 2017\nprevious = "../2016"')
    (made / "cohort.toml").write_text(text.replace("[people]", 'photos = "photos"\n[people]'), encoding="utf-8")
    (tmp_path / "2016").mkdir()
    (tmp_path / "2016" / "cohort.toml").write_text(settings(submissions="submissions.csv"), encoding="utf-8")
    return made


def told(folder: Path) -> Fingerprint:
    return fingerprint(load_cohort(folder), date(2016, 10, 31))


def test_the_same_again_is_known(folder: Path):
    assert told(folder) == told(folder) != Fingerprint()


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


def decided(folder: Path, kind: str) -> Fingerprint:
    with open_ledger(load_cohort(folder)) as ledger:
        ledger.append(Entry(kind, by="王"))
    return told(folder)


def test_a_decision_leaves_the_check_as_it_was_and_a_withdrawal_does_not(folder: Path):
    before = told(folder)
    assert decided(folder, "delivery") == before
    approved = decided(folder, "decision")
    assert approved.check == before.check and approved.run != before.run
    assert decided(folder, "withdrawal").check != before.check


def test_another_version_of_a_library_makes_everything_anew(folder: Path, monkeypatch: pytest.MonkeyPatch):
    before = told(folder)
    (folder / "pandas-9.9.9.dist-info").mkdir()
    monkeypatch.syspath_prepend(str(folder))
    code_digest.cache_clear()
    after = told(folder)
    code_digest.cache_clear()
    assert after.run != before.run and after.check != before.check
