"""A run counts by its tables: what could not be read, or not be drawn, keeps nothing else from the latest."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.clock import SHANGHAI
from pipeline.cohort import load_cohort
from pipeline.colleges import College
from pipeline.errors import InputError, MingceError, RefusedError
from pipeline.progress import Reporter
from pipeline.render import headcount_files
from pipeline.review.actions import Actor, approve
from pipeline.review.ledger import open_ledger
from pipeline.review.review_snapshot import open_tables
from pipeline.run import run_cohort
from pipeline.run_folder import RenderOptions, RunOptions, RunOutcome
from tests.cohorts import make_cohort
from tests.command import run as mingce
from tests.conftest import Once

DAY = date(2016, 10, 20)
SECOND = "12649"


def run(folder: Path, hour: int = 9, **more: object) -> RunOutcome:
    now = datetime(2016, 10, 20, hour, tzinfo=SHANGHAI)
    made: dict[str, Any] = {"render": RenderOptions(notebooks=False), "reporter": Reporter(quiet=True), **more}
    options = RunOptions(DAY, now, **made)
    return run_cohort(load_cohort(folder), options)


def latest(folder: Path) -> str:
    return (load_cohort(folder).reports_folder / "latest.txt").read_text().strip()


def colleges(outcome: RunOutcome, code: str) -> list[str]:
    return sorted(key.partition("/")[2] for key in outcome.summary["colleges_state"] if key.startswith(code))


def faultless(folder: Path) -> Path:
    return make_cohort(folder, 40, 2, seed=3, faults=0.0)


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A cohort that nobody has run: a run takes over nothing of what another folder's has made."""
    return faultless(tmp_path / "fresh")


@pytest.fixture(scope="session")
def begun(once: Once) -> tuple[Path, RunOutcome]:
    """The cohort and its first run; read only."""

    def make(folder: Path) -> tuple[Path, RunOutcome]:
        cohort = faultless(folder / "cohort")
        return cohort, run(cohort)

    return once("counting", make)


@pytest.fixture
def cohort(begun: tuple[Path, RunOutcome], tmp_path: Path) -> Path:
    """A copy of the cohort as its first run left it."""
    return Path(shutil.copytree(begun[0], tmp_path / "cohort"))


@pytest.fixture
def whole(begun: tuple[Path, RunOutcome], cohort: Path) -> RunOutcome:
    """The first run."""
    folder, first = begun
    return replace(first, folder=cohort / first.folder.relative_to(folder.resolve()))


def test_strangers_stand_in_one_line_and_none_of_their_words_is_printed(cohort: Path, whole: RunOutcome, shared: Path):
    shutil.copy(shared / "cases" / "attacks" / "emoji-major.csv", cohort / "submissions" / "emoji.csv")
    outcome = run(cohort, 10)
    assert outcome.summary["complete"] and latest(cohort) == outcome.folder.name
    old, new = (pd.read_parquet(folder / "tables" / "headcount.parquet") for folder in (whole.folder, outcome.folder))
    added = new[~new["major"].isin(old["major"])]
    assert set(added["major"]) == {"（名单外）"} and set(added["education_level"]) == {""}
    assert not added.duplicated(["school", "college"]).any()
    assert set(new["college"]) - {"（名单外）"} <= set(old["college"])
    assert len(list(outcome.folder.glob("site/*/headcount.pdf"))) == len(outcome.summary["colleges_state"])


