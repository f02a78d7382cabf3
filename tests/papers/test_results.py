"""What is posted names nobody; the guide says this cohort's own dates on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cohort import Cohort
from pipeline.papers.paper_files import PaperRequest, write_papers
from pipeline.papers.student_papers import group_message, guide_paper, suffixes
from pipeline.view.answers import ADVICE, NUMBER, STATE, answer_rows
from pipeline.view.run_tables import Run
from tests.papers.test_proof import words_of


@given(st.lists(st.from_regex(r"[0-9]{6,11}", fullmatch=True), unique=True, max_size=60))
def test_endings_tell_students_apart(numbers: list[str]):
    ends = suffixes(numbers)
    assert all(number.endswith(end) and len(end) >= 4 for number, end in zip(numbers, ends, strict=True))
    alone = [number for number in numbers if sum(other.endswith(number) for other in numbers) == 1]
    assert len({ends[numbers.index(number)] for number in alone}) == len(alone)


def test_answers_of_a_class_without_names(cohort: Cohort, run: Run):
    made = write_papers(cohort, run, PaperRequest(("results",)))
    answers, roster = answer_rows(run.path), run.table("roster")
    told = 0
    for path in made.files:
        name = path.name.removesuffix("-核对结果.xlsx")
        own = answers[answers["班级"] == name]
        sheet: Any = openpyxl.load_workbook(path).active
        rows = [tuple(cell.value for cell in line) for line in sheet.iter_rows(min_row=4)]
        expected = zip(own[NUMBER], own[STATE], own[ADVICE], strict=True)
        by_end = {number: (state, advice or "不用再做什么") for number, state, advice in expected}
        for end, state, advice in rows:
            ((found),) = [each for number, each in by_end.items() if number.endswith(end)]
            assert found == (state, advice)
        text = "".join(str(value) for row in rows for value in row)
        assert not [one for one in roster["name"][roster["class_name"] == name] if len(one) > 2 and one in text]
        told += len(rows)
    assert told == len(answers)


@pytest.mark.parametrize("photos", [False, True])
def test_the_guide_is_one_page_of_this_cohorts_dates(cohort: Cohort, tmp_path: Path, photos: bool):
    office = cohort.office.model_copy(update={"name": "招生就业处", "phone": "58291319", "form": "https://a.cn/f"})
    submissions = cohort.submissions.model_copy(update={"photos": "photos" if photos else None})
    own = cohort.model_copy(update={"office": office, "submissions": submissions})
    (tmp_path / "g.pdf").write_bytes(guide_paper(own).pdf())
    (page,) = words_of(tmp_path / "g.pdf")
    window = cohort.window
    days = [f"{day.year}年{day.month}月{day.day}日" for day in (window.opens, window.closes, window.college_due)]
    for told in (*days, "招生就业处58291319", "https://a.cn/f", cohort.cohort.undergraduate_month):
        assert told in page, told
    assert ("证件照" in page) == photos
    message = group_message(own)
    assert "\n" not in message.strip() and "https://a.cn/f" in message and f"{window.closes.month}月" in message
