"""Answers that the registry completes: a blank major, a level given as 研究生 only, a month that may be two."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from pipeline.knowledge.codes import covered
from pipeline.normalise.dates import AMBIGUOUS
from pipeline.tables import Frame


def fill_from_registry(submissions: Frame, evidence: Frame, registry: Frame, classes: Frame) -> tuple[Frame, Frame]:
    """Return submissions with what the registry completes, and the `changes` that this makes.

    A blank major is filled from the class (the notice: choose the class, not the major); a bare 研究生 takes the
    registry's own level where the row is matched (fields.csv); 2017.1 is the registry's January or October (traps.md).

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
        for name, completes in COMPLETED.items():
            held = registry[name].take(matched.clip(0)).set_axis(submissions.index)
            filled[name] = submissions[name].where(~(completes(submissions[name], held) & (matched >= 0)), held)
    why = {"major": "按班级补填专业", **dict.fromkeys(COMPLETED, "按学籍补全")}
    parts = [_changes(submissions, filled, name, reason) for name, reason in why.items()]
    return filled, pd.concat(parts, ignore_index=True)


def _completes_level(given: pd.Series, held: pd.Series) -> pd.Series:
    return covered("education_level", given, held)


def _completes_month(given: pd.Series, held: pd.Series) -> pd.Series:
    year = given.str.slice(0, 4)
    ambiguous = given.str.fullmatch(AMBIGUOUS)
    return ambiguous & ((held == year + "-01") | (held == year + "-10"))


COMPLETED: dict[str, Callable[[pd.Series, pd.Series], pd.Series]] = {
    "education_level": _completes_level,
    "graduation_month": _completes_month,
    "enrolment_month": _completes_month,
}
"""By field: where the registry's value (second) completes the one that was given."""


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
