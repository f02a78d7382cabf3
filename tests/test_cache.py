"""What an earlier run made is spared the next one: the same of the same, whole, as a copy of its own; nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from pipeline.cache import Cache, open_cache, reuse_run
from pipeline.clock import SHANGHAI
from pipeline.cohort import Cohort
from pipeline.run_folder import JOURNAL, RunFolder, start_run
from tests.deliver.runs import make_cohort

PAGES = {"a": "site/甲/dashboard.html", "b": "site/甲-乙/dashboard.html", "": "site/overview.html"}


def begin(cohort: Cohort, hour: int) -> RunFolder:
    return start_run(cohort, datetime(2016, 10, 20, hour, tzinfo=SHANGHAI))


def draw(kept: Cache, key: str) -> None:
    folder = kept.folder
    page = folder.path / PAGES[key]
    notebook = folder.path / "notebooks" / f"{page.parent.name}.ipynb"
    for path, text in ((page, f"page of {key}"), (notebook, f"made in {folder.final}")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    kept.record([page, notebook], key)


def end(kept: Cache, fingerprint: str = "same") -> Path:
    kept.folder.write_summary({"fingerprint": fingerprint, "run_id": kept.folder.run_id})
    return kept.folder.finish(latest=True)


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    return make_cohort(tmp_path / "cohort")


@pytest.fixture
def finished(cohort: Cohort) -> Path:
    kept = open_cache(begin(cohort, 2))
    for key in PAGES:
        draw(kept, key)
    return end(kept)


def taken(kept: Cache) -> list[str]:
    return [key for key in ("a", "b", "", "other") if kept.reuse(key)]


def test_products_of_the_latest_run_are_copies_that_name_the_new_one(cohort: Cohort, finished: Path):
    kept = open_cache(begin(cohort, 3))
    assert taken(kept) == ["a", "b"]
    for key in ("a", "b"):
        page = kept.folder.path / PAGES[key]
        assert page.read_text() == f"page of {key}"
        assert not page.samefile(finished / PAGES[key])
        assert str(kept.folder.final) in (kept.folder.path / "notebooks" / f"{page.parent.name}.ipynb").read_text()
    assert not (kept.folder.path / PAGES[""]).exists()
    assert taken(open_cache(begin(cohort, 4), force=True)) == []


def test_the_whole_run_is_taken_by_its_fingerprint(cohort: Cohort, finished: Path):
    folder = begin(cohort, 3)
    assert reuse_run(folder, "another") is None and reuse_run(folder, "") is None
    summary = reuse_run(folder, "same")
    assert summary and summary["run_id"] == finished.name
    assert {path.name for path in folder.path.iterdir()} == {"site", "notebooks", JOURNAL}
    assert all((folder.path / page).is_file() for page in PAGES.values())


DAMAGE: dict[str, Callable[[Path], object]] = {
    "gone": lambda page: page.unlink(),
    "cut off": lambda page: os.truncate(page, 3),
    "zeroed": lambda page: page.write_bytes(bytes(page.stat().st_size)),
    "as long as before": lambda page: page.write_text(page.read_text().replace("page", "PAGE")),
}


def test_an_unchanged_run_between_two_keeps_the_products(cohort: Cohort, finished: Path):
    folder = begin(cohort, 3)
    assert reuse_run(folder, "same") is not None
    end(Cache(folder))
    assert taken(open_cache(begin(cohort, 4))) == ["a", "b"]


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_was_damaged_is_made_again(cohort: Cohort, finished: Path, damage: str):
    DAMAGE[damage](finished / PAGES["a"])
    folder = begin(cohort, 3)
    assert reuse_run(folder, "same") is None
    assert list(folder.path.iterdir()) == [] or not any(path.is_file() for path in folder.path.rglob("*"))
    assert taken(open_cache(folder)) == ["b"]


def test_an_edit_of_one_run_changes_no_other(cohort: Cohort, finished: Path):
    kept = open_cache(begin(cohort, 3))
    taken(kept)
    final = end(kept)
    with (final / PAGES["a"]).open("a") as file:
        file.write("scribble")
    assert (finished / PAGES["a"]).read_text() == "page of a"


def test_a_killed_run_is_gone_on_from_again_and_again(cohort: Cohort):
    killed = open_cache(begin(cohort, 2))
    draw(killed, "a")
    with (killed.folder.path / JOURNAL).open("a") as file:
        file.write('{"key": "b')
    second = begin(cohort, 3)  # killed before it made anything: the first one's product is still there
    third = open_cache(begin(cohort, 4))
    assert taken(third) == ["a"] and not second.path.exists()
    draw(third, "b")  # and killed: the fourth goes on from there
    fourth = open_cache(begin(cohort, 5))
    assert taken(fourth) == ["a", "b"]
    final = end(fourth)
    fourth.folder.discard()
    assert [path.name for path in final.parent.iterdir()] == [final.name]
    text = (final / "notebooks" / "甲.ipynb").read_text()
    assert text == f"made in {final}"
