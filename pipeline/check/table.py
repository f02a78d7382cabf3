"""The table that rules are judged on: submissions that count, their registry rows and the evidence for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline import fields
from pipeline.check.evidence import describe
from pipeline.check.rules.match import cause
from pipeline.knowledge.text import among, by_distinct
from pipeline.match.stage import PHOTOS
from pipeline.tables import Frame


@dataclass(frozen=True)
class Classes:
    """What the registry says of its classes: school and class, joined, to college and major; blank where several."""

    college: dict[str, str]
    major: dict[str, str]


def classes_of(registry: Frame) -> Classes:
    """Return the classes of the registry. A class with two majors (a registry fault) says nothing of its major.

    A row that leaves its major blank says nothing against the others.
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
        registry: normalised registry rows, positions as in `evidence`.
        classes: `school, class_name, college, major` of the registry, of all schools that may be looked up.
        unread: names of the schools whose registry could not be read.
        photos: `photos.examine` of them with `shared`, or None where no photos are collected.
    """
    matched = evidence["matched_row"].to_numpy()
    parts: dict[str, pd.Series] = {
        f"registry_{name}": _taken(registry[name], matched, submissions.index) for name in fields.in_registry()
    }
    parts["matched_school"] = parts["registry_school"]
    parts["lookup_school"] = parts["registry_school"].where(parts["registry_school"] != "", submissions["school"])
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
