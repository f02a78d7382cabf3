"""A write-back that is killed before or after any request, statement or change of a file: the next one mends it."""

import shutil
import sys
from functools import partial
from pathlib import Path

import pytest

from pipeline.cohort import load_cohort
from pipeline.lock import is_held
from pipeline.review.ledger import open_ledger
from tests.cohorts import settings
from tests.faults.driver import forked
from tests.faults.windows import Windows, command

from .conftest import KEY
from .model import Book, Sheet
from .standin import Google
from .test_answers import make_run, student, written

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the commands are forked")
WORDS = ["write-back", "@", "--by", "张老师"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "whole"
    folder.mkdir()
    (folder / "cohort.toml").write_text(settings("a.csv", f"gsheet:{KEY}"), encoding="utf-8")
    for name in ("colleges.csv", "counselors.csv"):
        (folder / name).write_text("x\n")
    make_run(folder, [student(n) for n in range(5)])
    return tmp_path


def write_back(google: Google, place: Path, at: int) -> tuple[Book, Path]:
    """Kill a write-back into a fresh sheet in window `at` (0: nobody), write once more; return the sheet and cohort."""
    book = google.books[KEY] = Book("采集", sheets=[Sheet(0, "1班", [["学号"], ["1300000001"]])])
    folder = place / "place" / "cohort"
    shutil.rmtree(folder.parent, ignore_errors=True)
    shutil.copytree(place / "whole", folder)
    if at:
        killed, _ = forked(partial(command, WORDS, folder, Windows(at, folder.parent), place / "count"))
        assert killed == -9, at
        assert not is_held(load_cohort(folder))
    code, said = forked(partial(command, WORDS, folder, Windows(0, folder.parent), place / "count"))
    assert code == 0, (at, said)
    return book, folder


@pytest.mark.parametrize("some", [3, pytest.param(0, marks=pytest.mark.soak)])
def test_a_write_back_killed_in_any_window_is_mended_by_the_next(google: Google, place: Path, some: int):
    book, _ = write_back(google, place, 0)
    whole, windows = written(book), int((place / "count").read_text())
    step = max(1, windows // (some or windows))
    for at in range(1 + step // 2, windows + 1, step):
        book, folder = write_back(google, place, at)
        own = book.named("认证结果")
        assert own
        assert written(book) == whole, at
        assert (len(own.protected), len(own.formats), len(book.sheets)) == (1, 4, 2), at
        left = {path.name for path in folder.rglob("*") if path.is_file()}
        assert not [name for name in left if name.startswith(".part-") or name == "send.json"], at
        with open_ledger(load_cohort(folder)) as ledger:
            assert ledger.verify() == []
            assert set(ledger.entries()["kind"]) == {"write_back"}
