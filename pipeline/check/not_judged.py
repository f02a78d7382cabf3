"""Rules that cannot be judged because a source or a registry lacks a column. They are listed and give no findings."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from pipeline import fields
from pipeline.check.rule import Rule
from pipeline.collect.missing_fields import Lacking
from pipeline.tables import Frame

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
