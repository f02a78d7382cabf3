"""Nothing is nailed to one university or year: another school's postgraduates, from last year's folder in one edit."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from pipeline.cli import app
from tests.cohorts import make_cohort

PAGE = Path(__file__).resolve().parents[2] / "docs" / "another-cohort.md"


def the_edit(text: str) -> str:
    """`cohort.toml` with everything before [submissions] as docs/another-cohort.md has it."""
    block = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block
    return block[1] + "\n" + text[text.index("[submissions]") :]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("cohorts")
    older = make_cohort(base / "2017", 60, 2, seed=3)
    data = make_cohort(base / "data", 150, 1, seed=4, faults=0.2, kind="postgraduate-2026")
    folder = base / "2026"
    app(args=["init", str(folder), "--like", str(older)], standalone_mode=False)
    settings = folder / "cohort.toml"
    settings.write_text(the_edit(settings.read_text(encoding="utf-8")), encoding="utf-8")
    for name in ("registry", "submissions"):
        shutil.copytree(data / name, folder / name, dirs_exist_ok=True)
    for path in data.glob("*.csv"):
        shutil.copyfile(path, folder / path.name)
    return folder


@pytest.mark.slow
def test_postgraduates_of_another_school_graduate_in_december(
    cohort: Path, shared: Path, capsys: pytest.CaptureFixture[str]
):
    app(args=["check", str(cohort), "--as-of", "2025-10-25"], standalone_mode=False)
    run = Path(capsys.readouterr().out.strip().splitlines()[-1])
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert summary["complete"]
    assert summary["cohort"]["name"] == "2026届研究生"
    roster = pd.read_csv(run / "tables" / "roster.csv", dtype=str, keep_default_na=False)
    assert set(roster["school"]) == {"云梦理工大学"}
    assert set(roster["education_level"]) <= {"硕士研究生", "博士研究生"}
    score = [sys.executable, shared / "tools" / "score.py", run, cohort]
    done = subprocess.run(score, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["pass"], done.stdout
