"""Findings of students and of the registrar, certifications, and the rules that missing columns leave unchecked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from pipeline import fields
from pipeline.check.logic import ORIGIN, equal_to_registry
from pipeline.check.rule import Facts, Rule
from pipeline.check.rules.record_rules import UNDERGRADUATE, is_month
from pipeline.check.validate import RuleVerdict
from pipeline.collect.missing_fields import MissingFields
from pipeline.knowledge.text_columns import is_in
from pipeline.match.membership import DIFFERING
from pipeline.tables import Frame, conform, empty

_REPORTED = ("submission_id", "reported_school", "reported_college", "reported_class_name", "reported_student_number")


def findings_of(table: Frame, verdicts: list[RuleVerdict]) -> Frame:
    """Return the findings of `verdicts` on `table` (`check_stage.subject_tables`)."""
    broken = [verdict for verdict in verdicts if len(verdict.rows)]
    if not broken:
        return empty("findings")
    columns: dict[str, list[Any]] = defaultdict(list)
    for verdict in broken:
        for name, values in _finding_columns(table, verdict).items():
            columns[name] += values
    rows = table[list(_REPORTED)].iloc[np.concatenate([verdict.rows for verdict in broken])].reset_index(drop=True)
    keys = rows.rename(columns=lambda name: name.removeprefix("reported_"))
    return conform(keys.assign(**columns, excepted=False, shared_fault=""), "findings")


def _finding_columns(table: Frame, verdict: RuleVerdict) -> dict[str, list[Any]]:
    """Return the columns of one rule's findings: the details of Great Expectations' result, else the rule's own."""
    rule, count = verdict.rule, len(verdict.rows)
    given = table[rule.field].iloc[verdict.rows].tolist() if rule.field in table else [""] * count
    constant = {name: [getattr(rule, name)] * count for name in ("field", "severity", "actor", "message")}
    columns = {**constant, "rule": [rule.name] * count, "given": given, "expected": [""] * count, **verdict.details}
    return columns | {"severity": [severity or rule.severity for severity in columns["severity"]]}


def registry_findings_of(table: Frame, verdicts: list[RuleVerdict], count: int, lacking: MissingFields) -> Frame:
    """Return `registry_findings` of the first `own` registry rows, without values and without lacking columns."""
    table = table if "file" in table else table.assign(file="")
    columns = ["school", "college", "class_name", "student_number", "file", "row"]
    parts: list[Frame] = []
    for verdict in verdicts:
        if len(verdict.rows):
            constant = {name: getattr(verdict.rule, name) for name in ("field", "severity", "message")}
            rows = table.iloc[verdict.rows[verdict.rows < count]]
            without = [school for school, lost in lacking.registries.items() if verdict.rule.field in lost]
            rows = rows[~rows["school"].isin(without)]
            parts.append(rows[columns].assign(rule=verdict.rule.name, **constant))
    return conform(pd.concat(parts, ignore_index=True), "registry_findings") if parts else empty("registry_findings")


def certify(table: Frame, findings: Frame, not_run: Collection[str] = (), unrecorded: Collection[str] = ()) -> Frame:
    """Return `certifications`: one row per submission that counts.

    Identity is `not_checked` if its rule is silenced or in `not_run`, record if a compared column is lacking.
    """
    identity = findings[findings["rule"].str.startswith("identity.")].drop_duplicates("submission_id")
    causes = identity.set_index("submission_id")["rule"].str.removeprefix("identity.")
    cause = table["submission_id"].map(causes).astype("str").fillna("")  # a column that is all missing is not text
    state = pd.Series("failed", index=table.index, dtype="str")
    state = state.where(cause != "", "certified")
    state = state.where((cause != "not_checked") & ((cause != "") | (table["identity_cause"] == "")), "not_checked")
    result = table[["submission_id", "school", "student_number", "matched_school", "score"]]
    failed = is_in(table["submission_id"], _record_failures(findings)["submission_id"])
    passed = "not_checked" if set(_record_rules()) & set(not_run) else "certified"
    record = pd.Series(passed, index=table.index, dtype="str").where(~failed, "failed")
    unknown = is_in(table["submission_id"], unrecorded) & ~failed
    record = record.where((table["matched_row"] >= 0) & ~unknown, "not_checked")
    number = table["registry_student_number"]
    result = result.assign(identity=state, cause=cause, record=record, matched_student_number=number)
    return conform(result, "certifications")


