"""The cohort file: all mistakes at once, each with its advice."""

from pathlib import Path

import pytest

from pipeline.cohort import load_cohort, safe_name
from pipeline.errors import ConfigurationError

GOOD = """
[cohort]
name = "2017届"
year = 2017
undergraduate_month = "2017-06"
[window]
opens = 2016-09-20
closes = 2016-10-31
college_due = 2016-11-20
[[schools]]
code = "10534"
name = "湖南科技大学"
registry = "registry.csv"
[submissions]
from = "submissions/*"
[people]
colleges = "colleges.csv"
counselors = "counselors.csv"
"""


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


def test_no_file_at_all(folder: Path):
    with pytest.raises(ConfigurationError, match="mingce init"):
        load_cohort(folder)


@pytest.mark.parametrize("name", ["../x", "CON", "a.", "a" * 300, "x\u202ey", 'a<b>"c', "...", ""])
def test_a_name_becomes_one_harmless_segment(name: str):
    safe = safe_name(name)
    assert safe == Path(safe).name
    assert len(safe) <= 81
    assert safe not in ("", ".", "..")
