"""What rules are judged on: submissions that count, superseded ones, the registry's students, its own rows.

Each but the last has `told_school, told_college, told_class_name, told_student_number`: what a finding says of the
student, of the matched registry row where there is one. The table of submissions has their registry rows beside it,
and the evidence for them, in figures for the rules and in words for counselor and office.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline import fields
from pipeline.check.rule import Subject
from pipeline.check.rules.identity_rules import cause
from pipeline.knowledge.text_columns import among, by_distinct
from pipeline.match.evidence import SEVERAL
from pipeline.match.match_stage import PHOTOS, Matched
from pipeline.match.persons import WITHDRAWN
from pipeline.tables import Frame

_TOLD = ("school", "college", "class_name", "student_number")


def subject_tables(matched: Matched, standing: pd.Series) -> dict[Subject, Frame]:
    """Return the table of each subject.

    Args:
        matched: submissions, evidence and registry.
        standing: by registry position, the index of the submission that stands there.
    """
    return {
        "submissions": submissions_table(matched, matched.counting, matched.evidence, matched.marks, matched.photos),
        "superseded": _superseded(matched.submissions),
        "students": _told(matched.students_with(standing)),
        "registry": matched.registry,
    }


def submissions_table(
    matched: Matched, submissions: Frame, evidence: Frame, marks: Frame, photos: Frame | None
) -> Frame:
    """Return the check table of `submissions` with what a finding tells of each."""
    table = check_table(
        submissions, evidence, marks, matched.registry, matched.classes, frozenset(matched.unread), photos
    )
    for name in ("outside", "outside_source"):
        table[name] = _taken_or(
            matched.registry[name], table["standing_row"], pd.Series("", index=table.index, dtype="str")
        )
    told = {f"told_{name}": _taken_or(matched.registry[name], table["standing_row"], table[name]) for name in _TOLD}
    return table.assign(**told)


def _taken_or(registry: pd.Series, rows: pd.Series, otherwise: pd.Series) -> pd.Series:
    """Return the registry's values at `rows`, or `otherwise` where there is no row."""
    if not len(registry):
        return otherwise
    taken = registry.take(rows.clip(lower=0).to_numpy()).set_axis(rows.index)
    return taken.where(rows >= 0, otherwise)


def _superseded(submissions: Frame) -> Frame:
    rows = submissions[~submissions["superseded_by"].isin(["", WITHDRAWN])]
    return _told(rows).reset_index(drop=True)


def _told(rows: Frame) -> Frame:
    return rows.assign(**{f"told_{name}": rows[name] for name in _TOLD})


@dataclass(frozen=True)
class Classes:
    """What the registry says of its classes: school and class, joined, to college and major; blank where several."""

    college: dict[str, str]
    major: dict[str, str]


def classes_of(registry: Frame) -> Classes:
    """Return the classes of the registry. A class with two majors (a registry fault) says nothing of its major.

    Rows with a blank major are ignored.
    """
    named = registry[registry["class_name"] != ""]
    keys = named["school"] + "\x1f" + named["class_name"]
    told: dict[str, dict[str, str]] = {}
    for column in ("college", "major"):
        groups = pd.DataFrame({"key": keys, "value": named[column]}).drop_duplicates()
        filled = groups[groups["value"] != ""]
        several = filled["key"].duplicated(keep=False)
        told[column] = dict.fromkeys(groups["key"], "")
        told[column] |= dict(zip(filled["key"], filled["value"].mask(several, ""), strict=True))
    return Classes(told["college"], told["major"])


def check_table(
    submissions: Frame,
    evidence: Frame,
    marks: Frame,
    registry: Frame,
    classes: Frame,
    unread: frozenset[str],
    photos: Frame | None,
) -> Frame:
    """Return one row per submission that counts, with all that rules look at.

    Args:
        submissions: the submissions that count.
        evidence: `match.find_evidence` of them.
        marks: `matched.MARKS` of them.
        registry: normalised rows, positions as in `evidence`; `faults` where they are known (`registrar.faults_of`).
        classes: `school, class_name, college, major` of the registry, of all schools that may be looked up.
        unread: names of the schools whose registry could not be read.
        photos: `photos.examine` of them with `shared`, or None where no photos are collected.
    """
    matched = evidence["matched_row"].to_numpy()
    parts: dict[str, pd.Series] = {
        f"registry_{name}": _taken(registry[name], matched, submissions.index) for name in fields.in_registry()
    }
    none = pd.Series("", index=registry.index, dtype="str")
    parts["registry_faults"] = _taken(registry.get("faults", none), matched, submissions.index)
    parts["matched_school"] = parts["registry_school"]
    parts["lookup_school"] = parts["registry_school"].where(parts["registry_school"] != "", submissions["school"])
    named = {*registry["school"].unique(), *classes["school"].unique(), *unread}
    parts["school_named"] = submissions["school"].isin(list(named))
    parts["registry_read"] = ~submissions["school"].isin(list(unread)) | (matched >= 0)
    parts |= _class_columns(parts["lookup_school"], submissions["class_name"], classes_of(classes))
    parts |= {str(name): marks[name] for name in marks}
    parts |= _photo_columns(photos, submissions.index)
    table = pd.concat([submissions, evidence, pd.DataFrame(parts, index=submissions.index)], axis=1)
    table["identity_cause"] = cause(table)
    table["identity_evidence"] = describe(table, registry)
    return table


def _taken(column: pd.Series, rows: np.ndarray, index: pd.Index) -> pd.Series:
    """Return the registry's values of the matched rows, blank where there is none."""
    if not len(column):
        return pd.Series("", index=index, dtype="str")
    taken = column.take(np.maximum(rows, 0)).set_axis(index)
    return taken.where(rows >= 0, "")


def _class_columns(schools: pd.Series, names: pd.Series, classes: Classes) -> dict[str, pd.Series]:
    keys = schools + "\x1f" + names
    return {
        "class_known": among(keys, classes.college),
        "class_college": by_distinct(keys, lambda key: classes.college.get(key, "")),
        "class_major": by_distinct(keys, lambda key: classes.major.get(key, "")),
    }


def _photo_columns(photos: Frame | None, index: pd.Index) -> dict[str, pd.Series]:
    """Return `photos` as columns of the table; false and 0 where none are collected."""
    none = {name: np.zeros(len(index), dtype=kind) for name, kind in PHOTOS.items()}
    return {f"photo_{name}": pd.Series(none[name], index) if photos is None else photos[name] for name in PHOTOS}


def describe(table: Frame, registry: Frame) -> pd.Series:
    """Return the evidence of each failed row (`identity_cause` not blank); blank for the others.

    The text holds registry values and stands in `findings.expected` only: students never see it.
    """
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
    """Return what differs between a given number and the registry's: the places where both are of one length."""
    if given == held or not held:
        return []
    if len(given) != len(held):
        return [f"{label}填写 {given or '空'}，学籍为 {held}"]
    places = [str(n) for n, (one, other) in enumerate(zip(given, held, strict=True), 1) if one != other]
    return [f"{label}第 {'、'.join(places)} 位不同：填写 {given}，学籍为 {held}"]
