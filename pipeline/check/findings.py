"""Findings, certifications that derive from them, and what could not be judged because a column is missing."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from pipeline import fields
from pipeline.check.rule import Rule
from pipeline.check.validate import RuleVerdict
from pipeline.collect.missing_fields import Lacking
from pipeline.knowledge.text_columns import among
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


def certify(table: Frame, findings: Frame, not_run: Collection[str] = (), unrecorded: Collection[str] = ()) -> Frame:
    """Return `certifications`: one row per submission that counts.

    An identity rule that could not run, or is silenced, leaves identity `not_checked`.

    Args:
        table: the check table.
        findings: all findings of it.
        not_run: names of rules that could not run.
        unrecorded: submissions of sources that lack a column which must equal the registry.
    """
    identity = findings[findings["rule"].str.startswith("identity.")].drop_duplicates("submission_id")
    causes = identity.set_index("submission_id")["rule"].str.removeprefix("identity.")
    cause = table["submission_id"].map(causes).astype("str").fillna("")  # all missing, they are no text yet
    state = pd.Series("failed", index=table.index, dtype="str")
    state = state.where(cause != "", "certified")
    state = state.where((cause != "not_checked") & ((cause != "") | (table["identity_cause"] == "")), "not_checked")
    return conform(
        pd.DataFrame(
            {
                "submission_id": table["submission_id"],
                "school": table["school"],
                "student_number": table["student_number"],
                "identity": state,
                "cause": cause,
                "record": _record(table, findings, not_run, unrecorded),
                "matched_school": table["matched_school"],
                "matched_student_number": table["registry_student_number"],
                "score": table["score"],
            }
        ),
        "certifications",
    )


def _record(table: Frame, findings: Frame, not_run: Collection[str], unrecorded: Collection[str]) -> pd.Series:
    """Return `certified` where every compared field equals the matched row and no required field is blank."""
    against = {f"{name}.registry" for name in fields.compared()} | {f"{name}.required" for name in fields.compared()}
    against_him = findings["rule"].isin(list(against)) & (findings["severity"] == "critical")
    failing = set(findings["submission_id"][against_him])
    failed = among(table["submission_id"], failing)
    sound = "not_checked" if against & set(not_run) else "certified"
    record = pd.Series(sound, index=table.index, dtype="str").where(~failed, "failed")
    unknown = among(table["submission_id"], unrecorded) & ~failed
    return record.where((table["matched_row"] >= 0) & ~unknown, "not_checked")


def without_shared(certifications: Frame, findings: Frame) -> Frame:
    """Set record to `not_checked` where shared faults are its only failures."""
    kinds = [f"{name}.{kind}" for name in fields.compared() for kind in ("registry", "required")]
    failing = findings[findings["rule"].isin(kinds) & (findings["severity"] == "critical")]
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


def rules_without_columns(rules: Sequence[Rule], lacking: Lacking) -> list[tuple[str, str, str]]:
    """Return the rules that could not be judged everywhere: name, school ("" for all), reason."""
    told: list[tuple[str, str, str]] = []
    for rule in rules:
        if rule.table == "submissions" and not rule.stock:
            told += [(rule.name, "", f"所有登记来源都没有“{fields.label(name)}”这一列")
                     for name in _read_by(rule) if name in lacking.everywhere]  # fmt: skip
        if rule.needs == "registry" or rule.table == "registry":
            told += [(rule.name, school, f"学籍库没有“{fields.label(rule.field)}”这一列")
                     for school, lost in lacking.registries.items() if rule.field in lost]  # fmt: skip
    return told


def _read_by(rule: Rule) -> tuple[str, ...]:
    return (rule.field, *READS.get(rule.name, ()))


def without_lacking(findings: Frame, table: Frame, lacking: Lacking) -> Frame:
    """Return the findings without those on fields for which the submission's worksheet has no column."""
    if not lacking.sheets or findings.empty:
        return findings
    lost = lost_fields(table, lacking)
    places = findings["submission_id"].map(lost)
    told = zip(findings["rule"], findings["field"], places, strict=True)
    none = [isinstance(place, frozenset) and bool(place & {name, *READS.get(rule, ())}) for rule, name, place in told]
    return findings[~pd.Series(none, index=findings.index, dtype=bool)].reset_index(drop=True)


def lost_fields(table: Frame, lacking: Lacking) -> dict[str, frozenset[str]]:
    """Map each submission whose worksheet lacks columns to the fields without one."""
    places = zip(table["submission_id"], table["file"], table["sheet"], strict=True)
    return {str(each): lost for each, file, sheet in places if (lost := lacking.sheets.get((file, sheet)))}


def records_without_columns(table: Frame, lacking: Lacking) -> Collection[str]:
    """Return the submissions whose worksheet has no column for a field that is required and compared."""
    needed = {f.name for f in fields.fields().values() if f.registry_check == "exact" and f.required == "yes"}
    return {each for each, lost in lost_fields(table, lacking).items() if lost & needed}


def registry_without_lacking(findings: Frame, lacking: Lacking) -> Frame:
    """Return the registry findings without those on columns that the school's registry does not have."""
    pairs = zip(findings["school"], findings["field"], strict=True)
    none = [name in lacking.registries.get(school, ()) for school, name in pairs]
    return findings[~pd.Series(none, index=findings.index, dtype=bool)].reset_index(drop=True)
