"""Two exports of a registry compared."""

import json

import pandas as pd
import xlsxwriter
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.collect.collected import text_frame
from pipeline.collect.school_tables import compare_registries
from pipeline.errors import InputError
from pipeline.fields import in_registry

OLD = """学校名称,学号,身份证号码,姓名,专业,院系,班级
甲大学,1,430302199503141234,张三,土木工程,土木工程学院,13土木1班
甲大学,2,430302199503141235,李四,土木工程,商学院,13会计1班
乙大学,1,430302199503141236,王五,土木工程,土木工程学院,13土木1班
"""
NEW = """专业,姓名,学号,身份证号码,学校名称,院系,班级
土木工程, 张三 ,1,430302199503141234,甲大学,土木工程学院,13土木1班
采矿工程,王五,1,43030219950314123X,乙大学,土木工程学院,13土木1班
土木工程,赵六,3,430302199503141238,甲大学,土木工程学院,13土木1班
"""


def files(folder):
    (folder / "old.csv").write_text(OLD, "utf-8")
    (folder / "new.csv").write_text(NEW, "gb18030")
    return ["registry", "diff", str(folder / "old.csv"), str(folder / "new.csv")]


def test_added_removed_changed(tmp_path):
    out = tmp_path / "d.csv"
    ran = CliRunner().invoke(app, [*files(tmp_path), "--json", "--out", str(out)])
    assert [list(each.values()) for each in json.loads(ran.stdout)] == [
        ["乙大学", "1", "王五", "changed", "id_number", "430***********1236", "430***********123X"],
        ["乙大学", "1", "王五", "changed", "major", "土木工程", "采矿工程"],
        ["甲大学", "2", "李四", "removed", "", "商学院 13会计1班", ""],
        ["甲大学", "3", "赵六", "added", "", "", "土木工程学院 13土木1班"],
    ]
    assert "43030219950314123X" in out.read_text("utf-8-sig")


def test_the_file_holds_no_formula(tmp_path):
    (tmp_path / "o.csv").write_text(OLD, "utf-8")
    (tmp_path / "n.csv").write_text(OLD.replace("张三,土木工程", "张三,=WEBSERVICE(1)"), "utf-8")
    words = ["registry", "diff", str(tmp_path / "o.csv"), str(tmp_path / "n.csv"), "--out", str(tmp_path / "d.csv")]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert ",'=WEBSERVICE(1)" in (tmp_path / "d.csv").read_text("utf-8-sig")


def test_an_export_that_is_not_read_whole_is_not_compared(tmp_path):
    """Its students would be told as gone."""
    book = xlsxwriter.Workbook(tmp_path / "new.xlsx")
    for far in (0, 1_000_000):
        sheet = book.add_worksheet()
        for row, line in enumerate(OLD.splitlines()):
            sheet.write_row(row, 0, line.split(","))
        sheet.write_string(far, 19, "x")
    book.close()
    (tmp_path / "old.csv").write_text(OLD, "utf-8")
    ran = CliRunner().invoke(app, ["registry", "diff", str(tmp_path / "old.csv"), str(tmp_path / "new.xlsx")])
    assert isinstance(ran.exception, InputError)
    assert "铺得太大" in str(ran.exception)


def test_the_screen_masks_numbers(tmp_path):
    ran = CliRunner().invoke(app, files(tmp_path))
    assert "新增 1 人，减少 1 人，改动 1 人" in ran.stdout
    assert "43030219950314" not in ran.stdout


def test_who_moved_is_named_and_a_new_number_is_no_new_student(tmp_path):
    new = OLD.replace("李四,土木工程,商学院,13会计1班", "李四,土木工程,土木工程学院,13土木1班")
    new = new.replace("甲大学,1,43", "甲大学,9,43")
    (tmp_path / "old.csv").write_text(OLD, "utf-8")
    (tmp_path / "new.csv").write_text(new, "utf-8")
    words = ["registry", "diff", str(tmp_path / "old.csv"), str(tmp_path / "new.csv")]
    assert [list(each.values()) for each in json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)] == [
        ["甲大学", "2", "李四", "changed", "college", "商学院", "土木工程学院"],
        ["甲大学", "2", "李四", "changed", "class_name", "13会计1班", "13土木1班"],
        ["甲大学", "9", "张三", "changed", "student_number", "1", "9"],
    ]
    shown = CliRunner().invoke(app, words).stdout
    assert "新增 0 人，减少 0 人，改动 2 人，其中换了院系或班级的 1 人" in shown and "李四" in shown


def test_the_same_twice_and_numbers_that_repeat():
    frame = text_frame(in_registry(), [tuple(["1"] * len(in_registry()))] * 3)
    assert len(compare_registries(frame, frame)) == 0
    assert compare_registries(frame, frame.head(2))["change"].tolist() == ["removed"]
    assert len(compare_registries(frame, pd.DataFrame(frame.head(0)))) == 3
