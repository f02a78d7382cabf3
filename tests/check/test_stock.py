"""An office's rules: held against the kinds of their columns when read, judged as Great Expectations judges alone."""

import great_expectations as gx
import pandas as pd
import pytest
import yaml

from pipeline.check import validate as judging
from pipeline.check.rule import Rule
from pipeline.check.stock import REFUSED, expectation_type
from pipeline.check.suites import built_in_rules, office_rules
from pipeline.errors import ConfigurationError
from pipeline.tables import SUBMISSIONS
from tests.spec import catalogue
from tests.spec.judge import facts

pytestmark = pytest.mark.slow
OF = "expect_column_values_to_be_"


def rules_of(folder, *entries):
    rules = [
        {"rule": f"office.r{at}", "severity": "info", "actor": "student", "message": "m", **entry}
        for at, entry in enumerate(entries)
    ]
    text = yaml.safe_dump({"page": "office", "rules": rules}, allow_unicode=True, sort_keys=False)
    (folder / "a.yml").write_text(text, encoding="utf-8")
    return office_rules(folder)[len(built_in_rules()) :]


def entry(name, field, **kwargs):
    return {"expectation": name, "field": field, "kwargs": kwargs}


@pytest.fixture(scope="module")
def table():
    """Return five rows with blanks, halves and what is no number, month or moment."""
    columns = {name: ["甲"] * 6 for name in SUBMISSIONS}
    columns |= {
        "study_years": ["4", "2.5", "", "很久", "5", "3"],
        "registry_study_years": ["4", "2", "4", "4", "", "5"],
        "enrolment_month": ["2013-09", "2012-09", "2014-01", "去年", "", "2013-12"],
        "graduation_month": ["2017-06", "2012-09", "2011-01", "2017-06", "", "2017-6"],
        "submitted_at": ["2016-10-01 15:05", "2016-10-02 00:00:01", "", "2016-09-19", "2016-09-20 00:00", "x"],
        "education_level": ["本科", "专科", "", "本科", "研究生", "本科"],
        "training_mode": ["非定向", "定向", "", "非定向", "非定向", ""],
        "exam_number": ["13430300000053", "1", "", "１３", "13430300000054", "13430300000053"],
        "gender": ["男", "女", "", "男", "x", ""],
        "registry_gender": ["男", "男", "女", "", "x", ""],
        "postcode": ["411201", "0411", "411", "", "", "411201"],
        "phone": ["", "1", "2", "", "3", "3"],
        "family_phone": ["", "1", "5", "", "3", ""],
        "photo": ["{}", "a.jpg", "a.jpg", "", "[1]", "null"],
        "commissioning_unit": ["", "单位", "", "", "", "x"],
        "home_address": ["韶山西路 1 号", "123", "", "a", "b", "c"],
        "student_number": ["1301", "1401", "", "1301", "1201", "x"],
    }
    rows = pd.DataFrame(columns, dtype="str").assign(row=range(2, 8))
    return rows.astype({"row": "int64"})


def rows_of(table, rules):
    verdicts, _ = judging.validate_rules(table, rules, facts(), "submissions")
    assert not [verdict for verdict in verdicts if verdict.could_not_run], verdicts
    return {verdict.rule.name: verdict.rows.tolist() for verdict in verdicts}, verdicts


RIGHT = [
    (entry(f"{OF}in_set", "study_years", value_set=[2, 3, 4, 5]), [1, 3]),
    (entry(f"{OF}between", "study_years", min_value=4), [1, 5]),
    (entry(f"{OF}between", "study_years", min_value="4"), [1, 5]),
    (entry(f"{OF}between", "enrolment_month", min_value="2013-01", max_value="2013-12"), [1, 2]),
    (entry(f"{OF}between", "submitted_at", min_value="2016-09-20", max_value="2016-10-01"), [1, 3]),
    (entry(f"{OF}in_set", "postcode", value_set=[411201, "0411"]), [2]),
    (entry("expect_column_values_to_not_be_null", "phone", row_condition="study_years >= 4"), [0]),
    (entry("expect_column_values_to_not_be_null", "phone", row_condition="study_years == 4 and row < 9"), [0]),
    (entry("expect_column_values_to_not_be_null", "phone", row_condition="2 < study_years <= 5"), [0]),
    (entry("expect_column_values_to_not_be_null", "phone", row_condition="study_years.between(4, 5)"), [0]),
    (entry("expect_column_values_to_not_be_null", "phone", row_condition="study_years.isin([2, 4])"), [0]),
    (entry("expect_column_values_to_not_be_null", "phone", row_condition='enrolment_month >= "2013-09"'), [0]),
    (entry("expect_column_values_to_not_be_null", "phone", row_condition="student_number == 1301"), [0, 3]),
    (entry("expect_column_values_to_match_regex", "exam_number", regex=1343), [1, 3]),
    (entry("expect_column_values_to_not_be_in_set", "gender", value_set=["x"]), [4]),
    (entry(f"{OF}between", "submitted_at", min_value="2016-10-01 15:00", max_value="2016-10-02 00:00"), [1, 3, 4]),
    (entry("expect_column_values_to_not_be_null", "phone", row_condition='not (education_level == "本科")'), []),
]


@pytest.mark.parametrize(("written", "failing"), RIGHT)
def test_numbers_and_dates_compare_and_conditions_choose_rows(tmp_path, table, written, failing):
    found, _ = rows_of(table, rules_of(tmp_path, written))
    assert found == {"office.r0": failing}


