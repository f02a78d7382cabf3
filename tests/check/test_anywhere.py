"""Our suites and types in anybody's own Great Expectations project find the rows that mingce finds."""

import json
from datetime import date, datetime
from typing import Any, Literal

import great_expectations as gx
import pandas as pd
import pytest
import yaml
from great_expectations.checkpoint.actions import ValidationAction

from pipeline.check import suite
from pipeline.check.expectations import SUITES, TYPES, RowExpectation, TableDatasource
from pipeline.check.rule import facts_from
from pipeline.clock import SHANGHAI
from pipeline.cohort import load_cohort
from pipeline.run import run_cohort
from pipeline.run_folder import RunOptions
from pipeline.tables import read_table
from tests.cohorts import make_cohort
from tests.conftest import ROOT

pytestmark = pytest.mark.slow
SEEN = []


class Note(ValidationAction):
    """An action as anybody may have one."""

    type: Literal["note"] = "note"  # pyright: ignore[reportIncompatibleVariableOverride] as GX says to write it

    def run(self, checkpoint_result, action_context=None):
        SEEN.append(checkpoint_result.success)
        return {}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of mingce over a small cohort of the class that the built-in facts are of."""
    cohort = load_cohort(make_cohort(tmp_path_factory.mktemp("cohort") / "c", 120, 2, seed=5))
    asked = RunOptions(date(2016, 10, 31), datetime.now(SHANGHAI), command="check")
    return run_cohort(cohort, asked).folder


def batch_definition(context):
    return context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")


def rows_of(outcome):
    assert not [one for one in outcome.results if one.exception_info["raised_exception"]]
    return {one.expectation_config.meta["rule"]: one.result["unexpected_index_list"] for one in outcome.results}


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_finds_what_check_finds(run, name):
    frame = read_table(run, "submissions")
    context = gx.get_context(mode="ephemeral")
    data, ours = batch_definition(context), context.suites.add(suite(name))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name="v", data=data, suite=ours))
    told = rows_of(definition.run(batch_parameters={"dataframe": frame}, result_format="COMPLETE"))
    findings = read_table(run, "findings")
    expected = {rule: set(findings["submission_id"][findings["rule"] == rule]) for rule in told}
    assert {rule: set(frame["submission_id"].iloc[rows]) for rule, rows in told.items()} == expected
    assert len(told) >= 12
    assert any(expected.values())
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(name="c", validation_definitions=[definition], actions=[Note(name="n")], result_format="COMPLETE")
    )
    SEEN.clear()
    outcome = checkpoint.run(batch_parameters={"dataframe": frame})
    assert [rows_of(one) for one in outcome.run_results.values()] == [told]
    assert [outcome.success] == SEEN


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_says_whose_each_rule_is_and_comes_back_from_json(name):
    ours = suite(name)
    assert all({"rule", "severity", "actor"} <= one.meta.keys() for one in ours.expectations)
    stored = json.dumps(ours.to_json_dict(), ensure_ascii=False)
    assert str(ROOT) not in stored
    told = json.loads(stored)
    again = gx.ExpectationSuite(name=told["name"], expectations=told["expectations"])
    assert [one.dict(exclude={"id"}) for one in again.expectations] == [
        one.dict(exclude={"id"}) for one in ours.expectations
    ]


def judged(frame, expectations, **settings):
    rows = batch_definition(gx.get_context(mode="ephemeral")).get_batch({"dataframe": frame})
    return rows.validate(gx.ExpectationSuite(name="s", expectations=expectations), **settings)


SUITE = """
name: mine
expectations:
  - {type: expect_qq_format, kwargs: {column: QQ}}
  - {type: expect_email_format, kwargs: {column: mail, mostly: 0.3}}
  - {type: expect_gender_matches_id, kwargs: {}}
  - {type: expect_field_in_codes, kwargs: {column: gender, row_condition: "QQ > 20000", condition_parser: pandas}}
  - {type: expect_field_given, kwargs: {column: mail}}
