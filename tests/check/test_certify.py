"""Findings of verdicts, those that the registry shares, and certifications of a table without any finding."""

import warnings

import numpy as np
import pandas as pd

from pipeline.check.findings import AS_REGISTRY, NOWHERE, certify, downgraded, findings_of
from pipeline.check.rule import Rule
from pipeline.check.validate import RuleVerdict
from tests.spec.judge import facts


def test_a_table_without_findings_is_certified_without_a_warning():
    text = ["submission_id", "school", "student_number", "matched_school", "registry_student_number"]
    table = pd.DataFrame({name: ["a", "b"] for name in text}, dtype="str")
    table = table.assign(identity_cause="", score=100.0, matched_row=[0, 1])
    findings = pd.DataFrame({"submission_id": [], "rule": [], "severity": []}, dtype="str")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        certified = certify(table, findings)
    assert certified["cause"].tolist() == ["", ""]
    assert certified["identity"].tolist() == ["certified", "certified"]


def test_a_name_that_is_no_schools_is_no_certified_record():
    text = ["submission_id", "school", "student_number", "matched_school", "registry_student_number"]
    table = pd.DataFrame({name: ["a"] for name in text}, dtype="str")
    table = table.assign(identity_cause="not_checked", score=100.0, matched_row=[0])
    findings = pd.DataFrame({"submission_id": ["a"], "rule": ["school.vocabulary"], "severity": ["critical"]})
    assert certify(table, findings.astype("str"))["record"].tolist() == ["failed"]


def rule(name: str, field: str) -> Rule:
    return Rule(name, "entry", "expect_x", field, severity="critical", actor="student", message=f"{name}!")


def test_findings_say_what_the_result_says_else_what_the_rule_says():
    table = pd.DataFrame({"submission_id": ["a", "b", "c"], "gender": ["x", "y", "z"]}, dtype="str")
    table = table.assign(**{f"reported_{name}": "t" for name in ("school", "college", "class_name", "student_number")})
    told = {"field": ["phone", ""], "given": ["1", "2"], "expected": ["3", ""], "severity": ["info", ""]}
    verdicts = [
        RuleVerdict(rule("one", "gender"), np.array([0, 2])),
        RuleVerdict(rule("none", "gender"), np.array([], dtype=np.int64)),
        RuleVerdict(rule("two", "nowhere"), np.array([1])),
        RuleVerdict(rule("three", "gender"), np.array([2, 1]), told),
    ]
    columns = ["submission_id", "rule", "field", "given", "expected", "severity"]
    assert [tuple(row) for row in findings_of(table, verdicts)[columns].itertuples(index=False)] == [
        ("a", "one", "gender", "x", "", "critical"),
        ("c", "one", "gender", "z", "", "critical"),
        ("b", "two", "nowhere", "", "", "critical"),
        ("c", "three", "phone", "1", "3", "info"),
        ("b", "three", "", "2", "", "critical"),
    ]


def test_what_the_registry_has_too_is_eased_for_its_own_student_only():
    table = pd.DataFrame(
        {
            "submission_id": ["a", "b", "c"],
            "matched_school": ["s", "s", "s"],
            "enrolment_month": ["", "", ""],
            "gender": ["x", "x", ""],
            "registry_gender": ["男", "x", ""],
        },
        dtype="str",
    ).assign(matched_row=[0, 1, 2])
    registry = pd.DataFrame({"school": ["s"] * 3, "gender": ["男", "x", ""]}, dtype="str")
    findings = pd.DataFrame(
        {
            "submission_id": ["c", "b", "a"],
            "rule": ["gender.required", "gender.vocabulary", "gender.vocabulary"],
            "severity": ["critical"] * 3,
            "message": [""] * 3,
        },
        dtype="str",
    )
    told = downgraded(findings, table, facts(), registry, [])
    assert told["severity"].tolist() == ["info", "info", "critical"]
    assert told["message"].tolist() == [NOWHERE, AS_REGISTRY, ""]