def _record_rules() -> list[str]:
    # school.registry says nothing of a name that is no school's
    return [f"{name}.{kind}" for name in fields.compared() for kind in ("registry", "required")] + ["school.vocabulary"]


def _record_failures(findings: Frame) -> Frame:
    return findings[findings["rule"].isin(_record_rules()) & (findings["severity"] == "critical")]


def without_shared(certifications: Frame, findings: Frame) -> Frame:
    """Set record to `not_checked` where shared faults are its only failures."""
    failing = _record_failures(findings)
    unshared = failing["submission_id"][failing["shared_fault"] == ""]
    shared = failing["submission_id"][failing["shared_fault"] != ""]
    only = is_in(certifications["submission_id"], shared) & ~is_in(certifications["submission_id"], unshared)
    return certifications.assign(record=certifications["record"].mask(only, "not_checked"))


@dataclass(frozen=True)
class NotChecked:
    """A rule that could not be judged, for which school (blank: all), and why."""

    rule: str
    school: str
    reason: str


def rules_without_columns(rules: Iterable[Rule], lacking: MissingFields) -> list[NotChecked]:
    """Return the rules that cannot be judged without a missing column, in all sources or in a school's registry."""
    reasons: list[NotChecked] = []
    for rule in rules:
        if rule.table == "submissions" and not rule.stock:
            reasons += [NotChecked(rule.name, "", f"所有登记来源都没有“{fields.label(name)}”这一列")
                     for name in (rule.field, *rule.reads) if name in lacking.everywhere]  # fmt: skip
        if rule.needs == "registry" or rule.table == "registry":
            reasons += [NotChecked(rule.name, school, f"学籍库没有“{fields.label(rule.field)}”这一列")
                     for school, lost in lacking.registries.items() if rule.field in lost]  # fmt: skip
    return reasons


def on_existing_columns(findings: Frame, table: Frame, lacking: MissingFields, rules: Iterable[Rule]) -> Frame:
    """Return the findings without those on fields for which the submission's worksheet has no column."""
    if not lacking.sheets or findings.empty:
        return findings
    lost, reads = _missing_fields(table, lacking), {rule.name: rule.reads for rule in rules}
    keys = zip(findings["submission_id"], findings["rule"], findings["field"], strict=True)
    dropped = [bool(lost.get(key, frozenset()) & {name, *reads.get(rule, ())}) for key, rule, name in keys]
    return findings[~np.array(dropped, dtype=bool)].reset_index(drop=True)


def _missing_fields(table: Frame, lacking: MissingFields) -> dict[str, frozenset[str]]:
    places = zip(table["submission_id"], table["file"], table["sheet"], strict=True)
    return {str(submission): lost for submission, file, sheet in places if (lost := lacking.sheets.get((file, sheet)))}


def records_without_columns(table: Frame, lacking: MissingFields) -> Collection[str]:
    """Return the submissions whose worksheet has no column for a field that is required and compared."""
    needed = {f.name for f in fields.fields().values() if f.registry_check == "exact" and f.required == "yes"}
    return {submission for submission, lost in _missing_fields(table, lacking).items() if lost & needed}


AS_REGISTRY = "所填与学籍一致，不用修改；学籍由教务核对"
NOWHERE = "学籍中也没有这一项，不用补填"
_KEYS = ("id_number", "name")
_NOT_BY_VALUE = {"required", "unique", "window", "registry"}


def faults_of(verdicts: Iterable[RuleVerdict], registry: Frame) -> pd.Series:
    """Return for each registry row its faulty fields, between spaces: also those of which it says two values."""
    found = registry[DIFFERING].to_numpy(dtype=object, copy=True)
    for verdict in verdicts:
        if not verdict.rule.together and len(verdict.rows):
            found[verdict.rows] += f" {verdict.rule.field} "
    return pd.Series(found, dtype="str")


