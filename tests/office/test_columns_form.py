"""The desk's form for columns: questions with check boxes, answers in `cohort.toml`."""

import tomllib
from pathlib import Path
from typing import Any

from ipywidgets import Button, Checkbox

from pipeline.office import open_office
from pipeline.office.commands import show_columns
from tests.cohorts import make_cohort


def renamed(cohort: Path, old: str, new: str) -> None:
    for path in (cohort / "submissions").iterdir():
        path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")


def test_a_ticked_question_is_written_and_another_is_not(tmp_path: Path):
    cohort = make_cohort(tmp_path / "2017", 40, 1, kind="one-school", faults=0)
    renamed(cohort, ",院系,", ",院系部,")
    renamed(cohort, ",政治面貌,", ",政治面帽,")
    form: Any = show_columns(open_office(str(cohort)))
    look, questions, output = form.children
    look.click()
    *asked, save = questions.children
    assert isinstance(save, Button) and all(isinstance(each, Checkbox) for each in asked)
    wanted = {each.description: each for each in asked}
    college = next(text for text in wanted if "“院系部”" in text and "院系" in text.split("读作")[1])
    for text, box in wanted.items():
        box.value = text == college
    save.click()
    assert '：院系 = "院系部"' in output.outputs[0]["text"]
    written = tomllib.loads((cohort / "cohort.toml").read_text(encoding="utf-8"))
    assert written["submissions"]["columns"] == {"college": "院系部"}


def test_a_cohort_whose_columns_are_all_known_asks_nothing(tmp_path: Path):
    cohort = make_cohort(tmp_path / "2017", 40, 1, kind="one-school", faults=0)
    form: Any = show_columns(open_office(str(cohort)))
    look, questions, output = form.children
    look.click()
    assert not questions.children and "没有要确认的" in output.outputs[0]["text"]
