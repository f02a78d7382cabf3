"""`mingce init` as a person types it."""

from datetime import datetime
from pathlib import Path

import openpyxl
import pandas as pd

from pipeline.clock import SHANGHAI
from pipeline.cohort import load_cohort
from pipeline.collect.school_tables import read_people
from pipeline.operate.doctor import examine_cohort
from tests.cohorts import make_cohort
from tests.command import run


def test_init_makes_a_folder_that_loads(tmp_path: Path) -> None:
    folder = tmp_path / "2018"
    assert run("init", folder) == 0
    cohort = load_cohort(folder)
    assert cohort.cohort.undergraduate_month == f"{cohort.year}-06"
    assert (folder / "counselors.csv").read_text(encoding="utf-8-sig") == "学校名称,院系,班级,姓名,邮箱\n"
    assert (folder / "登记表.xlsx").is_file()


def test_init_never_overwrites(tmp_path: Path) -> None:
    folder = make_cohort(tmp_path / "c", 80, 2)
    before = (folder / "cohort.toml").read_bytes()
    assert run("init", folder) == 2
    assert (folder / "cohort.toml").read_bytes() == before


def test_init_like_goes_on_from_last_year(tmp_path: Path) -> None:
    older = make_cohort(tmp_path / "2026", 80, 1, kind="postgraduate-2026")
    (older / "rules").mkdir()
    with (older / "cohort.toml").open("a", encoding="utf-8") as file:
        file.write('[rules]\nfolder = "rules"\n[mail]\nserver = "smtp.example.edu.cn"\nsender = "a@example.edu.cn"\n')
    assert run("init", tmp_path / "2027", "--like", older) == 0
    newer = load_cohort(tmp_path / "2027")
    assert newer.year == 2027
    assert newer.cohort.undergraduate_month == "2027-12"
    assert [school.name for school in newer.schools] == [school.name for school in load_cohort(older).schools]
    assert newer.cohort.previous == "../2026"
    assert newer.mail is not None
    assert newer.rules.folder == "../2026/rules"
    assert (tmp_path / "2027" / "colleges.csv").read_text(encoding="utf-8-sig") == (older / "colleges.csv").read_text()


def test_init_with_a_registry_fills_schools_months_colleges_and_classes(tmp_path: Path) -> None:
    """The class list of the workbook, the month in its examples and the tables of people are the registry's."""
    other = make_cohort(tmp_path / "other", 80, 1, kind="postgraduate-2026", form="xlsx")
    exported = next((other / "registry").iterdir())
    given = pd.read_csv(exported, dtype=str, keep_default_na=False)
    folder = tmp_path / "2026"
    assert run("init", folder, "--registry", exported) == 0
    cohort = load_cohort(folder)
    assert [school.name for school in cohort.schools] == list(given["学校名称"].unique())
    undergraduates = given[given["学历"].isin(["本科", "专科"])]["毕业年份"]
    if len(undergraduates):
        assert cohort.cohort.undergraduate_month == undergraduates.mode().iloc[0]
    assert cohort.window.opens.year == cohort.window.college_due.year == cohort.year - 1
    colleges, counselors = read_people(cohort)
    assert set(colleges["college"]) == set(given["院系"])
    assert set(counselors["class_name"]) == set(given["班级"]) and len(counselors) == counselors["class_name"].nunique()
    assert cohort.path(cohort.schools[0].registry).read_bytes() == exported.read_bytes()
    book = openpyxl.load_workbook(folder / "登记表.xlsx")
    words = {str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row if cell}
    assert set(given["班级"]) <= words and set(given["院系"]) <= words
    asked = {check.what for check in examine_cohort(cohort, datetime(2026, 1, 1, tzinfo=SHANGHAI)) if not check.ok}
    assert any("代码还是示例" in what for what in asked) and any("[office]" in what for what in asked)


def test_init_with_what_is_no_registry_makes_nothing(tmp_path: Path) -> None:
    (tmp_path / "no.csv").write_text("甲,乙\n1,2\n", encoding="utf-8")
    assert run("init", tmp_path / "new", "--registry", tmp_path / "no.csv") in (2, 3)
    assert run("init", tmp_path / "new", "--registry", tmp_path / "none.csv") == 2
    assert not (tmp_path / "new").exists()
