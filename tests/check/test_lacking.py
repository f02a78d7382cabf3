"""A column that is absent: its rules are listed, and no student has a finding for it."""

import numpy as np
import pandas as pd

from pipeline.check.findings import (
    on_existing_columns,
    records_without_columns,
    registry_findings_of,
    rules_without_columns,
)
from pipeline.check.suites import built_in_rules
from pipeline.check.validate import RuleVerdict
from pipeline.cohort_sections import Source
from pipeline.collect.missing_fields import missing_fields
from pipeline.collect.source_columns import SourceColumn, SourceColumns
from pipeline.fields import in_registry, names

FORM = frozenset(names())
PLACE = ["college", "class_name", "student_number"]


def source(sheet, *lost, **more):
    columns = tuple(SourceColumn(at, name, name, "label") for at, name in enumerate(names()) if name not in lost)
    return SourceColumns("a.xlsx", sheet, 1, columns, **more)


def lacking(*sheets, registry=(), amending=(), alone=True):
    read = [(Source(path="a"), sheets)] + [(Source(path="b", amends=True), [each]) for each in amending]
    has = source("", *registry)
    return missing_fields(read, {"甲大学": [has]}, photos=False, alone=alone)


def test_what_all_lack_and_what_some_lack():
    found = lacking(source("一", "phone", "qq"), source("二", "phone", "photo"))
    assert found.everywhere == {"phone"}
    assert found.sheets == {("a.xlsx", "一"): {"phone", "qq"}, ("a.xlsx", "二"): {"phone"}}
    assert not lacking(source("一", "phone"), amending=[source("表单", *(FORM - {"phone"}))]).everywhere
    assert not lacking(source("一", "phone"), source("二", refused="没有姓名")).sheets.get(("a.xlsx", "二"))
    lists = source("选项", *(FORM - {"gender", "phone"}), unused=True)
    assert lacking(source("一", "phone"), lists) == lacking(source("一", "phone"))


def test_a_form_of_one_school_needs_no_column_for_it():
    assert not lacking(source("一", "school")).everywhere
    assert lacking(source("一", "school"), alone=False).everywhere == {"school"}


def test_rules_of_absent_columns_are_listed():
    told = rules_without_columns(built_in_rules(), lacking(source("一", "phone"), registry=["gender"]))
    assert {one.rule for one in told if not one.school} >= {"phone.required", "phone.format", "contact.shared"}
    of_school = {one.rule for one in told if one.school == "甲大学"}
    assert {"gender.registry", "registry.gender_blank"} <= of_school
    assert not [rule for rule in of_school if not rule.startswith(("gender", "registry.gender"))]


def test_nobody_has_a_finding_for_it():
    table = pd.DataFrame({"submission_id": ["1", "2"], "file": "a.xlsx", "sheet": ["一", "二"]}, dtype="str")
    findings = pd.DataFrame(
        {
            "submission_id": ["1", "2", "1", "1"],
            "rule": ["phone.required", "phone.required", "qq.format", "training_mode.unit_required"],
            "field": ["phone", "phone", "qq", "training_mode"],
        }
    )
    found = lacking(source("一", "phone", "commissioning_unit"), source("二", "gender"))
    assert on_existing_columns(findings, table, found, built_in_rules())[["submission_id", "rule"]].values.tolist() == [
        ["2", "phone.required"],
        ["1", "qq.format"],
    ]
    assert records_without_columns(table, found) == {"2"}


def test_a_registrys_absent_column_is_no_fault_of_its_rows():
    rows = pd.DataFrame({"school": ["甲大学", "乙大学"], "row": 2}).assign(**dict.fromkeys(PLACE, ""))
    rules = [rule for rule in built_in_rules() if rule.table == "registry" and rule.field in ("gender", "name")]
    verdicts = [RuleVerdict(rule, np.array([0, 1])) for rule in rules]
    kept = registry_findings_of(rows, verdicts, 2, lacking(source("一"), registry=["gender"]))
    told = set(zip(kept["school"], kept["field"], strict=True))
    assert told == {("乙大学", "gender"), ("乙大学", "name"), ("甲大学", "name")}
    assert not lacking(source("一")).registries
    assert set(in_registry()) >= lacking(source("一"), registry=["gender", "phone"]).registries["甲大学"]
