"""Answers that the registry completes: a blank major, and a level given as 研究生 only."""

from __future__ import annotations

import pandas as pd

from pipeline.tables import Frame

_POSTGRADUATE = ["硕士研究生", "博士研究生"]


def fill_from_registry(submissions: Frame, evidence: Frame, registry: Frame) -> tuple[Frame, Frame]:
    """Return submissions with what the registry completes, and the `changes` that this makes.

    A blank major is filled from the class (the notice: choose the class, not the major); a bare 研究生 takes the
    registry's own level where the row is matched (fields.csv).

    Args:
        submissions: the submissions that count.
        evidence: `find_evidence` of them.
        registry: normalised registry rows.
    """
    matched = evidence["matched_row"].to_numpy()
    filled = submissions.copy()
    majors = _majors(registry)
    keys = list(zip(submissions["school"], submissions["class_name"], strict=True))
    of_class = pd.Series([majors.get(key, "") for key in keys], index=submissions.index, dtype="str")
    blank = (submissions["major"] == "") & (of_class != "")
    filled["major"] = submissions["major"].where(~blank, of_class)
    if len(registry):
        level = registry["education_level"].take(matched.clip(0)).set_axis(submissions.index)
        bare = (submissions["education_level"] == "研究生") & (matched >= 0) & level.isin(_POSTGRADUATE)
        filled["education_level"] = submissions["education_level"].where(~bare, level)
    why = {"major": "按班级补填专业", "education_level": "按学籍补全研究生层次"}
    parts = [_changes(submissions, filled, name, reason) for name, reason in why.items()]
    return filled, pd.concat(parts, ignore_index=True)


def _majors(registry: Frame) -> dict[tuple[str, str], str]:
    """Return the one major of each class; a class with several has none to fill in."""
    groups = registry[["school", "class_name", "major"]].drop_duplicates()
    single = groups[~groups.duplicated(["school", "class_name"], keep=False)]
    return {(school, name): major for school, name, major in single.itertuples(index=False)}


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
