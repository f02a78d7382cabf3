"""Submissions, registries and people from whole cohort folders."""

import datetime as dt
import os
import shutil
import sqlite3
import stat
import sys
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from pipeline.cohort_sections import Source
from pipeline.collect.inputs import files_of
from pipeline.collect.school_tables import read_people, read_registry
from pipeline.collect.source_columns import fields_read
from pipeline.collect.submissions import collect_unit, submission_units
from pipeline.errors import ConfigurationError, InputError
from pipeline.fields import in_registry, names
from tests.collecting import collect_submissions

HEAD = "学校名称,学号,考生号,身份证号码,姓名,性别,院系,班级,专业,学历"
PEOPLE = [
    "湖南科技大学,1305030101,13430300000001,430302199503141234,张三,男,土木工程学院,13土木1班,土木工程,本科",
    "湖南科技大学,1305030102,,110105194912310021,李四,女,土木工程学院,13土木1班,土木工程,本科",
]
PLACE = {"college": "=土木学院", "class_name": "=13土木1班", "major": "=土木工程", "education_level": "=本科"}


def write(folder, name, *lines, encoding="utf-8"):
    (folder / name).write_text("\n".join([HEAD, *lines]) + "\n", encoding)
    return folder / name


def test_the_sample(sample):
    from pipeline.cohort import load_cohort

    cohort = load_cohort(sample)
    found = collect_submissions(cohort, sample / "inputs")
    assert found.rows["sheet"].nunique() == 20
    assert set(found.rows.columns) == {"file", "sheet", "row", "why", *names()}
    assert {str(kind) for kind in found.rows.drop(columns="row").dtypes} == {"str"}
    assert not found.rows.isna().any().any()
    assert fields_read(found.columns) == set(names())
    registries = [read_registry(school, cohort, sample / "inputs") for school in cohort.schools]
    assert [len(each.rows) for each in registries] == [1080, 120]
    kept = {path.name for path in (sample / "inputs").iterdir()}
    assert kept == {each.sha256 for one in (found, *registries) for each in one.inputs}


def test_one_bad_file_stops_nobody_and_what_was_read_is_kept(make_cohort, tmp_path):
    cohort = make_cohort()
    folder = cohort.folder / "submissions"
    good = write(folder, "b.csv", *PEOPLE)
    (folder / "c.csv").write_bytes(good.read_bytes() + b"\n")
    (folder / "a.xlsx").write_bytes(b"PK\x03\x04broken")
    (folder / "~$a.xlsx").write_bytes(b"lock")
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / "旧").mkdir()
    found = collect_submissions(cohort, tmp_path / "inputs")
    assert found.rows["file"].tolist() == ["submissions/b.csv"] * 2 + ["submissions/c.csv"] * 2
    assert [(note.level, note.file) for note in found.notes if note.level == "error"] == [
        ("error", "submissions/a.xlsx")
    ]
    said = {note.file for note in found.notes if note.level == "info"}
    assert said >= {"submissions/~$a.xlsx", "submissions/旧"}
    data = good.read_bytes()
    stored = [path for path in (tmp_path / "inputs").iterdir() if path.read_bytes() == data]
    assert [path.name for path in stored] == [found.inputs[0].sha256]
    if os.name == "posix":
        assert stat.S_IMODE(stored[0].stat().st_mode) == 0o600


def test_nothing_to_read_says_where(make_cohort):
    cohort = make_cohort()
    with pytest.raises(InputError, match="没有找到文件") as caught:
        collect_submissions(cohort, None)
    assert "submissions/*" in str(caught.value)
    (cohort.folder / "submissions" / "a.xlsx").write_bytes(b"")
    with pytest.raises(InputError, match="空文件"):
        collect_submissions(cohort, None)


def test_positions_of_cells_across_sheets(make_cohort):
    cohort = make_cohort()
    folder = cohort.folder / "submissions"
    write(folder, "a.csv", *PEOPLE)
    pd.DataFrame([["张三", 4.30302e17, 1305030101]], columns=["姓名", "身份证号码", "学号"]).to_excel(
        folder / "b.xlsx", index=False
    )
    found = collect_submissions(cohort, None)
    at = {row.field: row.at for row in found.cells.itertuples()}
    assert at == {"id_number": 2, "student_number": 2}
    assert found.rows.iloc[2]["id_number"] == "4.30302E+17"


KINDS = ["csv", "xlsx", "ods", "parquet"]


