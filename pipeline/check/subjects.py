"""The tables that rules judge. Their `told_` columns are what a finding reports of the student (the matched row's)."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from pipeline import fields
from pipeline.check.rule import Subject
from pipeline.check.rules.identity_rules import cause
from pipeline.knowledge.text_columns import among
from pipeline.match.evidence import SEVERAL
from pipeline.match.match_stage import PHOTOS, Matched
from pipeline.match.persons import WITHDRAWN
from pipeline.tables import Frame

_TOLD = ("school", "college", "class_name", "student_number")


def subject_tables(matched: Matched, standing: pd.Series) -> dict[Subject, Frame]:
    """Return the table of each subject. `standing` is from `match_stage.standing_submissions`."""
    superseded = matched.submissions[~matched.submissions["superseded_by"].isin(["", WITHDRAWN])]
    return {
        "submissions": submissions_table(matched, matched.counting, matched.evidence, matched.marks, matched.photos),
        "superseded": _told(superseded.reset_index(drop=True)),
        "students": _told(matched.students_with(standing)),
        "registry": matched.registry,
    }


def _told(rows: Frame) -> Frame:
    return rows.assign(**{f"told_{name}": rows[name] for name in _TOLD})


def submissions_table(
    matched: Matched, submissions: Frame, evidence: Frame, marks: Frame, photos: Frame | None
) -> Frame:
    """Return one row per submission with every column that rules read and findings report."""
    registry, unread = matched.registry, list(matched.unread)
    blank = pd.Series("", index=submissions.index, dtype="str")
    rows, standing = evidence["matched_row"], evidence["standing_row"]
    held = {f"registry_{name}": registry[name] for name in fields.in_registry()}
    held["registry_faults"] = registry["faults"] if "faults" in registry else pd.Series("", registry.index, dtype="str")
    parts = {name: _taken(column, rows, blank) for name, column in held.items()}
    parts["matched_school"] = parts["registry_school"]
    parts["lookup_school"] = parts["registry_school"].where(parts["registry_school"] != "", submissions["school"])
    named = {*registry["school"].unique(), *matched.classes["school"].unique(), *unread}
    parts["school_named"] = submissions["school"].isin(list(named))
    parts["registry_read"] = ~submissions["school"].isin(unread) | (rows >= 0)
    parts |= _class_columns(parts["lookup_school"], submissions["class_name"], matched.classes)
    parts |= {str(name): marks[name] for name in marks}
    for name, kind in PHOTOS.items():
        none = pd.Series(np.zeros(len(submissions), dtype=kind), submissions.index)
        parts[f"photo_{name}"] = none if photos is None else photos[name]
    parts |= {name: _taken(registry[name], standing, blank) for name in ("outside", "outside_source")}
    parts |= {f"told_{name}": _taken(registry[name], standing, submissions[name]) for name in _TOLD}
    table = pd.concat([submissions, evidence, pd.DataFrame(parts, index=submissions.index)], axis=1)
    table["identity_cause"] = cause(table)
    table["identity_evidence"] = describe(table, registry)
    return table


def _taken(column: pd.Series, rows: pd.Series, otherwise: pd.Series) -> pd.Series:
    if not len(column):
        return otherwise
    taken = column.take(rows.clip(lower=0).to_numpy()).set_axis(rows.index)
    return taken.where(rows >= 0, otherwise)


def _class_columns(schools: pd.Series, names: pd.Series, classes: Frame) -> dict[str, pd.Series]:
    """Return the registry's college and major of each class. A class with two majors (a registry fault) has none."""
    keys = schools + "\x1f" + names
    classes = classes[classes["class_name"] != ""]
    known = classes["school"] + "\x1f" + classes["class_name"]
    columns = {"class_known": among(keys, known)}
    for column in ("college", "major"):
        pairs = pd.DataFrame({"key": known, "value": classes[column]}).drop_duplicates()
        pairs = pairs[pairs["value"] != ""]
        single = pairs[~pairs["key"].duplicated(keep=False)].set_index("key")["value"]
        columns[f"class_{column}"] = keys.map(single).astype("str").fillna("")
    return columns


def describe(table: Frame, registry: Frame) -> pd.Series:
    """Return the evidence for each `identity_cause` in words. It holds registry values: students never see it."""
    told = pd.Series("", index=table.index, dtype="str")
    failed = table[(table["identity_cause"] != "") & (table["identity_cause"] != "not_checked")]
    words = [_describe(row, registry) for row in failed.to_dict("records")]
    return told.mask(told.index.isin(failed.index), pd.Series(words, index=failed.index, dtype="str"))


def _describe(row: dict[Hashable, Any], registry: Frame) -> str:
    get = row.__getitem__
    parts: list[str] = []
    if get("matched_row") >= 0:
        parts.append(
            f"最接近的学籍：{get('matched_school')} 学号 {get('registry_student_number')} {get('registry_name')}"
        )
        parts += _differences("身份证号码", get("id_number"), get("registry_id_number"))
        for name, label in (("student_number", "学号"), ("exam_number", "考生号")):
            parts += _differences(label, get(name), get(f"registry_{name}"))
    owner = get("id_row") if get("id_row") >= 0 else get("elsewhere_id_row")
    if owner >= 0 and owner != get("matched_row"):
        other = registry.iloc[owner]
        parts.append(f"所填身份证号码在学籍中属于 {other['school']} 学号 {other['student_number']} {other['name']}")
    if not parts and any(get(name) for name in SEVERAL.values()):
        return "学籍中有多条记录同样相符，请逐条核对"
    if not parts and get("strays"):
        return "所填号码在学籍中不属于同一人"
    return "；".join(parts) or "学籍中没有身份证号码、学号、考生号或姓名相符的记录"


def _differences(label: str, given: str, held: str) -> list[str]:
    if given == held or not held:
        return []
    if len(given) != len(held):
        return [f"{label}填写 {given or '空'}，学籍为 {held}"]
    places = [str(n) for n, (one, other) in enumerate(zip(given, held, strict=True), 1) if one != other]
    return [f"{label}第 {'、'.join(places)} 位不同：填写 {given}，学籍为 {held}"]
