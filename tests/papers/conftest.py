"""A class that is full of faults, checked once, and the papers of it."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from pipeline.cohort import Cohort, load_cohort
from pipeline.papers.paper_files import PaperRequest, write_papers
from pipeline.view.run_tables import Run, load_run
from tests.cohorts import make_cohort
from tests.conftest import Once, Ran, run_cohort_of


@pytest.fixture(scope="session")
def faulty(once: Once) -> Ran:
    """An invented cohort of one school where nearly everybody made a slip; its first checks alone."""

    def make(folder: Path) -> Ran:
        cohort = make_cohort(folder / "cohort", 300, 1, seed=7, faults=0.9, form="xlsx", kind="one-school")
        _spoil_registry(next((cohort / "registry").iterdir()))
        return run_cohort_of(cohort, date(2016, 10, 20), "check")

    return once("faulty", make)


def _spoil_registry(path: Path) -> None:
    """Spoil three students' cells: a class of this size makes the registrar few mistakes."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    for row, label in ((5, "民族"), (9, "考生号"), (13, "性别")):
        table.loc[row, label] = "某某"
    table.to_csv(path, index=False)


@pytest.fixture(scope="session")
def cohort(faulty: Ran, tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """A copy in which papers are made, the errata's in the ledger: other workers copy `faulty` meanwhile."""
    return load_cohort(shutil.copytree(faulty.cohort, tmp_path_factory.mktemp("papers") / "cohort"))


@pytest.fixture(scope="session")
def run(faulty: Ran) -> Run:
    return load_run(faulty.run)


@pytest.fixture(scope="session")
def papers(faulty: Ran, run: Run, once: Once) -> Path:
    """The folder of all papers of that run."""

    def make(folder: Path) -> Path:
        own = load_cohort(shutil.copytree(faulty.cohort, folder / "cohort"))
        return write_papers(own, run, PaperRequest(("proof", "corrections"))).folder

    return once("papers", make)
