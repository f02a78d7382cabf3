"""A run counts by its tables: what could not be read, or not be drawn, keeps nothing else from the latest."""

from __future__ import annotations

import json
import shutil
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pandas as pd
import pytest

from pipeline.clock import SHANGHAI
from pipeline.cohort import load_cohort
from pipeline.cohort_sections import School
from pipeline.collect.collected import Collected
from pipeline.collect.school_tables import read_registry
from pipeline.collect.submissions import Unit, collect_unit
from pipeline.colleges import College
from pipeline.errors import InputError, MingceError, RefusedError
from pipeline.progress import Reporter
from pipeline.render import headcount_files
from pipeline.review.actions import Actor, approve
from pipeline.review.ledger import open_ledger
from pipeline.review.review_snapshot import open_tables
from pipeline.run import run_cohort
from pipeline.run_folder import RenderOptions, RunOptions, RunOutcome
from pipeline.scale import reading
from tests.command import run as mingce
from tests.conftest import Ran, faultless

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


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A cohort that nobody has run: a run takes over nothing of what another folder's has made."""
    return faultless(tmp_path / "fresh")


@pytest.fixture
def cohort(begun: Ran, tmp_path: Path) -> Path:
    """A copy of the cohort as its first run left it."""
    return Path(shutil.copytree(begun.cohort, tmp_path / "cohort"))


@pytest.fixture
def whole(begun: Ran, cohort: Path) -> RunOutcome:
    """The first run."""
    folder = cohort / begun.run.relative_to(begun.cohort.resolve())
    return RunOutcome(folder, json.loads((folder / "summary.json").read_text(encoding="utf-8")))


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


def test_what_cannot_be_read_keeps_its_colleges_alone_from_going_on_until_it_is_read(
    cohort: Path, whole: RunOutcome, capsys: pytest.CaptureFixture[str]
):
    first, second = colleges(whole, "10534")[0], colleges(whole, SECOND)[0]
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
        tables.refuse_unread(college(SECOND, second))
    tables.refuse_unread(college("10534", first))
    source.write_bytes(text)
    registry = cohort / "registry" / f"{SECOND}.csv"
    registry.rename(cohort / "elsewhere.csv")
    outcome = run(cohort, 12)
    assert (outcome.summary["partial"], outcome.summary["blemished"], outcome.incomplete) == (True, False, True)
    assert latest(cohort) == outcome.folder.name != whole.folder.name
    assert [one["code"] for one in outcome.summary["unread"]["registries"]] == [SECOND]
    assert "学籍库" in refused(["sign", f"{SECOND}/{second}", str(cohort), "--by", "某"], capsys)
    assert "学籍库" not in refused(["sign", f"10534/{first}", str(cohort), "--by", "某"], capsys)
    assert "学籍库" in refused(["handin", str(cohort), "--college", f"{SECOND}/{second}"], capsys)
    (cohort / "elsewhere.csv").rename(registry)
    source.write_bytes(b"PK\x03\x04 no more of it")  # the run before knew nobody of the school
    (unread,) = run(cohort, 13).summary["unread"]["sources"]
    assert [key.partition("/")[2] for key in unread["colleges"]] == colleges(whole, SECOND)
    source.write_bytes(text)
    outcome = run(cohort, 14)
    assert outcome.summary["complete"] and outcome.summary["unread"] == {"registries": [], "sources": []}


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert mingce(*words) == 6
    return capsys.readouterr().err


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
        changed.setitem(headcount_files.HEADCOUNT_WRITERS, "headcount.pdf", failing)
        outcome = run(fresh)
    assert (outcome.summary["blemished"], outcome.summary["partial"], outcome.incomplete) == (True, False, True)
    assert latest(fresh) == outcome.folder.name
    again = run(fresh, 10)
    assert again.summary["complete"]
    assert len(list(again.folder.glob("site/*/headcount.pdf"))) == len(again.summary["colleges_state"])


