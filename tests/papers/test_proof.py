"""The sheet for signatures says, line by line, what the tables say; numbers are masked; the registry stays silent."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline import fields
from pipeline.cohort import Cohort
from pipeline.papers.make import Wanted, colleges_of, make_papers
from pipeline.papers.proof import proof_pdf
from pipeline.papers.students import EQUAL, UNLIKE, Students, students_of
from pipeline.render.mask import mask_id
from pipeline.view.run import Run


def words_of(pdf: Path) -> list[str]:
    """The words of each page, as `pdftotext` has them, without spaces."""
    program = shutil.which("pdftotext") or pytest.skip("pdftotext is not installed (apt-get install poppler-utils)")
    text = subprocess.run([program, "-layout", pdf, "-"], capture_output=True, check=True).stdout.decode()
    return ["".join(page.split()) for page in text.split("\f")[:-1]]


def classes(run: Run) -> list[Students]:
    return [one for college in colleges_of(run) for one in students_of(run, college).by_class()]


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
        marks = one.marks().assign(submission_id=list(one.roster["submission_id"]))
        own = findings[findings["rule"].str.endswith(".registry")]
        unlike = set(zip(own["submission_id"], own["rule"].str.removesuffix(".registry"), strict=True))
        for row in marks.to_dict("records"):
            told = {name for name in fields.compared() if row[name] == UNLIKE}
            asked = {name for submission, name in unlike if submission == row["submission_id"]}
            assert asked <= told
            if row["submission_id"] in one.certified:
                assert asked == told and row["id_number"] == row["name"] == EQUAL


def test_full_numbers_only_where_they_are_asked_for(run: Run, tmp_path: Path):
    one = next(one for one in classes(run) if len(one.roster) > 5)
    (tmp_path / "full.pdf").write_bytes(proof_pdf(one, "2017届", full=True))
    text = "".join(words_of(tmp_path / "full.pdf"))
    numbers = [number for number in one.submitted["id_number"] if len(number) == 18]
    assert numbers and all(number in text for number in numbers)
    assert "请勿拍照" in text


def test_papers_are_the_owners_alone(papers: Path):
    for path in [papers.parent, papers, *papers.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
    assert not re.search(r"[0-9]{17}[0-9X]", " ".join(str(path) for path in papers.rglob("*")))


def test_one_class_alone(cohort: Cohort, run: Run):
    name = classes(run)[0].class_name
    made = make_papers(cohort, run, Wanted(("proof", "corrections"), classes=(name,)))
    assert {path.name for path in made.files} <= {f"{name}-核对签名表.pdf", f"{name}-问题表.xlsx"}
