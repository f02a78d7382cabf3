"""`mingce demo`: the practice cohort that the wheel carries, its dates laid round today."""

import hashlib
from datetime import date, timedelta
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from pipeline.cohort import load_cohort
from pipeline.practice import MADE_FOR, copy_practice
from tests.command import run
from tests.invented.practice import PLACE, write_practice

DAYS = [MADE_FOR, date(2026, 2, 28), date(2028, 2, 29), date(2031, 12, 31)]


def cells(folder: Path) -> list[list[object]]:
    book = CalamineWorkbook.from_path(folder / "submissions" / "submissions.xlsx")
    return [list(row) for name in book.sheet_names for row in book.get_sheet_by_name(name).to_python()]


def test_demo_writes_a_cohort_and_goes_on_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "demo"
    assert run("demo", folder, "--no-run") == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(folder / "cohort.toml")
    assert load_cohort(folder).name == "练习"
    (folder / "decisions.csv").unlink()
    assert run("demo", folder, "--no-run") == 0
    assert "接着用" in capsys.readouterr().err
    assert not (folder / "decisions.csv").exists()  # what was decided in practice is not written over


def test_demo_never_writes_into_other_peoples_folders(tmp_path: Path) -> None:
    (tmp_path / "cohort.toml").write_text("mine")
    assert run("demo", tmp_path, "--no-run") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["cohort.toml"]


@pytest.mark.parametrize("today", DAYS, ids=str)
def test_the_window_lies_round_today_and_the_last_submission_before_it(tmp_path: Path, today: date) -> None:
    copy_practice(tmp_path, today)
    window = load_cohort(tmp_path).window
    assert window.opens < today < window.closes < window.college_due
    header, *rows = cells(tmp_path)
    column = header.index("提交时间")
    times = [str(row[column]) for row in rows if row[column] != "提交时间"]
    assert max(times)[:10] == str(today - timedelta(days=1))
    early = [time for time in times if time[:10] < str(window.opens)]
    assert 0 < len(early) < 3  # who registered too early still did


def test_nothing_but_dates_is_changed(tmp_path: Path) -> None:
    copy_practice(tmp_path, MADE_FOR)
    assert cells(tmp_path) == cells(PLACE)
    assert digests(tmp_path) == digests(PLACE)


def test_the_practice_cohort_is_the_one_that_the_generator_writes(tmp_path: Path) -> None:
    """Pictures aside: another version of Pillow packs them otherwise."""
    write_practice(tmp_path)
    assert cells(tmp_path) == cells(PLACE)
    assert digests(tmp_path) == digests(PLACE)
    names = [sorted(path.name for path in (folder / "photos").iterdir()) for folder in (tmp_path, PLACE)]
    assert names[0] == names[1]


def test_the_practice_cohort_is_small() -> None:
    assert sum(path.stat().st_size for path in PLACE.rglob("*") if path.is_file()) < 300_000


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".csv", ".toml")
    }
