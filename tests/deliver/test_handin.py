"""The file for the upper system: who is in it, in which codes, and that independent readers find the same."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from types import SimpleNamespace

import openpyxl
import pandas as pd
import pytest
from dbfread import DBF
from openpyxl.styles import Font, PatternFill

from pipeline import fields
from pipeline.deliver.handin import HandinRequest, hand_in
from pipeline.deliver.handin_mapping import DRAFT_WORDS, Mapping, load_mapping
from pipeline.errors import ConfigurationError, RefusedError, UsageError
from pipeline.review.actions import Actor, approve
from pipeline.review.signing import sign
from tests.review.small import COLLEGE as CIVIL
from tests.review.small import TODAY, kept, open_in, person, submission, tables, terms

COLLEGE = (CIVIL.code, CIVIL.name)
GIVEN = dict.fromkeys(fields.names(), "") | {
    "gender": "男", "id_number": "430105199411309445", "ethnicity": "苗族", "political_status": "共青团员",
    "education_level": "本科", "study_years": "2.5", "training_mode": "定向", "commissioning_unit": "=1+1",
    "origin_province": "湖南省", "origin_city": "长沙市", "origin_county": "开福区", "hardship_category": "",
    "teacher_training": "否", "enrolment_month": "2013-09", "graduation_month": "2017-06", "phone": "13812345678",
    "college": "土木学院", "class_name": "一班", "major": "土木工程",
}  # fmt: skip


def run_of(*people):
    """A run whose students submitted what `people` (number to changed fields) say."""
    registry = [person(number) for number, _ in people]
    made = tables(registry, [submission(f"s{number}", number) for number, _ in people])
    rows = []
    for number, more in people:
        rows.append(GIVEN | {"submission_id": f"s{number}", "superseded_by": "", "school": "甲大学"})
        rows[-1] |= {"student_number": number, "exam_number": f"1343000000{number}", "name": f"王{number}"} | more
    given = pd.DataFrame(rows).astype("str")
    return type(made)(made.run_id, made.people, given, made.findings, made.schools, made.extras)


@pytest.fixture
def ledger(tmp_path):
    with open_in(tmp_path) as opened:
        yield opened


@pytest.fixture
def cohort(tmp_path):
    return SimpleNamespace(name="2017届", rules_folder=None, path=tmp_path.joinpath)


def approved(ledger, *people, signed=True):
    made = run_of(*people)
    actor = Actor("王老师", "", TODAY)
    approve(made, ledger, [number for number, _ in people], actor)
    if signed:
        sign(made, ledger, CIVIL, terms(), Actor("李书记", "", TODAY), kept)
    return made


def written(cohort, made, ledger, tmp_path, form="dbf", mapping="national", template=None, draft=False):
    described = mapping if isinstance(mapping, Mapping) else load_mapping(mapping, tmp_path)
    wanted = HandinRequest(described, [COLLEGE], form, template, draft, tmp_path / "out")
    return hand_in(cohort, made, ledger.entries(), wanted, TODAY)


def test_dbf_has_codes_types_and_widths_for_an_independent_reader(cohort, ledger, tmp_path):
    made = approved(ledger, ("1", {}), ("2", {"name": "阿依·买买提", "gender": "女"}))
    done = written(cohort, made, ledger, tmp_path)
    found = DBF(str(done.path), encoding="gbk", load=True)
    assert [row["XM"] for row in found] == ["王1", "阿依·买买提"]
    first = found.records[0]
    assert (first["YXDM"], first["XB"], first["MZ"], first["XL"]) == ("10534", "1", "06", "31")
    assert (first["SYD"], first["XZ"], first["PYFS"], first["ZYDM"]) == ("430105", 2.5, "2", "081001")
    assert (first["RXNY"], first["SFSLB"], first["KNSLB"], first["SFZH"]) == ("201309", "2", "", GIVEN["id_number"])
    described = load_mapping("national", tmp_path)
    assert [(f.name, f.type, f.length) for f in found.fields] == [(c.name, c.type, c.width) for c in described.columns]
    assert done.path.read_bytes()[29] == 0x7A


def test_csv_and_xlsx_say_the_same_and_hold_no_formula(cohort, ledger, tmp_path):
    made = approved(ledger, ("1", {}), ("2", {}))
    with written(cohort, made, ledger, tmp_path, "csv").path.open(encoding="gbk", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["XH"] for row in rows] == ["1", "2"]
    assert rows[0]["WPDW"] == "'=1+1"
    sheet = openpyxl.load_workbook(written(cohort, made, ledger, tmp_path, "xlsx").path).active
    heads = [cell.value for cell in sheet[1]]
    unit = sheet.cell(2, heads.index("定向或委培单位") + 1)
    assert (unit.value, unit.data_type) == ("=1+1", "s")


def test_any_title_and_any_folder_take_every_form(cohort, ledger, tmp_path):
    """A worksheet's name has rules of its own, and dbf takes the name of what it reads for a pattern."""
    made = approved(ledger, ("1", {}))
    mapping = load_mapping("national", tmp_path).model_copy(update={"title": "'生源/就业[2017]:*?\\'" + "名" * 40})
    for form in ("xlsx", "csv", "dbf"):
        assert written(cohort, made, ledger, tmp_path / "[x] {y}", form, mapping).path.is_file()


