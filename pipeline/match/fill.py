"""Answers that the registry completes: a blank major, and a level given as 研究生 only."""

from __future__ import annotations

import pandas as pd

from pipeline.tables import Frame

_POSTGRADUATE = ["硕士研究生", "博士研究生"]


def fill_from_registry(submissions: Frame, evidence: Frame, registry: Frame, classes: Frame) -> tuple[Frame, Frame]:
    """Return submissions with what the registry completes, and the `changes` that this makes.

    A blank major is filled from the class (the notice: choose the class, not the major); a bare 研究生 takes the
    registry's own level where the row is matched (fields.csv).

    Args:
        submissions: the submissions that count.
        evidence: `find_evidence` of them.
        registry: normalised registry rows.
        classes: `school, class_name, major` of the registry's classes, of every school that a submission names.
    """
    matched = evidence["matched_row"].to_numpy()
    filled = submissions.copy()
    blank = submissions[submissions["major"] == ""]
    filled.loc[blank.index, "major"] = _majors(blank, classes)
    if len(registry):
        level = registry["education_level"].take(matched.clip(0)).set_axis(submissions.index)
        bare = (submissions["education_level"] == "研究生") & (matched >= 0) & level.isin(_POSTGRADUATE)
        filled["education_level"] = submissions["education_level"].where(~bare, level)
    why = {"major": "按班级补填专业", "education_level": "按学籍补全研究生层次"}
    parts = [_changes(submissions, filled, name, reason) for name, reason in why.items()]
    return filled, pd.concat(parts, ignore_index=True)


def _majors(submissions: Frame, classes: Frame) -> pd.Series:
    """Return the one major of each submission's class; a class with several has none to fill in."""
    keys = ["school", "class_name"]
    groups = classes.loc[classes["major"] != "", [*keys, "major"]].drop_duplicates()
    single = groups[~groups.duplicated(keys, keep=False)]
    return submissions[keys].join(single.set_index(keys)["major"], on=keys)["major"].fillna("").astype("str")


def _changes(given: Frame, filled: Frame, name: str, why: str) -> Frame:
    changed = given[name] != filled[name]
    return pd.DataFrame(
        {
            "submission_id": given["submission_id"][changed],
            "field": name,
            "given": given[name][changed],
            "kept": filled[name][changed],
            "why": why,
        }
    )
