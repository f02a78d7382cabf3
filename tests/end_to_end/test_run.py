"""The main job on files, through the command line, as an office runs it."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from tests.command import run as run_command
from tests.conftest import Ran

RUN_TABLES = ("submissions", "changes", "findings", "certifications", "roster", "headcount", "colleges")


class Said(NamedTuple):
    """What a command wrote."""

    stdout: str
    stderr: str


@pytest.fixture
def mingce(capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command line in this process (in one of its own: tests/security, tests/test_wheel.py)."""

    def run_it(*words: str | Path, check: int = 0) -> Said:
        capfd.readouterr()
        code = run_command(*words)
        said = Said(*capfd.readouterr())
        assert code == check, said.stderr
        assert "Traceback" not in said.stderr
        return said

    return run_it


@pytest.fixture
def cohort(invented_run: Ran) -> Path:
    return invented_run.cohort


@pytest.fixture
def run(invented_run: Ran) -> Path:
    return invented_run.run


@pytest.mark.slow
def test_a_run_leaves_what_the_contract_names(cohort: Path, run: Path):
    assert (cohort / "reports" / "2017届" / "latest.txt").read_text().strip() == run.name
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert summary["complete"]
    assert not summary["partial"]
    for table in RUN_TABLES:
        assert (run / "tables" / f"{table}.csv").is_file()
        assert (run / "tables" / f"{table}.parquet").is_file()
    for page in ("index.html", "overview.html"):
        assert (run / "site" / page).is_file()
    colleges = pd.read_csv(run / "tables" / "colleges.csv", dtype=str)
    folders = [path for path in (run / "site").iterdir() if path.is_dir()]
    assert len(folders) == len(colleges)
    for folder in folders:
        assert {"dashboard.html", "headcount.xlsx", "headcount.pdf"} <= {path.name for path in folder.iterdir()}
    assert (run / "tables.xlsx").is_file()


@pytest.mark.slow
def test_the_cell_of_parameters_is_read_by_people_and_by_python(run: Path):
    notebook = next((run / "notebooks").rglob("*计算机*.ipynb"))
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    (source,) = ["".join(c["source"]) for c in cells if "injected-parameters" in c["metadata"].get("tags", [])]
    given: dict[str, object] = {}
    exec(source, given)
    assert given["college"] == "计算机科学与工程学院"
    assert "计算机科学与工程学院" in source


@pytest.mark.slow
def test_every_heading_of_the_workbook_for_people_is_chinese(run: Path):
    book = CalamineWorkbook.from_path(run / "tables.xlsx")
    headings = {name: book.get_sheet_by_name(name).to_python(nrows=1)[0] for name in book.sheet_names}
    assert [one for row in headings.values() for one in row if str(one).isascii()] == []


@pytest.mark.slow
def test_inputs_are_kept_untouched_once_per_content(cohort: Path, run: Path):
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    kept = cohort / "reports" / "2017届" / "inputs"
    for one in summary["inputs"]:
        assert (kept / one["sha256"]).stat().st_size == one["size"]
    source = next(cohort.glob("submissions/*"))
    assert source.read_bytes() in {path.read_bytes() for path in kept.iterdir()}


@pytest.mark.slow
def test_only_the_owner_can_read_a_run(run: Path):
    for path in [run, *run.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.slow
def test_certifications_and_roster_agree_with_the_labels(cohort: Path, run: Path, shared: Path):
    done = subprocess.run(
        [sys.executable, shared / "tools" / "score.py", run, cohort], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_json_is_the_summary_and_a_check_moves_no_latest(cohort: Path, mingce, tmp_path: Path):
    cohort = _bad(cohort, tmp_path, "photos")  # with its reports
    latest = (cohort / "reports" / "2017届" / "latest.txt").read_text()
    done = mingce("check", cohort, "--json", "--as-of", "2016-10-20")
    summary = json.loads(done.stdout)
    assert summary["command"] == "check"
    assert summary["counts"]["submissions"] > 200
    assert (cohort / "reports" / "2017届" / "latest.txt").read_text() == latest


@pytest.mark.slow
def test_the_sample_scores_in_full(sample_run: Ran, shared: Path):
    done = subprocess.run(
        [sys.executable, shared / "tools" / "score.py", sample_run.run, shared / "sample"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(done.stdout)["pass"], done.stdout


def _bad(cohort: Path, tmp_path: Path, *left_out: str) -> Path:
    folder = tmp_path / "bad"
    shutil.copytree(cohort, folder, ignore=shutil.ignore_patterns(*(left_out or ("reports", "photos", "ledger*"))))
    return folder


def test_nothing_to_read_is_code_3_and_nothing_half_written(cohort: Path, mingce, tmp_path: Path):
    folder = _bad(cohort, tmp_path)
    shutil.rmtree(folder / "submissions")
    done = mingce("check", folder, check=3)
    assert "submissions" in done.stderr
    assert not list((folder / "reports").rglob("summary.json"))


def test_a_wrong_word_is_code_2(cohort: Path, mingce):
    assert "没有院系" in mingce("check", cohort, "--college", "没有", check=2).stderr
    assert "没有规则" in mingce("check", cohort, "--rule", "no.such", check=2).stderr
    assert "日期" in mingce("check", cohort, "--as-of", "昨天", check=2).stderr


def test_a_wrong_cohort_file_is_code_2_with_all_mistakes(cohort: Path, mingce, tmp_path: Path):
    folder = _bad(cohort, tmp_path)
    text = (folder / "cohort.toml").read_text(encoding="utf-8")
    (folder / "cohort.toml").write_text(text.replace("year = 2017", 'year = "x"') + "\n[mial]\n", encoding="utf-8")
    done = mingce("check", folder, check=2)
    assert "cohort.year" in done.stderr
    assert "mial" in done.stderr


@pytest.mark.slow
def test_an_unread_registry_is_not_checked_and_the_rest_goes_on(cohort: Path, mingce, tmp_path: Path):
    folder = _bad(cohort, tmp_path)
    next((folder / "registry").glob("12649*")).write_bytes(b"\x00\x01 no table")
    done = mingce("check", folder, check=4)
    run = Path(done.stdout.strip().splitlines()[-1])
    certifications = pd.read_csv(run / "tables" / "certifications.csv", dtype=str, keep_default_na=False)
    away = certifications[certifications["school"].str.endswith("潇湘学院")]
    assert set(away["identity"]) <= {"not_checked", "failed", "certified"}
    assert (away["cause"] != "unknown").all()
    assert (away["identity"] == "not_checked").any()
    assert "certified" in set(certifications["identity"])
    assert not (folder / "reports" / "2017届" / "latest.txt").exists()