def registrar_findings(table: Frame, verdicts: Iterable[RuleVerdict], findings: Frame) -> Frame:
    """Add the registrar's findings on ID number and name to rows of `table` that need the registry's row `matched_row`.

    Submissions that have one already get none.
    """
    reported = set(findings["submission_id"][findings["rule"] == "identity.registry_outdated"])
    is_open = (table["matched_row"] >= 0) & ~table["submission_id"].isin(list(reported))
    extra: list[RuleVerdict] = []
    for verdict in verdicts:
        rule = verdict.rule
        if rule.field in _KEYS and not rule.together and len(verdict.rows):
            rows = np.flatnonzero(is_open & table["matched_row"].isin(verdict.rows))
            for_registrar = replace(rule, severity="critical", actor="registrar")
            extra.append(RuleVerdict(for_registrar, rows, {"given": [""] * len(rows)}))
    return pd.concat([findings, findings_of(table, extra)], ignore_index=True) if extra else findings


def downgraded(findings: Frame, table: Frame, facts: Facts, registry: Frame, rules: Iterable[Rule]) -> Frame:
    """Lower findings to info where the registry has the same value, or a school's registry leaves the field blank."""
    base = findings["rule"].str.replace(r"\..*", "", regex=True)
    kind = findings["rule"].str.replace(r"^[^.]*\.", "", regex=True)
    by_value = ~kind.isin(list(_NOT_BY_VALUE)) & ~findings["rule"].isin([rule.name for rule in rules if rule.together])
    counted = findings["severity"] != "info"
    severity, message = findings["severity"].copy(), findings["message"].copy()
    places = pd.Series(np.arange(len(table)), index=table["submission_id"])
    for name in (*fields.in_registry(), "origin"):
        columns = ORIGIN if name == "origin" else (name,)
        read = ["matched_row", "matched_school", "enrolment_month", *columns, *(f"registry_{key}" for key in columns)]
        for selected, text in ((by_value, AS_REGISTRY), (kind == "required", NOWHERE)):
            index = findings.index[counted & selected & (base == name)]
            if len(index) and (text == AS_REGISTRY or name not in (*_KEYS, "origin")):
                rows = table[list(dict.fromkeys(read))].iloc[places[findings["submission_id"][index]]]
                if text == AS_REGISTRY:
                    equal = np.logical_and.reduce([equal_to_registry(rows, facts, column) for column in columns])
                else:
                    holding = registry["school"][registry[name] != ""].unique()
                    equal = (rows["matched_school"].isin(list(holding)) & (rows[f"registry_{name}"] == "")).to_numpy()
                same = equal & (rows["matched_row"] >= 0).to_numpy()
                severity[index[same]], message[index[same]] = "info", text
    return findings.assign(severity=severity, message=message)


def schools_with_other_month(registry: Frame, facts: Facts) -> dict[str, str]:
    """Return the question to the office by school where most undergraduates' month is not the cohort's."""
    months = registry["graduation_month"]
    undergraduates = registry[
        registry["education_level"].isin(UNDERGRADUATE) & is_month(months) & months.str.startswith(f"{facts.year}-")
    ]
    questions: dict[str, str] = {}
    for school, group in undergraduates.groupby("school")["graduation_month"]:
        others = group[group != facts.undergraduate_month]
        if len(others) > len(group) / 2:
            month = others.mode().iloc[0]
            questions[str(school)] = (
                f"学籍中多数本科、专科生的毕业年月是 {month}，本届设定为 {facts.undergraduate_month}，请就业办确认："
                f"确实是这个月的，请把 cohort.toml 的 undergraduate_month 改为 {month}；不是的，请教务处更正学籍"
            )
    return questions


def without_june(verdicts: list[RuleVerdict], schools: pd.Series, excluded: Collection[str]) -> list[RuleVerdict]:
    """Return the verdicts without `graduation_month.june` for the schools in `asked`."""
    others = ~schools.isin(list(excluded)).to_numpy()
    return [
        replace(verdict, rows=verdict.rows[others[verdict.rows]])
        if verdict.rule.expectation == "expect_graduation_month_june"
        else verdict
        for verdict in verdicts
    ]