def test_a_template_keeps_its_styles_and_other_sheets(cohort, ledger, tmp_path):
    made = approved(ledger, ("1", {}), ("2", {}))
    book = openpyxl.Workbook()
    sheet = book.active
    sheet["A1"] = "某省毕业生生源信息上报表"
    labels = [column.heading for column in load_mapping("office", tmp_path).columns][::-1]
    for at, label in enumerate(labels, 1):
        sheet.cell(2, at, label).fill = PatternFill("solid", fgColor="FFEE00")
        sheet.cell(3, at, "示例").font = Font(name="仿宋", size=13)
        sheet.cell(4, at, "示例")
        sheet.cell(5, at, "示例")
    sheet.column_dimensions["B"].width = 33
    book.create_sheet("说明")["A1"] = "=1+1"
    book.save(tmp_path / "t.xlsx")
    done = written(cohort, made, ledger, tmp_path, "xlsx", "office", tmp_path / "t.xlsx")
    kept = openpyxl.load_workbook(done.path)
    sheet = kept.worksheets[0]
    name = labels.index("姓名") + 1
    assert [sheet.cell(row, name).value for row in (3, 4, 5)] == ["王1", "王2", None]
    assert (sheet.cell(4, name).font.name, sheet.cell(2, name).fill.fgColor.rgb) == ("仿宋", "00FFEE00")
    assert (sheet["A1"].value, kept["说明"]["A1"].value) == ("某省毕业生生源信息上报表", "=1+1")
    assert sheet.column_dimensions["B"].width == 33
    assert sheet.cell(3, labels.index("生源地县") + 1).value == "开福区"


def template(tmp_path, change):
    book = openpyxl.Workbook()
    for at, column in enumerate(load_mapping("office", tmp_path).columns, 1):
        book.active.cell(1, at, column.heading)
    change(book.active)
    book.save(tmp_path / "t.xlsx")
    return tmp_path / "t.xlsx"


def test_a_template_with_a_heading_of_two_rows_and_merged_cells_below(cohort, ledger, tmp_path):
    def change(sheet):
        sheet.merge_cells("A1:A2")
        sheet.merge_cells("B1:B2")
        sheet.merge_cells("A3:C4")

    made = approved(ledger, ("1", {}), ("2", {}))
    done = written(cohort, made, ledger, tmp_path, "xlsx", "office", template(tmp_path, change))
    sheet = openpyxl.load_workbook(done.path).active
    heads = [cell.value for cell in sheet[1]]
    assert [sheet.cell(row, heads.index("姓名") + 1).value for row in (2, 3, 4, 5)] == [None, "王1", "王2", None]


def test_a_template_with_a_stray_cell_far_below_stays_small(cohort, ledger, tmp_path):
    far = template(tmp_path, lambda sheet: sheet.cell(1_048_576, 1, "备注"))
    done = written(cohort, approved(ledger, ("1", {})), ledger, tmp_path, "xlsx", "office", far)
    assert done.path.stat().st_size < 100_000


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"<html>"])
def test_a_template_that_is_none_is_refused(cohort, ledger, tmp_path, data):
    (tmp_path / "t.xlsx").write_bytes(data)
    with pytest.raises(UsageError, match="模板打不开"):
        written(cohort, approved(ledger, ("1", {})), ledger, tmp_path, "xlsx", "office", tmp_path / "t.xlsx")


