"""What normalising keeps, changes and writes down."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import fields
from pipeline.knowledge.codes import load_codes
from pipeline.normalise.normalise_rows import Vocabulary, distinct_ids, normalise, row_digests
from pipeline.normalise.text_repairs import comparable, repair
from tests.frames import submissions

WORDS = Vocabulary(
    load_codes(),
    {comparable("湖南科技大学"): "湖南科技大学", "10534": "湖南科技大学"},
    {("湖南科技大学", comparable("资源环境与安全工程学院")): "能源与安全工程学院"},
)

# field | typed | kept | part of the reason
SPEC = """
student_number    | １３０５０３０１０１      | 1305030101          | 全角
student_number    | 1305030101.0              | 1305030101          | 小数
student_number    | 1.305030101E+09           | 1305030101          | 小数
student_number    | 1.30503E+09               | 1.30503E+09         |
exam_number       | 13,430,300,000,052        | 13430300000052      | 千分位
id_number         | 430302199503141041.0      | 430302199503141041.0 |
phone             | 13800138000.0             | 13800138000         | 小数
graduation_month  | 201706.0                  | 2017-06             | 年-月
student_number    | '1305030101               | 1305030101          | 撇号
id_number         | 43030219950314104１       | 430302199503141041  | 全角
id_number         | 430302 19950314 1041      | 430302199503141041  | 空格
id_number         | 43030219950314100х        | 43030219950314100X  | X
id_number         | 43030219950314100×        | 43030219950314100X  | X
id_number         | 4303021995031410x         | 4303021995031410X   | 大写
phone             | +86 138-0013-8000         | 13800138000         | 电话号码
phone             | 86 13800138000            | 13800138000         | 电话号码
phone             | 1380013800                | 1380013800          |
family_phone      | (0731)58290000            | 0731-58290000       | 电话号码
family_phone      | 010 6234 5679             | 010-62345679        | 电话号码
family_phone      | 13912340003（父亲）       | 13912340003         | 电话号码
family_phone      | 母亲：139 1234 0003       | 13912340003         | 电话号码
family_phone      | 父13912340003、母13912340004 | 13912340003/13912340004 | 电话号码
phone             | 手机：13800001111         | 13800001111         | 电话号码
id_number         | 身份证：430302199503141041 | 430302199503141041  | 号码前
id_number         | 430302-19950314-1041      | 430302199503141041  | 分隔
id_number         | 430302199503141041（本人） | 430302199503141041  | 号码后
id_number         | 护照号码：E12345678       | E12345678           | 号码前
student_number    | 学号：1305030101          | 1305030101          | 号码前
id_number         | “430302199503141041”。    | 430302199503141041  | 标点
id_number         | (430302199503141041)      | 430302199503141041  | 标点
id_number         | 430302·19950314·1041      | 430302199503141041  | 分隔
id_number         | 43030219950314104?        | 43030219950314104?  |
id_number         | K-1234567                 | K1234567            | 分隔
exam_number       | 1343-0300000052           | 13430300000052      | 分隔
student_number    | 13-0501                   | 13-0501             |
qq                | Q:1105417280；            | 1105417280          | 标点
qq                | -3                        |                     | 占位
phone             | ☎13800138000。            | 13800138000         | 标点
phone             | 手机/微信：13800138000    | 13800138000         | 电话号码
phone             | 138_0013·8000             | 13800138000         | 电话号码
phone             | 13800138000/13800138000   | 13800138000         | 电话号码
family_phone      | 86 731 58291325           | 0731-58291325       | 电话号码
family_phone      | 无                        |                     | 占位
commissioning_unit| /                         |                     | 占位
ethnicity         | 苗                        | 苗族                | 规定名称
education_level   | 本科毕业生                | 本科                | 规定名称
education_level   | 研究生                    | 研究生              |
graduation_month  | 2017年6月                 | 2017-06             | 年-月
study_years       | 4年                       | 4                   | 数字
college           | 资源环境与安全工程学院    | 能源与安全工程学院  | 现用
school            | 10534                     | 湖南科技大学        | 全称
school            | 湖南（科技大学）          | 湖南科技大学        | 全称
origin_province   | 湖南                      | 湖南省              | 省、市、县
email             | １２３@qq.com             | １２３@qq.com       |
email             | \u3000123@qq.com          | 123@qq.com          | 首尾
home_address      | 建设路１１２号            | 建设路112号         | 全角
name              | 古丽娜尔•艾力             | 古丽娜尔·艾力       | 姓名
name              | 张 三                     | 张三                | 姓名
name              | None                      |                     | 占位
name              | Abdul‐Aziz Khan           | Abdul-Aziz Khan     | 连接号
name              | 无名                      | 无名                |
exam_number       | （无）                    |                     | 占位
qq                | 无。                      |                     | 占位
gender            | 请选择                    |                     | 占位
home_address      | N/A                       |                     | 占位
home_address      | （空）                    |                     | 占位
home_address      | (跳过)                    |                     | 占位
home_address      | ——                        |                     | 占位
home_address      | 无锡路5号                 | 无锡路5号           |
commissioning_unit| 否                        |                     | 占位
teacher_training  | 无                        | 否                  | 规定名称
hardship_category | 无                        | 非困难生            | 规定名称
qq                | QQ：1105417280            | 1105417280          | 号码前
home_address      | =HYPERLINK("x")           | =HYPERLINK("x")     |
"""


@pytest.mark.parametrize("line", SPEC.strip().splitlines())
def test_a_typed_value_is_kept_as(line: str):
    name, typed, kept, reason = (part.strip() for part in line.split("|"))
    typed = typed.replace("\\u3000", "\u3000")
    rows = submissions({name: typed})
    table, changes = normalise(rows, WORDS)
    assert table[name].iloc[0] == kept
    mine = changes[changes["field"] == name]
    if typed == kept:
        assert mine.empty
    else:
        assert mine["given"].tolist() == [typed]
        assert mine["kept"].tolist() == [kept]
        assert reason in mine["why"].iloc[0]


def test_a_good_row_is_not_touched():
    rows = submissions({})
    table, changes = normalise(rows, WORDS)
    assert changes.empty
    assert table[fields.names()].iloc[0].to_dict() == rows[fields.names()].iloc[0].to_dict()


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(fields.names()), st.text(max_size=25))
def test_repairing_twice_changes_nothing(name: str, typed: str):
    kept, _ = repair(name, typed)
    assert repair(name, kept)[0] == kept


@settings(max_examples=10, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(fields.names()), st.text(max_size=15), max_size=6), min_size=6))
def test_normalising_twice_changes_nothing_and_loses_nothing(typed: list[dict[str, str]]):
    rows = submissions(*typed)
    once, changes = normalise(rows, WORDS)
    again, _ = normalise(once.drop(columns=["submission_id", "superseded_by"]), WORDS)
    pd.testing.assert_frame_equal(once[fields.names()], again[fields.names()])
    told = {(at, name): given for at, name, given in changes[["at", "field", "given"]].itertuples(index=False)}
    for at in range(len(rows)):  # whatever was typed is either kept or stands in changes
        for name in fields.names():
            assert told.get((at, name), once[name].iloc[at]) == rows[name].iloc[at]


@pytest.mark.parametrize(
    ("typed", "province", "kept"),
    [("10084", "湖南省", "010084"), ("41120", "湖南省", "41120"), ("50000", "河北省", "050000"),
     ("13500", "内蒙古自治区", "013500"), ("12", "湖南省", "12"), ("41120", "", "041120")],
)  # fmt: skip
def test_a_lost_leading_zero_comes_back(typed: str, province: str, kept: str):
    table, _ = normalise(submissions({"postcode": typed, "home_province": province}), WORDS)
    assert table["postcode"].tolist() == [kept]


def submission_ids(rows: pd.DataFrame) -> pd.Series:
    return distinct_ids(row_digests(rows))


def test_position_never_enters_the_submission_id():
    rows = submissions({}, {"name": "甲乙"}, {"name": "丙丁"})
    moved = rows.iloc[[2, 0, 1]].assign(row=[9, 10, 11], file="b.xlsx").reset_index(drop=True)
    before = dict(zip(rows["name"], submission_ids(rows), strict=True))
    assert dict(zip(moved["name"], submission_ids(moved), strict=True)) == before


def test_a_copied_row_keeps_the_approved_id_among_the_submissions():
    one = submission_ids(submissions({})).iloc[0]
    two = submission_ids(submissions({}, {}))
    assert two.iloc[1] == one
    assert two.is_unique


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "char", ["身", "1", "A", "A1", " ", "（", "(身", "1（身", "-", ".", "：", "id:", "年1月", "@", "；"]
)
def test_a_cell_of_any_length_costs_no_more_than_its_length(char: str):
    """A stranger's cell once kept a run busy for ever: a label of 40,000 letters had exponentially many readings."""
    for name in fields.names():
        repair(name, char * 20_000 + "\u4e00?")
