"""The sheet for signatures says, line by line, what the tables say; numbers are masked; the registry stays silent."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from pipeline import fields
from pipeline.cohort import Cohort
from pipeline.logs import mask_id
from pipeline.papers.class_roster import DIFFERS, EQUAL, Students, paper_students, proof_paper, wrap_lines
from pipeline.papers.paper_files import PaperFolder, PaperRequest, colleges_of, write_papers
from pipeline.view.run_tables import Run


def words_of(pdf: Path) -> list[str]:
    """The words of each page, as `pdftotext` has them, without spaces."""
    program = shutil.which("pdftotext") or pytest.skip("pdftotext is not installed (apt-get install poppler-utils)")
    text = subprocess.run([program, "-layout", pdf, "-"], capture_output=True, check=True).stdout.decode()
    return ["".join(page.split()) for page in text.split("\f")[:-1]]


def classes(run: Run) -> list[Students]:
    return [one for college in colleges_of(run) for one in paper_students(run, college).by_class()]


def test_every_student_has_a_line_and_no_id_number_is_whole(run: Run, papers: Path):
    for one in classes(run):
        (path,) = papers.glob(f"*-{one.college.name}/{one.class_name}-核对签名表.pdf")
        pages = words_of(path)
        text = "".join(pages)
        for at, page in enumerate(pages, 1):
            assert f"第{at}页共{len(pages)}页" in page and ("本人签名" in page or at == len(pages))
        assert f"全班在册{len(one.roster)}人" in text and f"辅导员：{one.counselors}" in text
        submitted = one.submitted.reset_index()
        listed = one.roster.assign(given=submitted["student_number"], blank=submitted["submission_id"] == "")
        for number in [*listed["student_number"][listed["blank"]], *filter(None, listed["given"])]:
            assert number in text
        for number in filter(None, one.submitted["id_number"]):
            assert number not in text or len(number) < 8
            assert mask_id(number) in text


def test_marks_say_what_the_findings_say(run: Run):
    findings = run.table("findings")
    for one in classes(run):
        marks = one.marks.assign(submission_id=list(one.roster["submission_id"]))
        own = findings[findings["rule"].str.endswith(".registry")]
        unlike = set(zip(own["submission_id"], own["rule"].str.removesuffix(".registry"), strict=True))
        for row in marks.to_dict("records"):
            told = {name for name in fields.compared() if row[name] == DIFFERS}
            asked = {name for submission, name in unlike if submission == row["submission_id"]}
            assert asked <= told
            if row["submission_id"] in one.certified:
                assert asked == told and row["id_number"] == row["name"] == EQUAL


def test_full_numbers_only_where_they_are_asked_for(run: Run, tmp_path: Path):
    one = next(one for one in classes(run) if len(one.roster) > 5)
    (tmp_path / "full.pdf").write_bytes(proof_paper(one, "2017届", full=True).pdf())
    text = "".join(words_of(tmp_path / "full.pdf"))
    numbers = [number for number in one.submitted["id_number"] if len(number) == 18]
    assert numbers and all(number in text for number in numbers)
    assert "请勿拍照" in text


def test_papers_are_the_owners_alone(papers: Path):
    for path in [papers.parent, papers, *papers.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
    assert not re.search(r"[0-9]{17}[0-9X]", " ".join(str(path) for path in papers.rglob("*")))


def test_what_a_mail_carries_is_made_anew_only_when_it_changed(cohort: Cohort):
    made: list[str] = []

    def mailed(run: str, key: str) -> bytes:
        return PaperFolder(cohort, run).attachment(
            "a.pdf", key, lambda: made.append(key) or f"{key} {len(made)}".encode()
        )

    assert mailed("20990101-a", "one") == mailed("20990102-b", "one") == b"one 1"
    assert mailed("20990103-c", "two") == b"two 2" and mailed("20990104-d", "one") == b"one 1"
    file = cohort.reports_folder / "papers" / "20990101-a" / "mail" / "a.pdf"
    assert file.stat().st_mode & 0o777 == 0o600 and file.parent.stat().st_mode & 0o777 == 0o700
    file.write_bytes(b"another")
    assert mailed("20990105-e", "one") == b"one 3" and made == ["one", "two", "one"]


def test_one_class_alone(cohort: Cohort, run: Run):
    name = classes(run)[0].class_name
    made = write_papers(cohort, run, PaperRequest(("proof", "corrections"), classes=(name,)))
    assert {path.name for path in made.files} <= {f"{name}-核对签名表.pdf", f"{name}-问题表.xlsx"}


@pytest.mark.parametrize(("size", "sheets"), [(1, 1), (60, 4), (140, 8)])
def test_a_class_of_any_size_is_on_few_sheets_line_by_line(run: Run, tmp_path: Path, size: int, sheets: int):
    """Everybody once and in order, below repeated headings; a name that cannot be drawn is a box with a note.

    A class of 60 without the faults of this cohort, whose marks take lines of their own, is on 3 sheets.
    """
    one = max(classes(run), key=lambda one: len(one.roster))
    listed = pd.concat([one.roster] * (size // len(one.roster) + 1), ignore_index=True).head(size)
    rare = dict(zip(range(size), ["张𠮷", "买买提·阿卜杜热合曼江", "䶮㛃"], strict=False))
    listed["name"] = listed["name"].mask(listed.index.isin(list(rare)), listed.index.map(rare).astype("str"))
    listed["submission_id"] = listed["submission_id"].mask(listed.index.isin(list(rare)), "")
    many = replace(one, roster=listed, college_rows=None)
    (tmp_path / "class.pdf").write_bytes(proof_paper(many, "2017届", full=False).pdf())
    pages = words_of(tmp_path / "class.pdf")
    assert len(pages) <= sheets and all("本人签名" in page for page in pages[:-1])
    given = many.submitted["student_number"].to_numpy()
    numbers = [shown or number for shown, number in zip(given, listed["student_number"], strict=True)]
    text, at = "".join(pages), 0
    for number in numbers:
        at = text.index(number, at) + len(number)
    assert sum(text.count(number) for number in set(numbers)) >= size
    assert "张□" in text and "字体里没有的字" in text
    assert "买买提·阿卜杜热合" in text or size == 1


@pytest.mark.parametrize(
    ("lines", "cell", "tall"),
    [
        ([[("湖北省", EQUAL)], [("武汉市", EQUAL), ("江夏区", EQUAL)]], "湖北省✓\n武汉市✓ 江夏区✓", 2),
        ([[("海北藏族自治州", EQUAL), ("门源回族自治县", EQUAL)]], "海北藏族自治州✓\n门源回族自治县✓", 2),
        ([[("武汉市", DIFFERS), ("江夏区", EQUAL)]], [[("武汉市", DIFFERS), ("江夏区", EQUAL)]], 1),
        ([[], [("武汉市", "")]], "武汉市", 1),
        ([[("甲" * 12, "")]], [[("甲" * 12, "")]], 0),
        ([[("甲\n乙", "")]], [[("甲\n乙", "")]], 0),
        ([[("\u2e3b" * 4, "")]], [[("\u2e3b" * 4, "")]], 0),
    ],
    ids=["as given", "between parts", "framed", "nothing given", "too long", "its own line break", "wide dashes"],
)
def test_lines_of_known_number_are_texts(lines: list[list[tuple[str, str]]], cell: object, tall: int):
    """Of a row whose cells all have a number of lines, the height is not measured: a line more would be cut off."""
    assert wrap_lines(lines, 34) == (cell, tall)
