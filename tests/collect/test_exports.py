"""Known exports: which file it is, what its columns mean, which of its rows were withdrawn."""

import tomllib

import pandas as pd
import pytest

from pipeline import fields, resources
from pipeline.collect.collected import Grid
from pipeline.collect.headings import known_exports
from pipeline.collect.rows import REGISTRY, rows_of_grid
from pipeline.collect.source_columns import number_questions
from pipeline.knowledge.codes import without_placeholders

PERSON = {"姓名": "张三", "身份证号码": "110101199003077619", "学号": "1305030101", "政治面貌": "群众"}
FORMS = [
    ("问卷星", {"序号": "1", "提交答卷时间": "2016/10/8 9:00", "所用时间": "60秒", "来源": "微信"}),
    ("腾讯文档收集表", {"提交者（自动）": "小明", "提交时间（自动）": "2016/10/8 9:00"}),
    ("金山表单", {"提交者": "小明", "提交时间": "2016/10/8 9:00", "答题时长": "3分"}),
    ("腾讯问卷", {"编号": "1", "开始答题时间": "2016/10/8 8:50", "结束答题时间": "2016/10/8 9:00", "答题时长": "60秒"}),
    ("钉钉", {"审批编号": "1", "审批状态": "已完成", "审批结果": "同意", "发起时间": "2016/10/8 9:00",
             "完成时间": "2016/10/9 9:00", "发起人姓名": "李四"}),
    ("飞书", {"申请编号": "1", "申请状态": "已通过", "发起时间": "2016/10/8 9:00", "完成时间": "2016/10/9 9:00"}),
    ("Google 表单", {"时间戳记": "2016/10/8 9:00", "Username": "a@b.cn", "Score": "0"}),
    ("Microsoft Forms", {"ID": "1", "开始时间": "2016/10/8 8:50", "完成时间": "2016/10/8 9:00",
                         "电子邮件": "anonymous", "名称": ""}),
]  # fmt: skip


def read(given, needs=(), sheet="一"):
    return rows_of_grid(Grid("a.xlsx", sheet, [list(given), list(given.values())]), fields.names(), None, needs)


@pytest.mark.parametrize(("name", "front"), FORMS)
def test_a_form_tools_own_columns_are_nobodys_answers(name, front):
    found = read({**front, **{f"{n}、您的{label}：": value for n, (label, value) in enumerate(PERSON.items(), 1)}})
    assert name in found.columns[0].exports
    assert found.rows["submitted_at"].tolist() == ["2016/10/8 9:00"]
    assert found.columns[0].fields == {"submitted_at", "name", "id_number", "student_number", "political_status"}
    assert not found.columns[0].questions


WITHDRAWN = [("审批状态", "已撤销"), ("审批结果", "拒绝"), ("审批状态", "终止")]


@pytest.mark.parametrize(("heading", "state"), WITHDRAWN)
def test_a_withdrawn_submission_is_none_and_is_told(heading, state):
    found = read({**dict(FORMS)["钉钉"], heading: state, **PERSON})
    assert len(found.rows) == 0
    assert state in found.skipped["why"].iloc[0]


REGISTRIES = [
    ["YXMC", "KSH", "XH", "XM", "XB", "SFZH", "MZ", "ZYMC", "FY", "XSH", "BH", "CC", "XXXS", "XZ", "RXRQ", "YJBYRQ"],
    ["考生号", "学号", "姓名", "性别", "证件号码", "民族", "专业", "分院", "班级", "层次", "学制", "入学日期",
     "预计毕业日期", "系(所、函授站)", "学习形式", "学籍状态"],
    ["ksh", "xm", "xbdm", "sfzh", "xh", "zymc", "szyx", "szbj", "学历层次", "学制"],
    ["学号", "姓名", "性别", "身份证号", "民族", "来源地区", "学院", "专业名称", "专业方向", "行政班", "学制",
     "学籍状态", "学历层次", "入学日期", "当前所在级", "考生号"],
    ["xh", "xm", "xb", "sfzh", "mz", "lydq", "xy", "zymc", "xzb", "xz", "xjzt", "cc", "rxrq", "dqszj", "ksh"],
    ["序号", "院(系)/部", "专业", "行政班级", "学号", "姓名", "性别", "身份证号码", "培养层次"],
    ["XH", "XM", "XBDM_DISPLAY", "SFZJH", "YXDM", "YXDM_DISPLAY", "ZYDM_DISPLAY", "BJMC", "PYCCDM_DISPLAY", "RXNY",
     "XJZTDM_DISPLAY"],
    ["学号", "姓名", "身份证号", "学历层次", "院系", "专业", "入校时间", "应毕业时间", "行政管理院系", "学籍状态",
     "行政班级"],
]  # fmt: skip


@pytest.mark.parametrize("headings", REGISTRIES)
def test_a_known_registry_has_all_that_it_must_have(headings):
    found = read({heading: f"值{n}" for n, heading in enumerate(headings)}, REGISTRY)
    assert found.columns[0].fields.issuperset(name for (name,) in REGISTRY)
    assert not found.columns[0].refused
    assert not found.columns[0].questions
    assert ("enrolment_status" in found.columns[0].fields) == bool({"学籍状态", "xjzt", "XJZTDM_DISPLAY"} & {*headings})


def test_every_known_export_names_fields_and_its_source():
    assert all(
        name in {"", *fields.names(), *fields.registry_fields()}
        for one in known_exports()
        for name in one.columns.values()
    )
    assert len(known_exports()) >= 10


OPTIONS = {**dict(FORMS)["问卷星"], **PERSON, "7、性别": "2", "8、民族": "1", "9、学制": "4"}


def test_an_options_number_is_one_question_and_no_answer():
    found = read(OPTIONS)
    assert not {"gender", "ethnicity"} & found.columns[0].fields
    assert {"political_status", "study_years"} <= found.columns[0].fields
    assert found.columns[0].numbered == ("gender", "ethnicity")
    assert not found.columns[0].questions
    (told,) = number_questions(found.columns)
    assert "性别" in told and "民族" in told


def test_an_options_number_is_read_where_the_office_declares_the_column():
    grid = Grid("a.xlsx", "一", [list(OPTIONS), list(OPTIONS.values())])
    found = rows_of_grid(grid, fields.names(), {"gender": "7、性别"}, ())
    assert found.rows["gender"].tolist() == ["2"]
    assert found.columns[0].numbered == ("ethnicity",)


def test_what_a_tool_writes_for_no_answer_is_nothing():
    paths = (resources.expectations() / "exports").glob("*.toml")
    words = [word for path in paths for word in tomllib.loads(path.read_text("utf-8")).get("blank", [])]
    given = pd.Series(words, dtype="str")
    kept = without_placeholders("home_address", given, None)
    assert set(kept[0] if isinstance(kept, tuple) else kept) == {""}
