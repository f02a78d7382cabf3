"""Certifications of a table without any finding."""

import warnings

import pandas as pd

from pipeline.check.findings import certify


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
