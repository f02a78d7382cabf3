"""Findings, the certifications that derive from them, and rules that a missing column keeps from being judged."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline import fields
from pipeline.check.rule import Rule
from pipeline.check.validate import RuleVerdict
from pipeline.collect.missing_fields import Lacking
from pipeline.knowledge.text_columns import among
from pipeline.tables import Frame, conform, empty

_TOLD = ("submission_id", "told_school", "told_college", "told_class_name", "told_student_number")


def findings_of(table: Frame, verdicts: list[RuleVerdict]) -> Frame:
    """Return the findings of `verdicts` on `table` (`subjects.subject_tables`)."""
    parts = [_findings_of_rule(table, verdict) for verdict in verdicts if len(verdict.rows)]
    return conform(pd.concat(parts, ignore_index=True), "findings") if parts else empty("findings")


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


def _findings_of_rule(table: Frame, verdict: RuleVerdict) -> Frame:
    rule = verdict.rule
    rows = table[[name for name in (*_TOLD, rule.field) if name in table]].iloc[verdict.rows]
    none = pd.Series("", index=rows.index, dtype="str")
    told = {"field": none + rule.field, "given": rows.get(rule.field, none), "expected": none, "severity": none}
    told |= {name: pd.Series(values, index=rows.index, dtype="str") for name, values in verdict.told.items()}
    told["severity"] = told["severity"].where(told["severity"] != "", rule.severity)
    said = {"rule": rule.name, "actor": rule.actor, "message": rule.message, "excepted": False, "shared_fault": ""}
    return rows[list(_TOLD)].rename(columns=lambda name: name.removeprefix("told_")).assign(**told, **said)


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
    record = _record(table, findings, not_run, unrecorded)
    number = table["registry_student_number"]
    told = told.assign(identity=state, cause=cause, record=record, matched_student_number=number)
    return conform(told, "certifications")


def _record(table: Frame, findings: Frame, not_run: Collection[str], unrecorded: Collection[str]) -> pd.Series:
    """Return `certified` where every compared field equals the matched row and no required field is blank."""
    failed = among(table["submission_id"], _of_record(findings)["submission_id"])
    sound = "not_checked" if set(_record_rules()) & set(not_run) else "certified"
    record = pd.Series(sound, index=table.index, dtype="str").where(~failed, "failed")
    unknown = among(table["submission_id"], unrecorded) & ~failed
    return record.where((table["matched_row"] >= 0) & ~unknown, "not_checked")


def _record_rules() -> list[str]:
    return [f"{name}.{kind}" for name in fields.compared() for kind in ("registry", "required")]


def _of_record(findings: Frame) -> Frame:
    return findings[findings["rule"].isin(_record_rules()) & (findings["severity"] == "critical")]


def without_shared(certifications: Frame, findings: Frame) -> Frame:
    """Set record to `not_checked` where shared faults are its only failures."""
    failing = _of_record(findings)
    own = failing["submission_id"][failing["shared_fault"] == ""]
    shared = failing["submission_id"][failing["shared_fault"] != ""]
    only = among(certifications["submission_id"], shared) & ~among(certifications["submission_id"], own)
    return certifications.assign(record=certifications["record"].mask(only, "not_checked"))


READS: dict[str, tuple[str, ...]] = {
    "training_mode.unit_required": ("commissioning_unit",),
    "origin.precision": ("origin_province", "origin_city"),
    "home.hierarchy": ("home_province", "home_city"),
    "qq.email": ("email",),
    "contact.shared": ("phone", "qq", "email"),
    "gender.matches_id": ("id_number",),
    "study_years.span": ("enrolment_month", "graduation_month"),
    "graduation_month.june": ("education_level",),
    "training_mode.unit_unexpected": ("commissioning_unit",),
    "class_name.college": ("college",),
    "class_name.major": ("major",),
}
"""What rules look at beside their own field."""


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
                     for name in (rule.field, *READS.get(rule.name, ())) if name in lacking.everywhere]  # fmt: skip
        if rule.needs == "registry" or rule.table == "registry":
            told += [NotChecked(rule.name, school, f"学籍库没有“{fields.label(rule.field)}”这一列")
                     for school, lost in lacking.registries.items() if rule.field in lost]  # fmt: skip
    return told


def without_lacking(findings: Frame, table: Frame, lacking: Lacking) -> Frame:
    """Return the findings without those on fields for which the submission's worksheet has no column."""
    if not lacking.sheets or findings.empty:
        return findings
    lost = _lost_fields(table, lacking)
    told = zip(findings["rule"], findings["field"], findings["submission_id"], strict=True)
    none = [bool(lost.get(of, frozenset()) & {name, *READS.get(rule, ())}) for rule, name, of in told]
    return findings[~np.array(none, dtype=bool)].reset_index(drop=True)


def _lost_fields(table: Frame, lacking: Lacking) -> dict[str, frozenset[str]]:
    places = zip(table["submission_id"], table["file"], table["sheet"], strict=True)
    return {str(each): lost for each, file, sheet in places if (lost := lacking.sheets.get((file, sheet)))}


def records_without_columns(table: Frame, lacking: Lacking) -> Collection[str]:
    """Return the submissions whose worksheet has no column for a field that is required and compared."""
    needed = {f.name for f in fields.fields().values() if f.registry_check == "exact" and f.required == "yes"}
    return {each for each, lost in _lost_fields(table, lacking).items() if lost & needed}