"""


def test_types_judge_anybodys_columns():
    frame = pd.DataFrame(
        {
            "QQ": [10001, 12, 123456],
            "mail": ["a@qq.com", "x", None],
            "gender": ["女", "男", "？"],
            "id_number": ["430302199503141041"] * 3,
        },
        index=["a", "b", "c"],
    )
    told = yaml.safe_load(SUITE)
    outcome = judged(frame, told["expectations"], result_format="COMPLETE")
    found = {one.expectation_config.type: one.result["unexpected_index_list"] for one in outcome.results}
    assert found == {
        "expect_qq_format": ["b"],
        "expect_email_format": ["b"],
        "expect_gender_matches_id": ["b"],
        "expect_field_in_codes": ["c"],
        "expect_field_given": ["c"],
    }
    assert [one.expectation_config.type for one in outcome.results if one.success] == ["expect_email_format"]


def test_results_are_those_of_the_dependencies_that_great_expectations_finds(monkeypatch):
    frame = pd.DataFrame({"qq": ["1", "10001", "2"], "row": [1, 2, 3]})
    kind = TYPES["expect_qq_format"]
    asked = [kind(), kind(mostly=0.3), kind(row_condition="row > 1", condition_parser="pandas")]

    def found():
        told: list[Any] = [
            judged(frame, asked, result_format=how) for how in ("BOOLEAN_ONLY", "BASIC", "SUMMARY", "COMPLETE")
        ]
        return [one.to_json_dict()["results"] for one in told]

    ours = found()
    assert [one["result"]["unexpected_index_list"] for one in ours[-1]] == [[0, 2], [0, 2], [2]]
    monkeypatch.delattr(RowExpectation, "get_validation_dependencies")
    assert ours == found()


def test_rows_can_be_told_by_a_column_of_ones_own():
    frame = pd.DataFrame({"id": [7, 8], "qq": ["1", "10001"]})
    names = {"result_format": "COMPLETE", "unexpected_index_column_names": ["id"]}
    outcome = judged(frame, [TYPES["expect_qq_format"](column="qq")], result_format=names)
    assert outcome.results[0].result["unexpected_index_list"] == [{"qq": "1", "id": 7}]


def test_facts_come_by_expectation_parameters():
    frame = pd.DataFrame({"graduation_month": ["2026-06", "2017-06"], "email": ["", ""]})
    kind = TYPES["expect_graduation_month_cohort"]
    built_in = judged(frame, [kind()])
    given = judged(
        frame,
        [kind(facts={"$PARAMETER": "facts"})],
        expectation_parameters={"facts": {"year": 2026, "schools": ["甲"]}},
    )
    assert [one.results[0].result["unexpected_index_list"] for one in (built_in, given)] == [[0], [1]]
    assert suite("entry", facts="facts").suite_parameter_options == ("facts",)
    with pytest.raises(ValueError, match="no such facts: term"):
        facts_from({"term": 1})
    with pytest.raises(ValueError, match="no suite"):
        suite("registry")


def test_the_engine_keeps_the_table_and_makes_no_fingerprint_of_it():
    """The one name of Great Expectations that its documentation does not have: a new version may change it."""
    frame = pd.DataFrame({"qq": ["1", "10001"]})
    source = gx.get_context(mode="ephemeral").data_sources.add_mingce("m")
    assert isinstance(source, TableDatasource)
    batch = source.add_dataframe_asset("a").add_batch_definition_whole_dataframe("b").get_batch({"dataframe": frame})
    assert batch.data.dataframe is frame  # pyright: ignore[reportAttributeAccessIssue] typed as the base of all engines
    nothing = judged(pd.DataFrame(), []).meta["batch_markers"]["pandas_data_fingerprint"]
    outcome = batch.validate(gx.ExpectationSuite(name="s", expectations=[TYPES["expect_qq_format"]()]))
    assert outcome.meta["batch_markers"]["pandas_data_fingerprint"] == nothing
    assert outcome.results[0].result["unexpected_index_list"] == [0]
