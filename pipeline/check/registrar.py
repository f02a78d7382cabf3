"""Faults that the registrar must correct: faulty registry rows, and values that a student copied from them.

A value that breaks its own `registry.*` rule is not compared. Only a faulty ID number or name blocks the student
(contract, *Where the registry itself is wrong*).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from pipeline import fields
from pipeline.check.logic import ORIGIN, equal_to_registry
from pipeline.check.rule import Facts
from pipeline.check.rules.record_rules import UNDERGRADUATE, is_month
from pipeline.check.validate import RuleVerdict
from pipeline.tables import Frame

AS_REGISTRY = "所填与学籍一致，不用修改；学籍由教务核对"
NOWHERE = "学籍中也没有这一项，不用补填"
_KEYS = ("id_number", "name")
# these compare several rows; the value of one row may be right
_OF_SEVERAL = {
    "expect_student_number_once", "expect_id_number_once", "expect_id_number_one_school", "expect_class_one_college",
    "expect_class_one_major", "expect_study_years_span",
}  # fmt: skip
_OF_SEVERAL_FIELDS = {
    "study_years.span", "training_mode.unit_required", "training_mode.unit_unexpected", "class_name.college",
    "class_name.major",
}  # fmt: skip
_ELSEWHERE = {"required", "unique", "window", "registry"}


def faults_of(verdicts: Iterable[RuleVerdict], count: int) -> pd.Series:
    """Return for each of `count` registry rows its faulty fields, separated by spaces."""
    found = np.full(count, "", dtype=object)
    for verdict in verdicts:
        if verdict.rule.expectation not in _OF_SEVERAL and len(verdict.rows):
            found[verdict.rows] += f" {verdict.rule.field} "
    return pd.Series(found, dtype="str")


def registrar_findings(table: Frame, verdicts: Iterable[RuleVerdict], findings: Frame) -> Frame:
    """Add the registrar's findings on ID number and name to submissions matched to the row, unless they have one."""
    said = set(findings["submission_id"][findings["rule"] == "identity.registry_outdated"])
    open_rows = table[(table["matched_row"] >= 0) & ~table["submission_id"].isin(list(said))]
    parts: list[Frame] = []
    for verdict in verdicts:
        rule = verdict.rule
        if rule.field in _KEYS and rule.expectation not in _OF_SEVERAL and len(verdict.rows):
            rows = open_rows[open_rows["matched_row"].isin(verdict.rows)]
            told = rows.filter(like="told_").rename(columns=lambda name: name.removeprefix("told_"))
            parts.append(
                told.assign(
                    submission_id=rows["submission_id"], field=rule.field, rule=rule.name, severity="critical",
                    actor="registrar", message=rule.message, given="", expected="", excepted=False, shared_fault="",
                )
            )  # fmt: skip
    return pd.concat([findings, *parts], ignore_index=True) if parts else findings


def eased(findings: Frame, table: Frame, facts: Facts, registry: Frame) -> Frame:
    """Lower findings to info where the registry has the same value, or a school's registry leaves the field blank."""
    base = findings["rule"].str.replace(r"\..*", "", regex=True)
    kind = findings["rule"].str.replace(r"^[^.]*\.", "", regex=True)
    own = ~kind.isin(list(_ELSEWHERE)) & ~findings["rule"].isin(list(_OF_SEVERAL_FIELDS))
    loud = findings["severity"] != "info"
    severity, message = findings["severity"].copy(), findings["message"].copy()
    rows = table.set_index("submission_id")
    for name in (*fields.in_registry(), "origin"):
        columns = ORIGIN if name == "origin" else (name,)
        for mine, told in ((own, AS_REGISTRY), (kind == "required", NOWHERE)):
            at = findings.index[loud & mine & (base == name)]
            if len(at) and (told == AS_REGISTRY or name not in (*_KEYS, "origin")):
                asked = rows.loc[findings["submission_id"][at]]
                as_held = (
                    _all_equal(asked, columns, facts) if told == AS_REGISTRY else _nowhere(asked, columns[0], registry)
                )
                severity[at[as_held]], message[at[as_held]] = "info", told
    return findings.assign(severity=severity, message=message)


def _all_equal(rows: Frame, columns: Collection[str], facts: Facts) -> np.ndarray:
    equal = [equal_to_registry(rows, facts, column) for column in columns]
    return np.logical_and.reduce(equal) & (rows["matched_row"] >= 0).to_numpy()


def _nowhere(rows: Frame, column: str, registry: Frame) -> np.ndarray:
    holding = registry["school"][registry[column] != ""].unique()
    known = rows["matched_school"].isin(list(holding)) & (rows["matched_row"] >= 0)
    return (known & (rows[f"registry_{column}"] == "")).to_numpy()


def schools_of_another_month(registry: Frame, facts: Facts) -> dict[str, str]:
    """Return by school the registry's most frequent undergraduate month, where most are not the cohort's month."""
    months = registry["graduation_month"]
    asked = registry[
        registry["education_level"].isin(UNDERGRADUATE) & is_month(months) & months.str.startswith(f"{facts.year}-")
    ]
    found: dict[str, str] = {}
    for school, group in asked.groupby("school")["graduation_month"]:
        if (group != facts.undergraduate_month).mean() > 0.5:
            found[str(school)] = str(group[group != facts.undergraduate_month].mode().iloc[0])
    return found


def without_june(verdicts: list[RuleVerdict], schools: pd.Series, asked: Collection[str]) -> list[RuleVerdict]:
    """Return the verdicts without `graduation_month.june` for the schools in `asked`."""
    others = ~schools.isin(list(asked)).to_numpy()
    return [
        replace(each, rows=each.rows[others[each.rows]])
        if each.rule.expectation == "expect_graduation_month_june"
        else each
        for each in verdicts
    ]
