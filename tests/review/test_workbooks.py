"""`[review] decisions` as a glob: `review sheet` writes one workbook a college, each is filled in and decides once."""

import json
from typing import Any

import openpyxl
import pytest

from pipeline.cohort import load_cohort
from pipeline.review.chain import Entry
from pipeline.review.ledger import open_ledger
from tests.command import run

from .test_upgrade import checked, checked_once, statuses  # noqa: F401

pytestmark = pytest.mark.slow
DAY = ("--as-of", "2016-10-25")


def fill(path, **opinions):
    """Write 意见, 审核人 and 说明 beside student numbers, as a counselor does."""
    book = openpyxl.load_workbook(path)
    sheet: Any = book["审核"]
    columns = {cell.value: cell.column for cell in sheet[1]}
    for row in range(2, sheet.max_row + 1):
        number = sheet.cell(row, columns["学号"]).value
        for name, value in zip(("意见", "审核人", "说明"), opinions.get(f"n{number}", ()), strict=False):
            sheet.cell(row, columns[name]).value = value
    book.save(path)
    return {sheet.cell(row, columns["学号"]).value: sheet.cell(row, columns["提交编号"]).value for row in range(2, 99)}


def test_one_workbook_a_college_goes_round(checked, capsys):  # noqa: F811
    cohort = checked
    settings = cohort / "cohort.toml"
    text = settings.read_text(encoding="utf-8").replace('"decisions.csv"', '"decisions/*"')
    settings.write_text(text, encoding="utf-8")
    (cohort / "decisions").mkdir()
    first, second = (cohort / "decisions" / f"{name}.xlsx" for name in ("土木", "潇湘"))
    for path, college in ((first, "土木工程学院"), (second, "12649/潇湘学院")):
        assert run("review", "sheet", cohort, "--college", college, "--out", path) == 0
    assert run("review", "sheet", cohort, "--college", "12649/潇湘学院", "--out", second) == 2  # never written over
    assert run("check", cohort, *DAY) == 0  # blank sheets decide nothing
    before = statuses(cohort, capsys)
    ids = fill(first, n13000000001=("通过", "周老师"), n13000000000=("退回", "周老师", "照片"))
    assert ids["13000000001"] and len(set(filter(None, ids.values()))) > 25
    fill(second, n13000000034=("取消审核", "吴老师", "误批"), n13000000035=("退回", "吴老师"))
    (cohort / "decisions" / "~$土木.xlsx").write_bytes(b"lock")  # Excel has it open
    (cohort / "decisions" / "土木签字.pdf").write_bytes(b"%PDF-1.7 scanned")
    (cohort / "decisions" / "名单.csv").write_text("姓名\n张三\n", encoding="utf-8")  # one bad file stops no others
    (cohort / "decisions" / "坏.xlsx").write_bytes(b"PK\x03\x04 half")
    for _ in range(2):
        capsys.readouterr()
        assert run("check", cohort, *DAY) == 0
        assert "潇湘.xlsx" in (told := capsys.readouterr().err) and "学号 13000000035：退回要写明说明" in told
        assert "decisions/土木签字.pdf 是 PDF 文件，不是表格，没有读取" in told
        assert "decisions/名单.csv 审核表缺少列 学号、意见，没有读取。表头应为：" in told
        assert "decisions/坏.xlsx " in told
    after = statuses(cohort, capsys)
    changed = {number: row["status"] for number, row in after.items() if row["status"] != before[number]["status"]}
    assert changed == {
        "10534/13000000001": "approved", "10534/13000000000": "returned", "12649/13000000034": "awaiting",
    }  # fmt: skip
    with open_ledger(load_cohort(cohort)) as ledger:
        made = ledger.entries("decision").tail(3)
    sources = [json.loads(data)["source"] for data in made["data"]]
    assert sorted(sources) == ["decisions/土木.xlsx", "decisions/土木.xlsx", "decisions/潇湘.xlsx"]
    first.rename(first.with_stem("土木（终）"))
    assert run("review", "approve", cohort, "--student", "10534/13000000000", "--by", "李老师") == 0  # returned before
    assert run("check", cohort, *DAY) == 0
    assert "其中 2 条与已不在的 decisions/土木.xlsx 里的相同，没有再记" in capsys.readouterr().err
    assert statuses(cohort, capsys)["10534/13000000000"]["status"] == "approved"


def test_a_school_of_the_table_goes_by_every_name_of_the_cohort(checked, capsys):  # noqa: F811
    """Contract: a code, an alias, or what begins or ends one school's name alone, as in submissions."""
    settings = checked / "cohort.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("[[schools]]", '[[schools]]\naliases = ["科大本部"]', 1), encoding="utf-8")
    names = ("科大本部", "潇湘学院", "10534", "别的学校")
    given = "".join(f"{name},1300000000{number},通过,王\n" for number, name in enumerate(names))
    (checked / "decisions.csv").write_text(f"学校名称,学号,意见,审核人\n{given}", encoding="utf-8")
    capsys.readouterr()
    assert run("check", checked, *DAY) == 0
    told = capsys.readouterr().err
    assert told.count("没有学校") == 1 and "没有学校 别的学校" in told