def test_a_registry_that_cannot_be_read_keeps_its_colleges_alone_from_going_on(
    cohort: Path, whole: RunOutcome, capsys: pytest.CaptureFixture[str]
):
    registry = cohort / "registry" / f"{SECOND}.csv"
    registry.rename(cohort / "elsewhere.csv")
    outcome = run(cohort, 10)
    assert (outcome.summary["partial"], outcome.summary["blemished"], outcome.lacking) == (True, False, True)
    assert latest(cohort) == outcome.folder.name != whole.folder.name
    assert [one["code"] for one in outcome.summary["unread"]["registries"]] == [SECOND]
    first, second = colleges(whole, "10534")[0], colleges(whole, SECOND)[0]
    assert "学籍库" in refused(["sign", f"{SECOND}/{second}", str(cohort), "--by", "某"], capsys)
    assert "学籍库" not in refused(["sign", f"10534/{first}", str(cohort), "--by", "某"], capsys)
    assert "学籍库" in refused(["handin", str(cohort), "--college", f"{SECOND}/{second}"], capsys)
    (cohort / "elsewhere.csv").rename(registry)
    assert run(cohort, 11).summary["complete"]


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert mingce(*words) == 6
    return capsys.readouterr().err


def test_colleges_with_students_in_a_source_that_cannot_be_read_wait_until_it_is(cohort: Path, whole: RunOutcome):
    source = cohort / "submissions" / f"{SECOND}.csv"
    text = source.read_bytes()
    for hour in (10, 11):  # whom it concerns is known by the last run that had read it
        source.write_bytes(b"PK\x03\x04 no more of it")
        outcome = run(cohort, hour)
        (unread,) = outcome.summary["unread"]["sources"]
        assert unread["name"] == f"submissions/{SECOND}.csv"
        assert [key.partition("/")[2] for key in unread["colleges"]] == colleges(whole, SECOND)
        assert latest(cohort) == outcome.folder.name
    tables, _ = open_tables(load_cohort(cohort))
    with pytest.raises(RefusedError, match=f"submissions/{SECOND}.csv"):
        tables.refuse_unread(college(SECOND, colleges(whole, SECOND)[0]))
    tables.refuse_unread(college("10534", colleges(whole, "10534")[0]))
    source.write_bytes(text)
    assert run(cohort, 12).summary["unread"] == {"registries": [], "sources": []}


def college(code: str, name: str) -> College:
    return College(code, "", name)


def test_without_any_registry_nothing_is_produced(cohort: Path, whole: RunOutcome, capsys: pytest.CaptureFixture[str]):
    for registry in (cohort / "registry").iterdir():
        registry.unlink()
    with pytest.raises(InputError, match="没有一所学校的学籍库能读"):
        run(cohort, 10)
    assert latest(cohort) == whole.folder.name
    assert mingce("review", "list", cohort) == 0
    assert "2016-10-20 10:00 的那次没有完成" in capsys.readouterr().err


def test_a_page_that_cannot_be_made_is_made_by_the_next_run(fresh: Path, monkeypatch: pytest.MonkeyPatch):
    def failing(path: Path, _: object) -> None:
        raise MingceError("画不出", where=path.name)

    with monkeypatch.context() as changed:
        changed.setitem(headcount_files.FILES, "headcount.pdf", failing)
        outcome = run(fresh)
    assert (outcome.summary["blemished"], outcome.summary["partial"], outcome.lacking) == (True, False, True)
    assert latest(fresh) == outcome.folder.name
    again = run(fresh, 10)
    assert again.summary["complete"]
    assert len(list(again.folder.glob("site/*/headcount.pdf"))) == len(again.summary["colleges_state"])


@pytest.mark.parametrize("words", [["explain", "{number}"], ["review", "withdraw", "--submission", "{id}"]])
def test_what_stands_in_a_newer_run_of_some_colleges_alone_is_found(
    cohort: Path, whole: RunOutcome, words: list[str], capsys: pytest.CaptureFixture[str]
):
    name = colleges(whole, "10534")[0]
    number = "1999999999"
    source = cohort / "submissions" / "10534.csv"
    rows = pd.read_csv(source, dtype=str, keep_default_na=False)
    own = rows[rows["院系"] == name].head(1)
    stranger = own.assign(学号=number, 姓名="无此人", 身份证号码="", 考生号="")
    pd.concat([rows, stranger]).to_csv(source, index=False)
    some = run(cohort, 10, colleges=(f"10534/{name}",)).folder
    given = pd.read_parquet(some / "tables" / "submissions.parquet")
    one = given["submission_id"][given["student_number"] == number].iloc[0]
    assert mingce(*(word.format(number=number, id=one) for word in words), cohort, *by(words)) == 0
    said = capsys.readouterr()
    assert number in said.out or "已撤销 1 条" in said.out


