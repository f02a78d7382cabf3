"""Findings: of students and of the registrar, certifications from them, and what a missing column keeps unjudged."""

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
from pipeline.collect.missing_fields import Lacking
from pipeline.knowledge.text_columns import among
from pipeline.match.membership import DIFFERS
from pipeline.tables import Frame, conform, empty

_TOLD = ("submission_id", "told_school", "told_college", "told_class_name", "told_student_number")


def findings_of(table: Frame, verdicts: list[RuleVerdict]) -> Frame:
    """Return the findings of `verdicts` on `table` (`check_stage.subject_tables`)."""
    broken = [verdict for verdict in verdicts if len(verdict.rows)]
    if not broken:
        return empty("findings")
    told: dict[str, list[Any]] = defaultdict(list)
    for verdict in broken:
        for name, values in _told(table, verdict).items():
            told[name] += values
    rows = table[list(_TOLD)].iloc[np.concatenate([verdict.rows for verdict in broken])].reset_index(drop=True)
    whose = rows.rename(columns=lambda name: name.removeprefix("told_"))
    return conform(whose.assign(**told, excepted=False, shared_fault=""), "findings")


def _told(table: Frame, verdict: RuleVerdict) -> dict[str, list[Any]]:
    """Return for each failing row of one rule what Great Expectations' result says, else what the rule says."""
    rule, count = verdict.rule, len(verdict.rows)
    given = table[rule.field].iloc[verdict.rows].tolist() if rule.field in table else [""] * count
    same = {name: [getattr(rule, name)] * count for name in ("field", "severity", "actor", "message")}
    told = {**same, "rule": [rule.name] * count, "given": given, "expected": [""] * count, **verdict.told}
    return told | {"severity": [own or rule.severity for own in told["severity"]]}


def registry_findings_of(table: Frame, verdicts: list[RuleVerdict], own: int, lacking: Lacking) -> Frame:
    """Return `registry_findings` of the first `own` registry rows, without values and without lacking columns."""
    table = table if "file" in table else table.assign(file="")
    keep = ["school", "college", "class_name", "student_number", "file", "row"]
    parts: list[Frame] = []
    for verdict in verdicts:
        if len(verdict.rows):
            told = {name: getattr(verdict.rule, name) for name in ("field", "severity", "message")}
            rows = table.iloc[verdict.rows[verdict.rows < own]]
            without = [school for school, lost in lacking.registries.items() if verdict.rule.field in lost]
            rows = rows[~rows["school"].isin(without)]
            parts.append(rows[keep].assign(rule=verdict.rule.name, **told))
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
    told = table[["submission_id", "school", "student_number", "matched_school", "score"]]
    failed = among(table["submission_id"], _of_record(findings)["submission_id"])
    sound = "not_checked" if set(_record_rules()) & set(not_run) else "certified"
    record = pd.Series(sound, index=table.index, dtype="str").where(~failed, "failed")
    unknown = among(table["submission_id"], unrecorded) & ~failed
    record = record.where((table["matched_row"] >= 0) & ~unknown, "not_checked")
    number = table["registry_student_number"]
    told = told.assign(identity=state, cause=cause, record=record, matched_student_number=number)
    return conform(told, "certifications")


def _record_rules() -> list[str]:
    # school.registry says nothing of a name that is no school's
    return [f"{name}.{kind}" for name in fields.compared() for kind in ("registry", "required")] + ["school.vocabulary"]


def _of_record(findings: Frame) -> Frame:
    return findings[findings["rule"].isin(_record_rules()) & (findings["severity"] == "critical")]


def without_shared(certifications: Frame, findings: Frame) -> Frame:
    """Set record to `not_checked` where shared faults are its only failures."""
    failing = _of_record(findings)
    own = failing["submission_id"][failing["shared_fault"] == ""]
    shared = failing["submission_id"][failing["shared_fault"] != ""]
    only = among(certifications["submission_id"], shared) & ~among(certifications["submission_id"], own)
    return certifications.assign(record=certifications["record"].mask(only, "not_checked"))


@dataclass(frozen=True)
class NotChecked:
    """A rule that could not be judged, for which school (blank: all), and why."""

    rule: str
    school: str
    reason: str


def rules_without_columns(rules: Iterable[Rule], lacking: Lacking) -> list[NotChecked]:
    """Return the rules that a missing column keeps from being judged, in all sources or in a school's registry."""
    told: list[NotChecked] = []
    for rule in rules:
        if rule.table == "submissions" and not rule.stock:
            told += [NotChecked(rule.name, "", f"所有登记来源都没有“{fields.label(name)}”这一列")
                     for name in (rule.field, *rule.reads) if name in lacking.everywhere]  # fmt: skip
        if rule.needs == "registry" or rule.table == "registry":
            told += [NotChecked(rule.name, school, f"学籍库没有“{fields.label(rule.field)}”这一列")
                     for school, lost in lacking.registries.items() if rule.field in lost]  # fmt: skip
    return told


def on_given_columns(findings: Frame, table: Frame, lacking: Lacking, rules: Iterable[Rule]) -> Frame:
    """Return the findings without those on fields for which the submission's worksheet has no column."""
    if not lacking.sheets or findings.empty:
        return findings
    lost, reads = _lost_fields(table, lacking), {rule.name: rule.reads for rule in rules}
    told = zip(findings["rule"], findings["field"], findings["submission_id"], strict=True)
    none = [bool(lost.get(of, frozenset()) & {name, *reads.get(rule, ())}) for rule, name, of in told]
    return findings[~np.array(none, dtype=bool)].reset_index(drop=True)