def test_a_row_about_another_submission_is_told_and_not_applied(checked, capsys):  # noqa: F811
    cohort = checked
    settings = cohort / "cohort.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("decisions.csv", "sheet.xlsx"), encoding="utf-8")
    assert run("review", "sheet", cohort, "--college", "土木工程学院", "--out", cohort / "sheet.xlsx") == 0
    fill(cohort / "sheet.xlsx", n13000000001=("通过", "周老师"))
    path = cohort / "submissions" / "10534.csv"
    rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
    changed = [row.replace("桃花村", "桃花新村", 1) if "13000000001" in row else row for row in rows]
    assert changed != rows
    path.write_text("".join(changed), encoding="utf-8")
    capsys.readouterr()
    assert run("check", cohort, *DAY) == 0
    assert "这名学生现在的提交不是表中的提交编号" in capsys.readouterr().err
    assert statuses(cohort, capsys)["10534/13000000001"]["status"] == "awaiting"


@pytest.mark.parametrize("replaced", [False, True])
def test_over_a_deleted_or_foreign_ledger_decisions_and_runs_warn_and_nothing_is_signed(checked, capsys, replaced):  # noqa: F811
    ledger, who = checked / "ledger.sqlite", ("--by", "王老师", "--why", "试")
    college = ("土木工程学院", checked)
    number = next(number for number, row in statuses(checked, capsys).items() if row["status"] == "approved")
    for path in checked.glob("ledger.sqlite*"):
        path.unlink()
    if replaced:
        with open_ledger(load_cohort(checked)) as other:
            other.append(*[Entry("decision", "approve", "李老师", student_number="1")] * 200)
    for words in (
        ("review", "approve", checked, "--student", number, *who),
        ("review", "return", checked, "--student", number, *who),
        ("scope", "out", "--student", number, "--reason", "休学", "--proof", "其他", *who, checked),
        ("check", checked, *DAY),
    ):
        assert run(*words) == 0, words
        assert "账本不是原来那一本" in (told := capsys.readouterr().err), words
        assert "不能签字" in told and "backup --restore" in told and "停止使用" not in told, words
    for words in (("send", checked, "--dry-run"), ("send", checked)):
        assert run(*words) == 6  # there is no run yet
        assert capsys.readouterr().err.startswith("请注意：账本不是原来那一本"), words
    for words in (("sign", *college, *who), ("accept", *college, *who), ("handin", checked)):
        assert run(*words) == 6, words
        assert "账本不是原来那一本" in capsys.readouterr().err, words
    assert run("backup", "--restore", ledger, checked, *who) == 0  # there is no backup
    assert run("check", checked, *DAY) == 0
    assert "账本不是原来" not in capsys.readouterr().err


def test_a_wrong_place_to_write_to_is_refused_and_nothing_is_written(checked, capsys, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(checked)  # of `backup`
    sheet = ("review", "sheet", checked, "--college", "土木工程学院", "--out")
    exports = (checked / "registry" / "10534.csv", checked / "registry" / "12649.csv")
    diff = ("registry", "diff", *exports, "--out")
    for name in ("folder.xlsx", "folder.csv"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    for words, place, told in (
        (sheet, "a.csv", "文件名 a.csv 不是 .xlsx"),
        (sheet, "folder.xlsx", "已有文件"),
        (diff, "folder.csv", "是文件夹"),
        (sheet, "file/a.xlsx", "写不进去"),
        (diff, "a.xlsx", "文件名 a.xlsx 不是 .csv"),
        (diff, "file/a.csv", "写不进去"),
        (("template",), "a.csv", "文件名 a.csv 不是 .xlsx"),
        (("template",), "file/a.xlsx", "写不进去"),
        (("handin", checked, "--out"), "a.xlsx", "请写文件夹"),
        (("anonymise", checked), "file/a", "写不进去"),
        (("demo",), "file/a", "写不进去"),
        (("docs", checked, "--out"), "file/a", "却有同名的文件"),
        (("init",), "file/a", "却有同名的文件"),
        (("backup",), "file", "却有同名的文件"),
        (("backup",), "a.xlsx", "备份是 SQLite 文件"),
        (("check", checked, "--reports"), "file", "却有同名的文件"),
        (("sign", "verify", "--code", ""), checked.name, "校验码应为四组"),
    ):
        assert run(*words, tmp_path / place) == 2, (words, place)
        assert told in capsys.readouterr().err, (words, place)
    assert sorted(path.name for path in tmp_path.iterdir() if path != checked) == ["file", "folder.csv", "folder.xlsx"]
