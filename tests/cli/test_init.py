"""`mingce init` as a person types it."""

from pathlib import Path

from pipeline.cohort import load_cohort
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