def _lost_fields(table: Frame, lacking: Lacking) -> dict[str, frozenset[str]]:
    places = zip(table["submission_id"], table["file"], table["sheet"], strict=True)
    return {str(each): lost for each, file, sheet in places if (lost := lacking.sheets.get((file, sheet)))}


def records_without_columns(table: Frame, lacking: Lacking) -> Collection[str]:
    """Return the submissions whose worksheet has no column for a field that is required and compared."""
    needed = {f.name for f in fields.fields().values() if f.registry_check == "exact" and f.required == "yes"}
    return {each for each, lost in _lost_fields(table, lacking).items() if lost & needed}


AS_REGISTRY = "所填与学籍一致，不用修改；学籍由教务核对"
NOWHERE = "学籍中也没有这一项，不用补填"
_KEYS = ("id_number", "name")
_ELSEWHERE = {"required", "unique", "window", "registry"}


def faults_of(verdicts: Iterable[RuleVerdict], registry: Frame) -> pd.Series:
    """Return for each registry row its faulty fields, between spaces: also those of which it says two values."""
    found = registry[DIFFERS].to_numpy(dtype=object, copy=True)
    for verdict in verdicts:
        if not verdict.rule.together and len(verdict.rows):
            found[verdict.rows] += f" {verdict.rule.field} "
    return pd.Series(found, dtype="str")


def registrar_findings(table: Frame, verdicts: Iterable[RuleVerdict], findings: Frame) -> Frame:
    """Add the registrar's findings on ID number and name to rows of `table` that need the registry's row `matched_row`.

    Submissions that have one already get none.
    """
    said = set(findings["submission_id"][findings["rule"] == "identity.registry_outdated"])
    is_open = (table["matched_row"] >= 0) & ~table["submission_id"].isin(list(said))
    told: list[RuleVerdict] = []
    for verdict in verdicts:
        rule = verdict.rule
        if rule.field in _KEYS and not rule.together and len(verdict.rows):
            rows = np.flatnonzero(is_open & table["matched_row"].isin(verdict.rows))
            as_registrars = replace(rule, severity="critical", actor="registrar")
            told.append(RuleVerdict(as_registrars, rows, {"given": [""] * len(rows)}))
    return pd.concat([findings, findings_of(table, told)], ignore_index=True) if told else findings


def downgraded(findings: Frame, table: Frame, facts: Facts, registry: Frame, rules: Iterable[Rule]) -> Frame:
    """Lower findings to info where the registry has the same value, or a school's registry leaves the field blank."""
    base = findings["rule"].str.replace(r"\..*", "", regex=True)
    kind = findings["rule"].str.replace(r"^[^.]*\.", "", regex=True)
    own = ~kind.isin(list(_ELSEWHERE)) & ~findings["rule"].isin([rule.name for rule in rules if rule.together])
    loud = findings["severity"] != "info"
    severity, message = findings["severity"].copy(), findings["message"].copy()
    places = pd.Series(np.arange(len(table)), index=table["submission_id"])
    for name in (*fields.in_registry(), "origin"):
        columns = ORIGIN if name == "origin" else (name,)
        read = ["matched_row", "matched_school", "enrolment_month", *columns, *(f"registry_{each}" for each in columns)]
        for mine, told in ((own, AS_REGISTRY), (kind == "required", NOWHERE)):
            at = findings.index[loud & mine & (base == name)]
            if len(at) and (told == AS_REGISTRY or name not in (*_KEYS, "origin")):
                rows = table[list(dict.fromkeys(read))].iloc[places[findings["submission_id"][at]]]
                if told == AS_REGISTRY:
                    equal = np.logical_and.reduce([equal_to_registry(rows, facts, column) for column in columns])
                else:
                    holding = registry["school"][registry[name] != ""].unique()
                    equal = (rows["matched_school"].isin(list(holding)) & (rows[f"registry_{name}"] == "")).to_numpy()
                as_held = equal & (rows["matched_row"] >= 0).to_numpy()
                severity[at[as_held]], message[at[as_held]] = "info", told
    return findings.assign(severity=severity, message=message)


def schools_of_another_month(registry: Frame, facts: Facts) -> dict[str, str]:
    """Return the question to the office by school where most undergraduates' month is not the cohort's."""
    months = registry["graduation_month"]
    asked = registry[
        registry["education_level"].isin(UNDERGRADUATE) & is_month(months) & months.str.startswith(f"{facts.year}-")
    ]
    found: dict[str, str] = {}
    for school, group in asked.groupby("school")["graduation_month"]:
        others = group[group != facts.undergraduate_month]
        if len(others) > len(group) / 2:
            month = others.mode().iloc[0]
            found[str(school)] = (
                f"学籍中多数本科、专科生的毕业年月是 {month}，本届设定为 {facts.undergraduate_month}，请就业办确认："
                f"确实是这个月的，请把 cohort.toml 的 undergraduate_month 改为 {month}；不是的，请教务处更正学籍"
            )
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
