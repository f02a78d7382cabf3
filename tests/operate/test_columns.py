"""`mingce columns`: what each column is read as, what is proposed, and what is written into cohort.toml."""

import json

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.cohort import load_cohort
from pipeline.cohort_text import save_columns
from pipeline.errors import ConfigurationError, UsageError
from pipeline.operate.column_report import report_columns
from tests.cohorts import settings
from tests.collecting import collect_submissions

ID = ["110101199003077619", "11010119900307723X", "110101199003078494"]
REGISTRY = "学号,身份证号码,姓名,所属单位,班级,专业,学历\n" + "".join(
    f"130503010{n},{ID[n]},{name},{college},13土木{n}班,土木工程,本科\n"
    for n, (name, college) in enumerate([("张三丰", "土木学院"), ("李四", "土木学院"), ("王五", "机电学院")])
)
FORM = "提交时间,姓名,编号,身分证号码,个人手机\n" + "".join(
    f"2016-10-08 9:00,{name},130503010{n},{ID[n]},1380000000{n}\n" for n, name in enumerate(["张三丰", "李四", "王五"])
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "submissions").mkdir()
    (tmp_path / "submissions" / "a.csv").write_text(FORM, "utf-8")
    (tmp_path / "registry.csv").write_text(REGISTRY, "utf-8")
    people = "学校名称,院系,别名,副书记,邮箱\n湖南科技大学,土木学院,,,\n湖南科技大学,机电学院,,,\n"
    (tmp_path / "colleges.csv").write_text(people, "utf-8")
    (tmp_path / "counselors.csv").write_text(
        "学校名称,院系,班级,姓名,邮箱\n湖南科技大学,土木学院,13土木0班,王,\n", "utf-8"
    )
    (tmp_path / "cohort.toml").write_text(f"# 我们的设置\n{settings()}\n# 末尾的说明\n", "utf-8")
    return tmp_path


def test_values_prove_and_likeness_asks(folder):
    looked = report_columns(load_cohort(folder))
    told = {(each.school, each.field, each.text, each.proved) for each in looked.proposals}
    assert told == {
        ("10534", "college", "所属单位", True),
        ("", "student_number", "编号", True),
        ("", "phone", "个人手机", False),
    }
    assert "phone" in looked.missing[""]
    read = {column.field: column.basis for sheet in looked.sheets for column, _ in sheet.columns}
    assert read["id_number"] == "values"


def test_a_sheet_that_is_refused_lacks_only_what_it_lacks(folder):
    (folder / "submissions" / "a.csv").write_text(FORM.replace("姓名", "您的真实姓名").replace("编号", "学号"), "utf-8")
    missing = report_columns(load_cohort(folder)).missing[""]
    assert "name" in missing and not {"submitted_at", "id_number"} & set(missing)


def test_a_class_over_the_table_is_proposed_and_taken_when_declared(folder):
    people = [["张三丰", "1305030100", ID[0]], ["李四", "1305030101", ID[1]]]
    form = [["2017届信息表", "", ""], ["班级：13土木0班", "", ""], ["姓名", "学号", "身份证号"], *people]
    (folder / "submissions" / "a.csv").write_text("".join(",".join(row) + "\n" for row in form), "utf-8")
    told = [each for each in report_columns(load_cohort(folder)).proposals if not each.school]
    assert [(each.field, each.text, each.proved) for each in told] == [("class_name", "@title", True)]
    save_columns(folder / "cohort.toml", {"": {"class_name": "@title"}})
    rows = collect_submissions(load_cohort(folder), None).rows
    assert set(rows["class_name"]) == {"13土木0班"}


def test_values_are_masked(folder):
    values = {v for sheet in report_columns(load_cohort(folder)).sheets for _, values in sheet.columns for v in values}
    assert not values & {*ID, "张三丰", "13800000000", "1305030100"}
    assert {"土木学院", "张*丰"} & values


def test_without_a_terminal_only_what_is_proved_is_saved(folder):
    ran = CliRunner().invoke(app, ["columns", str(folder), "--save", "--json"])
    assert ran.exit_code == 0
    assert json.loads(ran.stdout)["saved"] == [
        {"school": "10534", "college": "所属单位"},
        {"school": "", "student_number": "编号"},
    ]
    text = (folder / "cohort.toml").read_text("utf-8")
    assert text.startswith("# 我们的设置\n")
    assert text.endswith("# 末尾的说明\n")
    cohort = load_cohort(folder)
    assert cohort.submissions.columns == {"student_number": "编号"}
    assert cohort.schools[0].columns == {"college": "所属单位"}
    again = report_columns(cohort)
    assert {(each.field, each.proved) for each in again.proposals} == {("phone", False)}


def test_the_screen_tells_each_column(folder):
    ran = CliRunner().invoke(app, ["columns", str(folder)])
    assert "个人手机" in ran.stdout
    assert "13800000000" not in ran.stdout


TWO = """[[schools]]
code = "1"
name = "甲"
registry = "a"  # 甲的

[[schools]]
code = "2"
name = "乙"
registry = "b"
"""
SAVED = [
    ({"2": {"name": "XM"}}, 'registry = "b"\n\n[schools.columns]\nname = "XM"\n'),
    ({"1": {"name": "XM"}}, 'registry = "a"  # 甲的\n\n[schools.columns]\nname = "XM"\n\n[[schools]]'),
    ({"": {"phone": "手机"}}, '[submissions.columns]\nphone = "手机"\n# 旧的\ncollege = "学院"\n'),
    ({"": {"college": "系"}}, '[submissions.columns]\ncollege = "系"\n# 旧的\n'),
]


@pytest.mark.parametrize(("answers", "part"), SAVED)
def test_answers_stand_in_the_right_table(tmp_path, answers, part):
    path = tmp_path / "cohort.toml"
    path.write_text(TWO + '[submissions]\nfrom = "x"\n[submissions.columns]\n# 旧的\ncollege = "学院"\n', "utf-8")
    save_columns(path, answers)
    assert part in path.read_text("utf-8")


def test_a_file_that_cannot_be_changed_safely_is_left_alone(tmp_path):
    path = tmp_path / "cohort.toml"
    path.write_text('submissions = { from = "x" }\n', "utf-8")
    with pytest.raises(UsageError, match="没有写入"):
        save_columns(path, {"": {"phone": "手机"}})
    assert path.read_text("utf-8") == 'submissions = { from = "x" }\n'


KEYS = [
    ('"院系" = "分院"', {"college": "分院"}, ""),
    ('"学历" = "=本科"\n"班级" = "@sheet"', {"education_level": "=本科", "class_name": "@sheet"}, ""),
    ('"爱好" = "x"', {}, "没有字段 爱好"),
    ('"院系" = "x"\ncollege = "y"', {}, "写了两次"),
    ('"院系" = "@tab"', {}, "sheet"),
    ('"院系" = ""', {}, "不能为空"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "columns", "told"), KEYS)
def test_declared_columns(folder, lines, columns, told):
    (folder / "cohort.toml").write_text(f"{settings()}\n[submissions.columns]\n{lines}\n", "utf-8")
    if not told:
        assert load_cohort(folder).submissions.columns == columns
        return
    with pytest.raises(ConfigurationError, match=told):
        load_cohort(folder)