def test_what_stands_in_a_newer_run_of_some_colleges_alone_is_found(
    cohort: Path, whole: RunOutcome, capsys: pytest.CaptureFixture[str]
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
    assert mingce("explain", number, cohort) == 0
    assert number in capsys.readouterr().out
    assert mingce("review", "withdraw", "--submission", one, cohort, "--by", "王", "--why", "填错学校") == 0
    assert "已撤销 1 条" in capsys.readouterr().out


def test_what_is_no_source_among_the_submissions(cohort: Path, tmp_path: Path):
    """A registry, a link out of the folder, and a document named as a table count as unread. Other documents do not."""
    shutil.copy(cohort / "registry" / "10534.csv", cohort / "submissions" / "copied.csv")
    (cohort / "submissions" / f"{SECOND}.csv").rename(tmp_path / "elsewhere.csv")
    (cohort / "submissions" / "linked.csv").symlink_to(tmp_path / "elsewhere.csv")
    beside = {"通知.pdf": b"%PDF-1.4", "合影.jpg": b"\xff\xd8\xff\xe0", "说明.rtf": b"{\\rtf1", "表.xlsx": b"%PDF-1.7"}
    for name, content in beside.items():
        (cohort / "submissions" / name).write_bytes(content)
    with ZipFile(cohort / "submissions" / "说明.docx", "w") as document:
        document.writestr("word/document.xml", "<w:document/>")
    summary = run(cohort).summary
    told = {one["name"]: one["reason"] for one in summary["unread"]["sources"]}
    assert set(told) == {"submissions/copied.csv", "submissions/linked.csv", "submissions/表.xlsx"}
    infos = {note["file"]: note["message"] for note in summary["notes"] if note["level"] == "info"}
    for name in ("通知.pdf", "合影.jpg", "说明.rtf", "说明.docx"):
        assert "不是表格，未读取" in infos[f"submissions/{name}"]
    assert "学籍库是同一个文件" in told["submissions/copied.csv"]
    assert "文件夹之外的链接" in told["submissions/linked.csv"]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources that runs read: files of submissions, codes of registries."""
    names: list[str] = []

    def unit_read(unit: Unit, *more: Any) -> Collected:
        names.append(f"rows {unit.path.stem if unit.path else ''}")
        return collect_unit(unit, *more)

    def registry_read(school: School, *more: Any) -> Collected:
        names.append(f"registry {school.code}")
        return read_registry(school, *more)

    monkeypatch.setattr(reading, "collect_unit", unit_read)
    monkeypatch.setattr(reading, "read_registry", registry_read)
    return names


def test_after_any_change_the_tables_are_those_of_a_run_made_anew_and_nothing_else_is_read(
    fresh: Path, read: list[str]
):
    first, second = (fresh / "submissions" / f"{code}.csv" for code in ("10534", SECOND))
    registry, settings = fresh / "registry" / "10534.csv", fresh / "cohort.toml"
    last = first.read_text(encoding="utf-8-sig").splitlines(keepends=True)[-1]
    name, number = last.split('","')[6], last.split('","')[18]
    held = next(line for line in registry.read_text(encoding="utf-8-sig").splitlines(keepends=True) if number in line)
    every = {"registry 10534", f"registry {SECOND}", "rows 10534", f"rows {SECOND}"}
    changes = {
        "a row": (second, "共青团员", "群众", {f"rows {SECOND}"}),
        "a registry's row": (registry, "非定向", "定向", {"registry 10534"}),
        "a setting": (settings, "college_due = 2016-11-20", "college_due = 2016-11-21", every),
        "a college's other name": (fresh / "colleges.csv", '"土木工程学院",""', '"土木工程学院","土木系"', every),
        "a row like an example": (first, last, last + last.replace(name, "示例"), {"rows 10534"}),
        "whose number no registry has now": (registry, held, "", {"registry 10534", "rows 10534"}),
        "a file that is passed over": (fresh / "submissions" / ".a", "", "", set[str]()),
    }
    anew = run(fresh, 1)
    for at, (what, (file, before, after, again)) in enumerate(changes.items()):
        text = file.read_text(encoding="utf-8-sig") if file.exists() else ""
        assert before in text, what
        file.write_text(text.replace(before, after, 1), encoding="utf-8")
        read.clear()
        taken = run(fresh, 2 + 2 * at)
        assert set(read) == again, what
        if again:
            anew = run(fresh, 3 + 2 * at, render=RenderOptions(notebooks=False, force=True))
            assert set(read) == every
        assert tables_of(taken) == tables_of(anew) and sheets_of(taken) == sheets_of(anew), what
        assert told_of(taken) == told_of(anew), what
    approved_and_nothing_is_judged(fresh, anew, 2 + 2 * len(changes))


def approved_and_nothing_is_judged(fresh: Path, before: RunOutcome, hour: int) -> None:
    """Approve a student whom no change concerned: the next run judges nobody, and it too equals a run made anew."""
    tables, today = open_tables(load_cohort(fresh))
    people = tables.people[tables.people["submission_id"] != ""]
    one = people[people["school_code"] == SECOND].iloc[-1]
    with open_ledger(load_cohort(fresh)) as ledger:
        approve(tables, ledger, [f"{one['school_code']}/{one['student_number']}"], Actor("王", today=today))
    reporter = Reporter(quiet=True)
    taken = run(fresh, hour, reporter=reporter)
    assert not {"collect", "match", "check"} & set(reporter.seconds)
    anew = run(fresh, hour + 1, render=RenderOptions(notebooks=False, force=True))
    assert taken.summary["counts"] == anew.summary["counts"]
    assert tables_of(taken) == tables_of(anew) and sheets_of(taken) == sheets_of(anew)
    assert {"submissions.csv", "changes.csv", "registry.csv", "extras.csv"} <= taken_over(before, taken)
    assert {path.name for path in (before.folder / "read").iterdir()} <= taken_over(before, taken)  # for the next run
    assert not {"roster.csv", "headcount.csv"} & taken_over(before, taken)


def tables_of(outcome: RunOutcome) -> dict[str, bytes]:
    """The tables of a run, byte by byte."""
    return {path.name: path.read_bytes() for path in (outcome.folder / "tables").iterdir()}


def sheets_of(outcome: RunOutcome) -> dict[str, bytes]:
    """The worksheets of `tables.xlsx`, where an unchanged table's is copied from the run before."""
    with ZipFile(outcome.folder / "tables.xlsx") as book:
        return {name: book.read(name) for name in book.namelist() if name.startswith("xl/worksheets/")}


def told_of(outcome: RunOutcome) -> dict[str, Any]:
    """What a run tells of its sources."""
    told = ("inputs", "notes", "columns", "skipped_rows", "unknown_columns", "column_notes", "counts")
    return {name: outcome.summary[name] for name in told}


def taken_over(before: RunOutcome, outcome: RunOutcome) -> set[str]:
    """The files that a run took from the one before: a product has one line in the journal of each."""
    made, known = (
        [json.loads(line) for line in (one.folder / "made.jsonl").read_text(encoding="utf-8").splitlines()]
        for one in (outcome, before)
    )
    keys = {line["key"] for line in known}
    return {Path(name).name for line in made if line["key"] in keys for name in line["files"]}
