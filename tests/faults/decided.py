"""One college's cohort on its way to the office: checked, wholly approved, signed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.cohort import load_cohort
from pipeline.collect.school_tables import read_people
from pipeline.review.review_snapshot import newest_run
from tests.cohorts import make_cohort
from tests.conftest import ROOT


@dataclass(frozen=True)
class Decided:
    """Three cohort folders, and whom and what the commands name.

    `checked` was only checked: one student has not registered, and exception 1 stands. In the others the registry
    lacks that student, and `latest.txt` names a run with pages.
    """

    checked: Path
    approved: Path
    signed: Path
    college: str
    major: str
    student: str
    submission: str
    secretary: str

    @property
    def registries(self) -> list[str]:
        """The two registries, which differ in one student."""
        return [str(next((folder / "registry").iterdir())) for folder in (self.checked, self.approved)]


def mingce(*words: str | Path) -> None:
    """Run a command, which succeeds."""
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def decide(folder: Path) -> Decided:
    """Make the three cohorts in `folder`."""
    checked = make_cohort(folder / "checked", 24, 1, seed=5, faults=0.0, kind="one-school")
    approved, signed, by = folder / "approved", folder / "signed", ("--by", "王", "--why", "核对过")
    shutil.copytree(checked, approved)
    _strike_off_the_missing(approved)
    mingce("check", checked)
    mingce("run", approved)
    tables = newest_run(load_cohort(approved)) / "tables"
    one = pd.read_csv(tables / "roster.csv", dtype=str).iloc[0]
    mingce("except", "add", checked, "--college", one["college"], "--major", one["major"], *by)
    mingce("review", "approve", approved, "--all-ready", "--college", one["college"], *by)
    shutil.copytree(approved, signed)
    secretary = str(read_people(load_cohort(signed))[0]["secretary"].iloc[0])
    mingce("sign", one["college"], signed, "--by", secretary, "--why", "迟交")
    college, major, student, submission = one[["college", "major", "student_number", "submission_id"]].astype(str)
    return Decided(checked, approved, signed, college, major, student, submission, secretary)


def _strike_off_the_missing(cohort: Path) -> None:
    missing = pd.read_csv(cohort / "truth_missing.csv", dtype=str)["student_number"]
    registry = next((cohort / "registry").iterdir())
    rows = pd.read_csv(registry, dtype=str, keep_default_na=False)
    rows[~rows["学号"].isin(missing)].to_csv(registry, index=False)
