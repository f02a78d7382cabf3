"""The cohort file: all mistakes at once, each with its advice."""

import csv
import os
import re
import sys
from pathlib import Path

import pytest

from pipeline.cohort import load_cohort, safe_name
from pipeline.errors import ConfigurationError
from tests.cohorts import settings

GOOD = settings()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("colleges.csv", "counselors.csv"):
        (tmp_path / name).write_text("学校名称,院系\n", encoding="utf-8")
    return tmp_path


def _mistakes(folder: Path, text: str) -> list[str]:
    (folder / "cohort.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_cohort(folder)
    assert caught.value.exit_code == 2
    return caught.value.mistakes


def test_a_good_file(folder: Path):
    (folder / "cohort.toml").write_text(GOOD, encoding="utf-8")
    cohort = load_cohort(folder)
    assert cohort.reports_folder == folder.resolve() / "reports" / "2017届"
    assert cohort.ledger.url == "sqlite:///ledger.sqlite"


def test_all_mistakes_at_once_each_with_its_line(folder: Path):
    text = GOOD.replace("year = 2017", 'year = "x"').replace("2016-10-31", '"soon"') + '\n[mial]\nserver = "a"\n'
    mistakes = _mistakes(folder, text)
    assert len(mistakes) == 3
    assert any(line.startswith("第 4 行 cohort.year") for line in mistakes)
    assert any("window.closes" in line and "2016-09-20" in line for line in mistakes)
    assert any("mial" in line and "核对拼写" in line for line in mistakes)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("2016-09-20", "2016-12-01", "日期先后"),
        ('"2017-06"', '"2016-06"', "2017 年内"),
        ("colleges.csv", "none.csv", "没有文件 none.csv"),
        ('from = "submissions/*"', "from = []", "不能为空"),
        ("[window]", "[window", "TOML"),
        ('code = "10534"', 'code = "../x"', "格式"),
    ],
)
def test_a_mistake_names_its_remedy(folder: Path, old: str, new: str, told: str):
    assert any(told in line for line in _mistakes(folder, GOOD.replace(old, new)))


URL = 'registry = "registry.csv"\ncolumns = {nobody = "x"}'


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[cohort]", 'folder = "/etc"\n[cohort]', "没有这个设置项"),
        ("[cohort]", "deep = " + "[" * 4000 + "]" * 4000 + "\n[cohort]", "套得太深"),
        ("year = 2017", "year = " + "9" * 5000, "数字太长"),
        ("year = 2017", "year = 2017\nyear = 2018", "写了两次"),
        ("year = 2017", 'year = 2017\nstudent_number = "(("', "样式写得不对"),
        ("year = 2017", 'year = 2017\nstudent_number = "a{99999999999}"', "样式写得不对"),
        ('"submissions/*"', '"sub\\u0000missions/*"', "NUL"),
        ('"submissions/*"', '"~nobody-of-that-name/*"', "账号"),
        ('registry = "registry.csv"', URL, "没有字段 nobody"),
        ("colleges.csv", "c" * 400, "没有文件"),
        ("[people]", "[standing]\nfirst_pass = inf\n[people]", "超出范围"),
        ("[people]", "[keep]\ninputs = 99999999999\n[people]", "超出范围"),
        ("[people]", "[keep]\nmail = true\n[people]", "应为数字"),
        ("[people]", "[standing]\nrework = false\n[people]", "应为数字"),
        ("[people]", '[ledger]\nurl = "ledger.sqlite"\n[people]', "ledger.url：格式不对"),
        ("[people]", '[ledger]\nurl = "mysql://u:secret@h/db"\n[people]', "ledger.url：格式不对"),
        ("[people]", '[mail]\nserver = "h"\nsender = "就业处"\n[people]', "mail.sender：格式不对"),
        ("[people]", '[scale]\nscheduler = "http://u:secret@h"\n[people]', "格式不对"),
    ],
)
def test_what_nobody_means_is_a_mistake_and_no_surprise(folder: Path, old: str, new: str, told: str):
    mistakes = "".join(_mistakes(folder, GOOD.replace(old, new)))
    assert told in mistakes
    assert "secret" not in mistakes


@pytest.mark.parametrize("data", [GOOD.encode("gbk"), GOOD.encode("utf-16"), b"\xff\xfe\x00", b"\0"])
def test_a_file_in_another_encoding_is_told_in_chinese(folder: Path, data: bytes):
    (folder / "cohort.toml").write_bytes(data)
    with pytest.raises(ConfigurationError) as caught:
        load_cohort(folder)
    assert not re.search("[A-Za-z]+ [a-z]+ [a-z]+", "".join(caught.value.mistakes))


@pytest.mark.parametrize("rows", ["1," + "x" * 200_000 + ",y", "1,\0"])
def test_a_hostile_table_of_schools(folder: Path, rows: str):
    text = GOOD.replace("year = 2017", 'year = 2017\nschools = "schools.csv"')
    (folder / "schools.csv").write_text(f"code,name,registry\n{rows}\n", encoding="utf-8")
    csv.field_size_limit(1 << 28)  # as a reader of submissions leaves it
    assert _mistakes(folder, text[: text.index("[[schools]]")] + text[text.index("[submissions]") :])


@pytest.mark.skipif(sys.platform != "linux", reason="a name is text there")
def test_a_folder_whose_name_is_no_text(folder: Path):
    odd = folder / os.fsdecode(b"a\xff")
    odd.mkdir()
    (odd / "cohort.toml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="改名"):
        load_cohort(odd)


def test_another_file_is_no_cohort(folder: Path):
    (folder / "headcount.pdf").write_bytes(b"%PDF-1.7\n\xe2\xe3\xcf\xd3")
    with pytest.raises(ConfigurationError, match=r"不是 cohort\.toml"):
        load_cohort(folder / "headcount.pdf")


def test_no_file_at_all(folder: Path):
    with pytest.raises(ConfigurationError, match="mingce init"):
        load_cohort(folder)


@pytest.mark.parametrize("name", ["../x", "CON", "a.", "a" * 300, "x\u202ey", 'a<b>"c', "...", ""])
def test_a_name_becomes_one_harmless_segment(name: str):
    safe = safe_name(name)
    assert safe == Path(safe).name
    assert len(safe) <= 81
    assert safe not in ("", ".", "..")


def test_the_right_school_and_a_year_before_that_is_none(folder: Path):
    second = '[[schools]]\ncode = "../x"\nname = "乙"\nregistry = "b.csv"\n[submissions]'
    text = GOOD.replace("[submissions]", second)
    at = text.splitlines().index('code = "../x"') + 1
    assert any(line.startswith(f"第 {at} 行 schools.1.code") for line in _mistakes(folder, text))
    told = _mistakes(folder, GOOD.replace("year = 2017", 'year = 2017\nprevious = "../none"'))
    assert any("不是一届的文件夹" in line for line in told)