@pytest.mark.parametrize(
    "text",
    ["title = ", "title = \"\xff\"", 'title = 1\nformat = "pdf"', f"title = {'9' * 5000}", f"title = {'[' * 3000}",
     'title = "a"\n[[columns]]\nname = "A"\nfield = "name"\nwidth = 900\nwidht = 1'],
)  # fmt: skip
def test_a_wrong_mapping_is_told_in_chinese(tmp_path, text):
    (tmp_path / "own.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationError) as told:
        load_mapping("own.toml", tmp_path)
    assert not re.search(r"[A-Za-z]+ [a-z]+ [a-z]+", str(told.value).replace(str(tmp_path), ""))


def test_a_template_without_the_columns_is_refused(cohort, ledger, tmp_path):
    openpyxl.Workbook().save(tmp_path / "t.xlsx")
    with pytest.raises(UsageError, match="找不到表头"):
        written(cohort, approved(ledger, ("1", {})), ledger, tmp_path, "xlsx", "office", tmp_path / "t.xlsx")


def test_a_character_outside_the_encoding_names_the_student(cohort, ledger, tmp_path):
    made = approved(ledger, ("1", {}), ("2", {"name": "王䶮"}))
    with pytest.raises(RefusedError, match=r"学号 2：姓名的字符 U\+4DAE 不能用 GBK 写入") as refused:
        written(cohort, made, ledger, tmp_path)
    assert "王䶮" not in str(refused.value)
    assert not list((tmp_path / "out").glob("*"))
    wide = load_mapping("national", tmp_path).model_copy(update={"encoding": "gb18030"})
    found = DBF(str(written(cohort, made, ledger, tmp_path, mapping=wide).path), encoding="gb18030", load=True)
    assert found.records[1]["XM"] == "王䶮"
    spelt = load_mapping("national", tmp_path).model_copy(update={"substitutes": {"䶮": "(上龙下天)"}})
    found = DBF(str(written(cohort, made, ledger, tmp_path, mapping=spelt).path), encoding="gbk", load=True)
    assert found.records[1]["XM"] == "王(上龙下天)"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"name": "长" * 31}, "姓名超过 60 字节"),
        ({"ethnicity": "外星族"}, "民族没有对应的代码"),
        ({"political_status": ""}, "政治面貌没有内容"),
        ({"study_years": "四"}, "学制不是数字"),
        ({"study_years": "12345"}, "学制超过 4 位"),
        ({"study_years": "2.55"}, "学制超过 4 位，或小数多于 1 位"),
        ({"origin_county": "没有县"}, "生源地没有对应的代码"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_written(cohort, ledger, tmp_path, given, why):
    made = approved(ledger, ("1", given))
    with pytest.raises(RefusedError, match=f"学号 1：{why}"):
        written(cohort, made, ledger, tmp_path)
    assert not list((tmp_path / "out").glob("*"))


def test_a_major_outside_the_catalogue_is_blank_and_counted(cohort, ledger, tmp_path):
    done = written(cohort, approved(ledger, ("1", {"major": "土木工程研究"})), ledger, tmp_path)
    assert done.notes == ["专业代码：1 人没有对应的代码，留空"]


def test_unsigned_or_changed_colleges_are_refused_unless_a_draft(cohort, ledger, tmp_path):
    made = approved(ledger, ("1", {}), signed=False)
    with pytest.raises(RefusedError, match="10534/土木学院 还没有签字"):
        written(cohort, made, ledger, tmp_path)
    done = written(cohort, made, ledger, tmp_path, draft=True)
    assert [row["DRAFT"].strip() for row in DBF(str(done.path), encoding="gbk")] == [DRAFT_WORDS]
    assert DRAFT_WORDS in done.path.name
    sign(made, ledger, CIVIL, terms(), Actor("李书记", "", TODAY), kept)
    assert written(cohort, made, ledger, tmp_path).students == 1
    with pytest.raises(RefusedError, match="签字后数据有改动"):
        written(cohort, run_of(("1", {}), ("2", {})), ledger, tmp_path)


def test_mistakes_of_a_mapping_file_are_told_together(tmp_path):
    text = '\ntitle = "x"\n[[columns]]\nname = "xm"\nfield = "name"\nwidth = 3\n[[columns]]\nname = "A"\nwidth = 999\n'
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as error:
        load_mapping("own.toml", tmp_path)
    assert "第 1 列 xm" in str(error.value)
    assert "第 2 列 A width" in str(error.value)
    with pytest.raises(UsageError, match="national"):
        load_mapping("nothing", tmp_path)


@pytest.mark.office
@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
@pytest.mark.parametrize("form", ["dbf", "xlsx"])
def test_libreoffice_reads_the_same(cohort, ledger, tmp_path, form):
    done = written(cohort, approved(ledger, ("1", {}), ("2", {"name": "李·四"})), ledger, tmp_path, form)
    plain = tmp_path / f"in.{form}"
    plain.write_bytes(done.path.read_bytes())
    profile = f"-env:UserInstallation=file://{tmp_path / 'profile'}"
    reader = ["--infilter=dBase:67"] if form == "dbf" else []  # 67: GBK, which a person chooses on opening
    command = [
        "soffice",
        profile,
        "--headless",
        *reader,
        "--convert-to",
        "csv:Text - txt - csv (StarCalc):44,34,76",
        "--outdir",
    ]
    subprocess.run([*command, tmp_path, plain], check=True, capture_output=True, timeout=120)
    if form == "dbf" and not (tmp_path / "in.csv").exists():
        pytest.skip("this LibreOffice has no dBase driver (libreoffice-base-drivers)")
    with (tmp_path / "in.csv").open(encoding="utf-8-sig", newline="") as file:
        heads, *rows = csv.reader(file)
    names = [head.split(",")[0] for head in heads]
    name = names.index("XM" if form == "dbf" else "姓名")
    number = names.index("SFZH" if form == "dbf" else "身份证号")
    assert [row[name] for row in rows] == ["王1", "李·四"]
    assert {row[number] for row in rows} == {GIVEN["id_number"]}
