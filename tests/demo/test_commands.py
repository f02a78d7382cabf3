"""`mingce demo`, `init`, `anonymise` as a person types them."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline import fields
from pipeline.cli import main
from pipeline.cohort import load_cohort
from pipeline.review.worksheet import read_decision_rows
from tests.cohorts import make_cohort

SENSITIVE = ["student_number", "exam_number", "id_number", "name", "qq", "phone", "email", "home_address"]


def run(*words: object) -> int:
    try:
        main([str(word) for word in words])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_demo_writes_a_cohort(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "demo"
    assert run("demo", folder, "--students", 80, "--no-run") == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(folder / "cohort.toml")
    assert load_cohort(folder).name == "2017届"
    assert run("demo", folder, "--students", 80, "--seed", 3, "--no-run") == 0


@pytest.mark.parametrize(
    "words",
    [("--format", "doc"), ("--kind", "1999"), ("--students", "30"), ("--students", "900000", "--format", "xlsx")],
)
def test_demo_refuses_what_it_cannot_do(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert run("demo", tmp_path / "demo", *words) == 2
    assert not (tmp_path / "demo").exists()


def test_demo_never_writes_into_other_peoples_folders(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert run("demo", tmp_path, "--students", 80, "--no-run") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


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


def rows_of(folder: Path) -> pd.DataFrame:
    book = pd.read_excel(folder / "submissions" / "submissions.xlsx", sheet_name=None, dtype=str, engine="calamine")
    labels = {field.label: name for name, field in fields.fields().items()}
    return pd.concat(book.values(), ignore_index=True).fillna("").rename(columns=labels)


def test_anonymise_leaves_nobody(tmp_path: Path) -> None:
    folder = make_cohort(tmp_path / "real", 200, 2, faults=0.3, form="xlsx", photos=True, decisions=True)
    decisions = folder / "decisions.csv"
    decisions.write_text(f"审核意见表\n{decisions.read_text(encoding='utf-8')}", encoding="gbk")  # as Excel saves it
    assert run("anonymise", folder, tmp_path / "out") == 0
    old, new = rows_of(folder), rows_of(tmp_path / "out")
    assert len(old) == len(new)
    for column in SENSITIVE:
        kept = (set(old[column]) & set(new[column])) - {"", "无", "没有QQ"}
        assert not kept, column
    whole = "".join(path.read_text(errors="ignore") for path in (tmp_path / "out").rglob("*.csv"))
    assert not [name for name in old["name"].str.strip() if len(name) > 2 and name in whole]
    assert len(list((tmp_path / "out" / "photos").iterdir())) == len(list((folder / "photos").iterdir()))
    assert not list((tmp_path / "out").glob(".inputs-*"))
    before, after = (read_decision_rows(load_cohort(cohort)) for cohort in (folder, tmp_path / "out"))
    assert before is not None and after is not None
    assert len(before) and after["意见"].equals(before["意见"]) and not set(before["学号"]) & set(after["学号"])


def test_anonymise_refuses_a_folder_in_use(tmp_path: Path) -> None:
    folder = make_cohort(tmp_path / "real", 80, 2)
    assert run("anonymise", folder, folder) == 2


@pytest.mark.slow
def test_anonymised_cohort_has_the_same_findings(tmp_path: Path) -> None:
    folder = make_cohort(tmp_path / "real", 260, 2, seed=6, faults=0.3, form="xlsx", photos=True)
    assert run("anonymise", folder, tmp_path / "out") == 0
    counts = [findings(cohort)["rule"].value_counts().to_dict() for cohort in (folder, tmp_path / "out")]
    assert counts[0] == counts[1]


def findings(folder: Path) -> pd.DataFrame:
    assert run("check", folder, "--as-of", "2016-10-20") == 0
    (tables,) = (folder / "reports").glob("*/runs/*/tables")
    return pd.read_csv(tables / "findings.csv", dtype=str, keep_default_na=False)
