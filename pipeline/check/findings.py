"""Findings: one row per broken rule per submission or student, complete, with who must act."""

from __future__ import annotations

import pandas as pd

from pipeline.check.validate import RuleVerdict
from pipeline.tables import Frame, conform, empty

_TOLD = ("submission_id", "told_school", "told_college", "told_class_name", "told_student_number")


def findings_of(table: Frame, verdicts: list[RuleVerdict]) -> Frame:
    """Return the findings of `verdicts` on `table`.

    Args:
        table: has `submission_id, school, college, class_name, student_number` as a finding shall tell them
            (the matched registry row's where there is one) in the columns `told_*`, and the judged fields.
        verdicts: each rule's failing positions.
    """
    parts = [_findings_of_rule(table, verdict) for verdict in verdicts if len(verdict.rows)]
    return conform(pd.concat(parts, ignore_index=True), "findings") if parts else empty("findings")


def registry_findings_of(table: Frame, verdicts: list[RuleVerdict], own: int) -> Frame:
    """Return `registry_findings`: what is wrong with the registry's own rows; values stay out of it.

    Args:
        table: normalised registry rows.
        verdicts: each rule's failing positions.
        own: the number of rows to report. The rows after them are guests, which their own part reports.
    """
    table = table if "file" in table else table.assign(file="")
    keep = ["school", "college", "class_name", "student_number", "file", "row"]
    parts = [
        table.iloc[verdict.rows[verdict.rows < own]][keep].assign(
            field=verdict.rule.field,
            rule=verdict.rule.name,
            severity=verdict.rule.severity,
            message=verdict.rule.message,
        )
        for verdict in verdicts
        if len(verdict.rows)
    ]
    return conform(pd.concat(parts, ignore_index=True), "registry_findings") if parts else empty("registry_findings")


def _findings_of_rule(table: Frame, verdict: RuleVerdict) -> Frame:
    rule = verdict.rule
    rows = table[[name for name in (*_TOLD, rule.field) if name in table]].iloc[verdict.rows]
    field = pd.Series(rule.field, index=rows.index, dtype="str")
    given = rows[rule.field] if rule.field in rows else pd.Series("", index=rows.index, dtype="str")
    none = pd.Series("", index=rows.index, dtype="str")
    told = {"field": field, "given": given, "expected": none, "severity": none}
    told |= {name: pd.Series(values, index=rows.index, dtype="str") for name, values in verdict.told.items()}
    return pd.DataFrame(
        {
            "submission_id": rows["submission_id"],
            "school": rows["told_school"],
            "college": rows["told_college"],
            "class_name": rows["told_class_name"],
            "student_number": rows["told_student_number"],
            "field": told["field"],
            "rule": rule.name,
            "severity": told["severity"].where(told["severity"] != "", rule.severity),
            "actor": rule.actor,
            "message": rule.message,
            "given": told["given"],
            "expected": told["expected"],
            "excepted": False,
            "shared_fault": "",
        }
    )