@pytest.mark.parametrize("kind", KINDS)
def test_registry_of_every_kind(make_cohort, tmp_path, kind):
    cohort = make_cohort(f"registry.{kind}")
    frame = pd.read_csv(write(tmp_path, "source.csv", *PEOPLE), dtype=str).fillna("")
    path = tmp_path / f"registry.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False, encoding="gb18030")
    elif kind == "parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_excel(path, index=False, engine={"xlsx": "xlsxwriter", "ods": "odf"}[kind])
    found = read_registry(cohort.schools[0], cohort, None)
    assert found.rows["student_number"].tolist() == ["1305030101", "1305030102"]
    assert found.rows["exam_number"].tolist() == ["13430300000001", ""]
    assert found.rows["row"].tolist() == [2, 3]
    assert set(in_registry()) < set(found.rows.columns)
    assert set(found.rows["school_code"]) == {"10534"}


def test_registry_with_its_own_names_and_a_glob(make_cohort, tmp_path):
    cohort = make_cohort("registry-*.csv")
    lines = ["XH,XM,SFZ", "1,张三,430302199503141234"]
    for number in (1, 2):
        (tmp_path / f"registry-{number}.csv").write_text("\n".join(lines), "utf-8")
    own = {"student_number": "XH", "name": "XM", "id_number": "SFZ", **PLACE}
    school = cohort.schools[0].model_copy(update={"columns": own})
    found = read_registry(school, cohort, None)
    assert found.rows["file"].tolist() == ["registry-1.csv", "registry-2.csv"]
    assert found.rows["education_level"].tolist() == ["本科"] * 2
    lost = school.model_copy(update={"columns": {**own, "gender": "XBDM"}})
    with pytest.raises(ConfigurationError) as caught:
        read_registry(lost, cohort, None)
    assert "XBDM" in str(caught.value)
    assert "XH、XM、SFZ" in str(caught.value)


def test_error_values_of_a_registry_are_said(make_cohort, tmp_path):
    cohort = make_cohort("registry.xlsx")
    book = Workbook()
    for row in (["姓名", "身份证号码", "学号"], ["张三", "430302199503141041", "#N/A"]):
        book.active.append(row)
    book.active["C2"].data_type = "e"
    book.save(tmp_path / "registry.xlsx")
    school = cohort.schools[0].model_copy(update={"columns": PLACE})
    found = read_registry(school, cohort, None)
    assert any("1 个单元格是错误值" in note.message for note in found.notes)


UNREADABLE = [
    ("没有.csv", "没有找到文件"), ("sqlite:///没有.sqlite#a", "没有这个数据库文件"),
    ("sqlite:///a.sqlite", "没有写表名"),
    ("sqlite:///a.sqlite#c", "没有表 c"), ("oddsql://x/y#z", "驱动程序"), ("bad.csv", "缺少"),
    ("empty.csv", "没有学生"),
]  # fmt: skip


@pytest.mark.parametrize(("registry", "said"), UNREADABLE)
def test_registry_that_cannot_be_read(make_cohort, tmp_path, registry, said):
    sqlite3.connect(tmp_path / "a.sqlite").close()
    (tmp_path / "bad.csv").write_text("姓名,学号,性别\n张三,1,男\n", "utf-8")
    (tmp_path / "empty.csv").write_text(HEAD + "\n", "utf-8")
    cohort = make_cohort(registry)
    with pytest.raises(InputError, match=said):
        read_registry(cohort.schools[0], cohort, None)


def test_sqlite_registry_streamed_and_kept(make_cohort, tmp_path):
    base = sqlite3.connect(tmp_path / "a.sqlite")
    base.execute("create table students (学号 text, 姓名 text, 身份证号码 text, 学制 real, 考生号 integer)")
    rows = [("1", "张三", "430302199503141234", 4.0, 13430300000001), ("2", "李四", None, 2.5, None)]
    base.executemany("insert into students values (?, ?, ?, ?, ?)", rows)
    base.commit()
    base.close()
    cohort = make_cohort("sqlite:///a.sqlite#students")
    school = cohort.schools[0].model_copy(update={"columns": PLACE})
    found = read_registry(school, cohort, tmp_path / "inputs")
    columns = ["student_number", "name", "id_number", "study_years", "exam_number"]
    assert found.rows[columns].values.tolist() == [
        ["1", "张三", "430302199503141234", "4", "13430300000001"], ["2", "李四", "", "2.5", ""],
    ]  # fmt: skip
    assert [path.name for path in (tmp_path / "inputs").iterdir()] == [found.inputs[0].sha256]


