"""Fixtures that several suites share.

What is dear and only read is made once for all of pytest's workers: `once("name", make)` in a session fixture. The
run of the sample (`sample_run`) and the run of an invented cohort with its pages (`invented_run`) are made so.
"""

import gc
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from datetime import date, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest
from filelock import FileLock
from hypothesis import settings

from pipeline.clock import SHANGHAI
from pipeline.imports import FORMATS, without
from tests.cohorts import make_cohort

settings.register_profile("any machine", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("any machine")

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """Spend no time on what no test in this process asks about, unless it is time that is measured.

    Garbage is collected seldom: every pass looks at all of Great Expectations (15 % of a small run). Files are not
    forced to the disk: a run waits for sixty of them. Tests of what a power cut leaves have processes of their own
    (tests/faults). What a run leaves out of its imports is left out here too.
    """
    if config.getoption("-m") != "bench":
        gc.set_threshold(200_000, 20, 100)
        os.fsync = lambda _: None
        with without(*FORMATS):
            import_module("jsonschema")


def pytest_collection_finish() -> None:
    """Look no more for garbage among what was imported and collected: each pass over it takes a second."""
    gc.freeze()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The facts and the sample beside the checkout; a user's clone has none."""
    folder = Path(os.environ.get("MINGCE_SHARED") or ROOT.parent / "shared")
    if not folder.is_dir():
        pytest.skip("../shared is not beside this checkout (it holds the sample cohort and reference tables)")
    return folder


class Once(Protocol):
    def __call__(self, name: str, make: Callable[[Path], Any]) -> Any: ...


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Once:
    """`once(name, make)` returns what `make(folder)` returned in whichever worker came first (it is pickled).

    Tests may read what stands in the folder and never change it: copy it first.
    """
    base = tmp_path_factory.getbasetemp()
    root = (base if worker_id == "master" else base.parent) / "made-once"
    root.mkdir(exist_ok=True)

    def made(name: str, make: Callable[[Path], Any]) -> Any:
        folder, kept = root / name, root / f"{name}.pickle"
        with FileLock(root / f"{name}.lock"):
            if not kept.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a maker that failed
                folder.mkdir()
                kept.write_bytes(pickle.dumps(make(folder)))
            return pickle.loads(kept.read_bytes())

    return made


class Ran(NamedTuple):
    """A cohort and its finished run. Read only: other tests read them too."""

    cohort: Path
    run: Path


def run_cohort_of(cohort: Path, as_of: date, command: str, *, notebooks: bool = True) -> Ran:
    """Run a cohort as a command does, in this process."""
    from pipeline.cohort import load_cohort
    from pipeline.progress import Reporter
    from pipeline.run import run_cohort
    from pipeline.run_folder import RenderOptions, RunOptions

    now = datetime.combine(as_of, datetime.min.time(), SHANGHAI).replace(hour=9)
    pages = RenderOptions(notebooks=notebooks)
    options = RunOptions(as_of, now, command=command, render=pages, reporter=Reporter(quiet=True))
    before = os.umask(0o077)  # as every command does
    try:
        return Ran(cohort, run_cohort(load_cohort(cohort), options).folder)
    finally:
        os.umask(before)


@pytest.fixture(scope="session")
def sample_run(shared: Path, once: Once) -> Ran:
    """The sample cohort, checked as of 1 November 2016 (no pages)."""
    return once(
        "sample",
        lambda folder: run_cohort_of(_writable(shared / "sample", folder / "cohort"), date(2016, 11, 1), "check"),
    )


@pytest.fixture(scope="session")
def invented_run(once: Once) -> Ran:
    """An invented cohort of two schools with every kind of fault, run with its pages as of 20 October 2016."""

    def make(folder: Path) -> Ran:
        cohort = make_cohort(folder / "cohort", 240, 2, seed=5, faults=0.3, form="xlsx")
        return run_cohort_of(cohort, date(2016, 10, 20), "run")

    return once("invented", make)


def faultless(folder: Path) -> Path:
    """Write a small cohort of two schools without a fault."""
    return make_cohort(folder, 40, 2, seed=3, faults=0.0)


@pytest.fixture(scope="session")
def begun(once: Once) -> Ran:
    """A faultless cohort and its first run as of 20 October 2016, without notebooks; read only."""

    return once(
        "begun",
        lambda folder: run_cohort_of(faultless(folder / "cohort"), date(2016, 10, 20), "run", notebooks=False),
    )


@pytest.fixture
def sample(shared: Path, tmp_path: Path) -> Path:
    """A writable copy of the sample cohort."""
    return _writable(shared / "sample", tmp_path / "sample")


def _writable(source: Path, folder: Path) -> Path:
    shutil.copytree(source, folder)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    return folder


@pytest.fixture(scope="module")
def one_picture() -> Iterator[None]:
    """Let every mail carry the same picture: drawing it takes longer than all else of a small mail.

    What a picture shows is tests/render/test_figures.py's; that mails carry their own, tests/recount's.
    """
    from pipeline.render import figures

    draw, drawn = figures.trend_png, []

    def once(course: figures.Course) -> bytes:
        if not drawn:
            drawn.append(draw(course))
        return drawn[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "trend_png", once)
        yield