WRONG = [
    (entry(f"{OF}between", "postcode", min_value=4), "postcode 是文字，不能和数字比大小"),
    (entry(f"{OF}between", "study_years", min_value="四"), "study_years 是数字，“四”不是"),
    (entry(f"{OF}between", "enrolment_month", min_value=2013), "enrolment_month 是日期，“2013”看不懂，请写成 2013-09"),
    (entry(f"{OF}increasing", "name"), "name 不能这样比大小"),
    (entry(f"{OF}in_set", "gender", value_set=["男性", "女"]), "“男性”在名册里写作“男”"),
    (entry(f"{OF}in_set", "enrolment_month", value_set=["2013-9"]), "“2013-9”在名册里写作“2013-09”"),
    (entry(f"{OF}in_set", "home_province", value_set=["湖南"]), "“湖南”在名册里写作“湖南省”"),
    (entry(f"{OF}in_set", "gender", value_set=["男", "阳"]), "“阳”不在性别的代码表里"),
    (entry(f"{OF}in_set", "study_years", column="gender", value_set=[4]), "“4”不在性别的代码表里"),
    (entry(f"{OF}null", "qq", row_condition='training_mode == "走读"'), "“走读”不在培养方式的代码表里"),
    (entry(f"{OF}null", "qq", row_condition="enrolment_month == 2013"), "enrolment_month 是日期，请加引号"),
    (entry(f"{OF}null", "qq", row_condition="qq > 5"), "qq 是文字，不能和数字比大小"),
    (entry(f"{OF}null", "qq", row_condition="study_years > enrolment_month"), "不是同一种内容，不能比大小"),
    (entry(f"{OF}null", "qq", row_condition='origin_province == "湖南"'), "“湖南”在名册里写作“湖南省”"),
    (entry("expect_column_max_to_be_between", "study_years", max_value=5), "不逐行判断"),
    (entry(f"{OF}of_type", "qq", type_="str"), "名册里都是文字"),
    ({"expect": "field_given", "field": "qq", "kwargs": {"mostly": 3}}, "kwargs 只能写 mostly"),
    ({"expect": "field_given", "field": "qq", "kwargs": {"value": 3}}, "kwargs 只能写 mostly"),
]


@pytest.mark.parametrize(("written", "told"), WRONG)
def test_what_could_not_be_judged_rightly_is_refused_with_its_line(tmp_path, written, told):
    with pytest.raises(ConfigurationError) as caught:
        rules_of(tmp_path, written)
    assert [line for line in caught.value.mistakes if line.startswith("a.yml 第 3 行：") and told in line]


def test_what_is_no_number_is_told_and_not_judged(tmp_path, table):
    _, verdicts = rows_of(table, rules_of(tmp_path, entry(f"{OF}between", "study_years", min_value=4)))
    assert verdicts[0].left_out.startswith("有的行学制不是能比大小的数字")


def test_a_failure_without_rows_is_no_pass(table):
    rule = Rule("office.x", "o", "expect_table_row_count_to_equal", "", "info", "student", "m", stock=True)
    wrong = Rule(**{**vars(rule), "kwargs": {"value": 1}})
    verdicts, _ = judging.validate_rules(table, [wrong], facts(), "submissions")
    assert verdicts[0].could_not_run == "没有列出是哪几行"


def test_the_whole_catalogue_is_known():
    told = catalogue.catalogue()
    row_wise = {name for name, is_row_wise in told.items() if is_row_wise}
    assert row_wise - REFUSED.keys() == set(catalogue.EXAMPLES)
    assert all(expectation_type(name) for name in REFUSED)
    assert catalogue.with_section(catalogue.PAGE.read_text(encoding="utf-8")) == catalogue.PAGE.read_text(
        encoding="utf-8"
    ), "run `make docs`"


def alone(table, rules):
    """Return what Great Expectations says by itself of the same rules on the same rows, typed as anybody would."""
    text = table.mask(table == "").astype("object").where(table != "", None)
    typed = {}
    for column in table.columns:
        if column.endswith("study_years"):
            typed[f"{column}_as_number"] = pd.to_numeric(table[column], errors="coerce")
        elif column.endswith("_month") or column == "submitted_at":
            typed[f"{column}_as_date"] = pd.to_datetime(table[column], format="ISO8601", errors="coerce")
    source = gx.get_context(mode="ephemeral").data_sources.add_pandas("alone")
    batch = source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")
    expectations = []
    for rule in rules:
        kind = expectation_type(rule.expectation)
        assert kind is not None, rule.expectation
        expectations.append(kind(**rule.kwargs, meta={"rule": rule.name}))
    outcome = batch.get_batch({"dataframe": text.assign(**typed)}).validate(
        gx.ExpectationSuite(name="alone", expectations=expectations), result_format="COMPLETE"
    )
    return {one.expectation_config.meta["rule"]: one.result["unexpected_index_list"] for one in outcome.results}


def test_stock_expectations_say_what_great_expectations_says_alone(tmp_path, table):
    rules = rules_of(tmp_path, *[entry(name, field, **kwargs) for name, (field, kwargs) in catalogue.EXAMPLES.items()])
    found, _ = rows_of(table, rules)
    by_itself = alone(table, rules)
    assert {name: rows for name, rows in found.items() if rows != by_itself[name]} == {}
    assert sum(map(bool, found.values())) > 15