def test_people(make_cohort):
    cohort = make_cohort()
    colleges, counselors = read_people(cohort)
    assert colleges.to_dict("records") == [
        {"school": "湖南科技大学", "college": "土木工程学院", "aliases": "", "secretary": "李书记", "email": "a@b.cn"}
    ]
    assert list(counselors.columns) == ["school", "college", "class_name", "name", "email"]
    (cohort.folder / "counselors.csv").write_text("学校名称,院系\n", "utf-8")
    with pytest.raises(ConfigurationError, match="缺少 班级、姓名"):
        read_people(cohort)


def test_a_file_without_a_form_is_told(make_cohort):
    cohort = make_cohort()
    folder = cohort.folder / "submissions"
    (folder / "a.csv").write_text("购物单\n苹果,3\n", "utf-8")
    with pytest.raises(InputError, match="没有找到登记表"):
        collect_submissions(cohort, None)
    write(folder, "b.csv", *PEOPLE)
    found = collect_submissions(cohort, None)
    assert len(found.rows) == 2
    assert "error" not in {note.level for note in found.notes}


def test_parquet_of_odd_types(make_cohort):
    cohort = make_cohort()
    table = pa.table(
        {
            "姓名": pa.array(["张三", None]),
            "身份证号码": pa.array([430302199503141234, None], pa.int64()),
            "学号": pa.array(["1305030101", "1305030102"]).dictionary_encode(),
            "学制": pa.array([4.0, 2.5]),
            "入学时间": pa.array([dt.date(2013, 9, 1), None]),
            "证件照": pa.array([[1, 2], None]),
            "专业": pa.nulls(2),
            "民族": pa.array([b"\xe6\xb1\x89", None]),
            "考生号": pa.array([Decimal("13430300000001"), None]),
            "提交时间": pa.array([2**60, None], pa.timestamp("ms")),
        }
    )
    pq.write_table(table, cohort.folder / "submissions" / "a.parquet")
    found = collect_submissions(cohort, None)
    columns = [
        "name",
        "id_number",
        "student_number",
        "study_years",
        "enrolment_month",
        "photo",
        "major",
        "ethnicity",
        "exam_number",
    ]
    assert found.rows[columns].values.tolist() == [
        ["张三", "430302199503141234", "1305030101", "4", "2013-09-01", "[1, 2]", "", "汉", "13430300000001"],
        ["", "", "1305030102", "2.5", "", "", "", "", ""],
    ]
    assert {(row.at, row.field) for row in found.cells.itertuples()} >= {(0, "id_number"), (1, "study_years")}