def by(words: list[str]) -> list[str]:
    return ["--by", "王", "--why", "填错学校"] if "withdraw" in words else []


def test_a_registry_among_the_submissions_and_a_link_out_of_the_folder_are_refused(cohort: Path, tmp_path: Path):
    shutil.copy(cohort / "registry" / "10534.csv", cohort / "submissions" / "copied.csv")
    (cohort / "submissions" / f"{SECOND}.csv").rename(tmp_path / "elsewhere.csv")
    (cohort / "submissions" / "linked.csv").symlink_to(tmp_path / "elsewhere.csv")
    told = {one["name"]: one["reason"] for one in run(cohort).summary["unread"]["sources"]}
    assert set(told) == {"submissions/copied.csv", "submissions/linked.csv"}
    assert "学籍库是同一个文件" in told["submissions/copied.csv"]
    assert "文件夹之外的链接" in told["submissions/linked.csv"]


def test_after_an_approval_nothing_is_judged_and_the_tables_are_those_of_a_run_made_anew(fresh: Path):
    before = run(fresh)
    tables, today = open_tables(load_cohort(fresh))
    one = tables.people[tables.people["submission_id"] != ""].iloc[0]
    with open_ledger(load_cohort(fresh)) as ledger:
        approve(tables, ledger, [f"{one['school_code']}/{one['student_number']}"], Actor("王", today=today))
    reporter = Reporter(quiet=True)
    taken = run(fresh, 10, reporter=reporter)
    assert not {"collect", "match", "check"} & set(reporter.seconds)
    anew = run(fresh, 11, render=RenderOptions(notebooks=False, force=True))
    assert taken.summary["counts"] == anew.summary["counts"]
    assert tables_of(taken) == tables_of(anew)
    assert {"submissions.csv", "changes.csv", "registry.csv", "extras.csv"} <= taken_over(before, taken)
    assert not {"roster.csv", "headcount.csv"} & taken_over(before, taken)


def test_after_any_change_the_tables_are_those_of_a_run_made_anew(fresh: Path):
    run(fresh)
    changes = {
        "a row": (fresh / "submissions" / f"{SECOND}.csv", "共青团员", "群众"),
        "a registry's row": (fresh / "registry" / "10534.csv", "非定向", "定向"),
        "a setting": (fresh / "cohort.toml", "college_due = 2016-11-20", "college_due = 2016-11-21"),
    }
    for at, (what, (file, before, after)) in enumerate(changes.items()):
        text = file.read_text(encoding="utf-8-sig")
        assert before in text, what
        file.write_text(text.replace(before, after, 1), encoding="utf-8")
        taken = run(fresh, 12 + 2 * at)
        anew = run(fresh, 13 + 2 * at, render=RenderOptions(notebooks=False, force=True))
        assert tables_of(taken) == tables_of(anew), what


def tables_of(outcome: RunOutcome) -> dict[str, bytes]:
    """The tables of a run, byte by byte."""
    return {path.name: path.read_bytes() for path in (outcome.folder / "tables").iterdir()}


def taken_over(before: RunOutcome, outcome: RunOutcome) -> set[str]:
    """The files that a run took from the one before: a product has one line in the journal of each."""
    made, known = (
        [json.loads(line) for line in (one.folder / "made.jsonl").read_text(encoding="utf-8").splitlines()]
        for one in (outcome, before)
    )
    keys = {line["key"] for line in known}
    return {Path(name).name for line in made if line["key"] in keys for name in line["files"]}