def test_a_moment_with_its_zone_is_the_offices(make_cohort):
    """The last evening of the window is another day in London."""
    cohort = make_cohort()
    when = dt.datetime(2016, 10, 31, 23, 30, tzinfo=dt.timezone(dt.timedelta(hours=8)))
    given = {"姓名": ["张三"], "身份证号码": ["430302199503141234"], "学号": ["1"], "提交时间": [when]}
    pq.write_table(pa.table(given), cohort.folder / "submissions" / "a.parquet")
    assert pq.read_table(cohort.folder / "submissions" / "a.parquet")["提交时间"].type.tz == "+08:00"
    utc = pa.array([when.astimezone(dt.UTC)], pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({**given, "学号": ["2"], "提交时间": utc}), cohort.folder / "submissions" / "b.parquet")
    last = pa.array([dt.datetime(9999, 12, 31, 23, tzinfo=dt.UTC)], pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({**given, "学号": ["3"], "提交时间": last}), cohort.folder / "submissions" / "c.parquet")
    found = collect_submissions(cohort, None).rows["submitted_at"].tolist()
    assert found == ["2016-10-31 23:30", "2016-10-31 23:30", "9999-12-31 23:00"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_links_to_one_file_are_read_once(tmp_path):
    write(tmp_path, "b.csv", *PEOPLE)
    (tmp_path / "c.csv").symlink_to("b.csv")
    (tmp_path / "up").symlink_to(".", target_is_directory=True)
    assert files_of("**/*.csv", tmp_path)[0] == [tmp_path / "b.csv"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_and_devices_are_refused_at_once(make_cohort, tmp_path):
    cohort = make_cohort()
    write(cohort.folder / "submissions", "b.csv", *PEOPLE)
    os.mkfifo(cohort.folder / "submissions" / "pipe.csv")
    (cohort.folder / "submissions" / "zero.csv").symlink_to("/dev/zero")
    (cohort.folder / "submissions" / "round.csv").symlink_to("round.csv")
    found = collect_submissions(cohort, tmp_path / "inputs")
    errors = {note.file: note.message for note in found.notes if note.level == "error"}
    assert set(errors) == {f"submissions/{name}.csv" for name in ("pipe", "zero", "round")}
    assert "不是普通文件" in errors["submissions/pipe.csv"]
    assert "链接" in errors["submissions/zero.csv"]
    assert "打不开" in errors["submissions/round.csv"]
    assert len(found.rows) == len(PEOPLE)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' names are text")
def test_a_name_that_is_no_text_is_shown_as_such(make_cohort, tmp_path):
    cohort = make_cohort()
    folder = cohort.folder / "submissions"
    write(folder, "a.csv", *PEOPLE).rename(os.fsencode(folder).decode() + "/" + os.fsdecode(b"\xb0\xe0.csv"))
    found = collect_submissions(cohort, tmp_path / "inputs")
    assert set(found.rows["file"]) == {"submissions/\ufffd\ufffd.csv"}
    assert found.rows.to_parquet()


def test_a_file_that_two_globs_name_is_read_once(make_cohort, tmp_path):
    cohort = make_cohort()
    write(cohort.folder / "submissions", "b.csv", *PEOPLE)
    twice = cohort.submissions.model_copy(
        update={"sources": [Source(path="submissions/*"), Source(path="submissions/b.csv")]}
    )
    found = collect_submissions(cohort.model_copy(update={"submissions": twice}), tmp_path / "inputs")
    assert len(found.rows) == len(PEOPLE)


@pytest.mark.parametrize("copied", [shutil.copy, os.link, os.symlink])
def test_a_copy_is_told_and_read_once(make_cohort, tmp_path, copied):
    """Everybody in it was told that he submitted again; a class's own file may be missing."""
    cohort = make_cohort()
    write(cohort.folder / "submissions", "a.csv", *PEOPLE)
    (cohort.folder / "more").mkdir()
    copied(cohort.folder / "submissions" / "a.csv", cohort.folder / "more" / "copy.csv")
    twice = cohort.submissions.model_copy(update={"sources": [Source(path="submissions/*"), Source(path="more/*")]})
    found = collect_submissions(cohort.model_copy(update={"submissions": twice}), tmp_path / "inputs")
    assert len(found.rows) == len(PEOPLE)
    told = [(note.level, note.file) for note in found.notes if "submissions/a.csv 内容相同" in note.message]
    assert told == ([("warning", "more/copy.csv")] if copied is shutil.copy else [])


@pytest.mark.parametrize(
    "url", ["mysql+pymysql://u:secret@[::1/db#t", "postgresql+psycopg://u:secret@h:port/db#t", "x://u:secret@h/d"]
)
def test_a_wrong_address_is_told_without_its_password(make_cohort, url):
    cohort = make_cohort(registry=url)
    with pytest.raises(InputError) as caught:
        read_registry(cohort.schools[0], cohort, None)
    assert "secret" not in str(caught.value)


def test_rows_without_text_cost_nothing_and_say_nothing(make_cohort, tmp_path):
    cohort = make_cohort()
    write(cohort.folder / "submissions", "b.csv", *PEOPLE, *["," * HEAD.count(",")] * 3000, "合计" + "," * 5, " ,,,,,")
    found = collect_submissions(cohort, tmp_path / "inputs")
    assert len(found.rows) == len(PEOPLE)
    assert found.skipped["why"].tolist() == ["合计行", "只有空格"]


def test_people_of_a_school_that_is_none_are_told(make_cohort):
    cohort = make_cohort()
    (cohort.folder / "counselors.csv").write_text(
        "学校名称,院系,班级,姓名,邮箱\n某某大学,土木,1班,王,a@b.cn\n", "utf-8"
    )
    with pytest.raises(ConfigurationError, match="某某大学"):
        read_people(cohort)


def test_a_source_may_say_whose_school_it_is(make_cohort):
    cohort = make_cohort()
    write(cohort.folder / "submissions", "b.csv", *PEOPLE)
    for code, school in (("10534", "湖南科技大学"), (None, "")):
        own = cohort.submissions.model_copy(update={"sources": [Source(path="submissions/*", school=code)]})
        of_school = cohort.model_copy(update={"submissions": own})
        (unit,) = submission_units(of_school)
        assert collect_unit(unit, of_school, None).school == school
