"""The headcount, compared as sets of people. Equal counts of different people are not equal: see `differences`."""

from __future__ import annotations

import pandas as pd

from pipeline.knowledge.text_columns import among, by_distinct
from pipeline.normalise.text_repairs import comparable
from pipeline.tables import COLUMNS, Frame, conform

KEYS = ["school", "college", "education_level", "major"]
CLAIMED = [*KEYS, "student_number", "name", "submission_id"]
"""The columns of submissions that `make_differences` reads."""
_DIFFERENCES = [*KEYS, "kind", "student_number", "name", "submission_id", "elsewhere"]
UNLISTED = "（名单外）"
"""The major of submissions without a registry row whose own major the registry does not know."""


def make_headcount(roster: Frame, certifications: Frame, extras: Frame) -> Frame:
    """Return `headcount`: a row per major, and `UNLISTED` per college that `extras` (no registry row) claim."""
    whole = certifications[(certifications["identity"] == "certified") & (certifications["record"] == "certified")]
    marks = pd.DataFrame(
        {
            **{key: roster[key] for key in KEYS},
            "registered": 1,
            "male": roster["gender"] == "男",
            "female": roster["gender"] == "女",
            "submitted": roster["submission_id"] != "",
            "certified": among(roster["submission_id"], whole["submission_id"]) & (roster["submission_id"] != ""),
            "awaiting": roster["status"] == "awaiting",
            "approved": roster["status"] == "approved",
            "missing": roster["status"] == "missing",
            "extra": 0,
        }
    )
    claimed = _claimed(extras[KEYS], roster)
    claimed = claimed.assign(**{name: 0 for name in marks.columns if name not in KEYS}).assign(extra=1)
    counted = pd.concat([marks, claimed], ignore_index=True).groupby(KEYS, sort=True, as_index=False).sum()
    # if all registered are approved, both sets are equal; an extra is in neither
    equal = (counted["approved"] == counted["registered"]) & (counted["registered"] > 0)
    return conform(counted.assign(equal=equal), "headcount")


def put_together(parts: Frame) -> Frame:
    """Return the sum of the headcounts of all parts. Several parts may count extras in the same row."""
    numbers = [name for name in COLUMNS["headcount"] if name not in KEYS]
    added = parts.groupby(KEYS, sort=True, as_index=False)[numbers].sum()
    return conform(added.assign(equal=added["equal"] > 0), "headcount")


def _claimed(extras: Frame, roster: Frame) -> Frame:
    """Return `extras` with registry values only, so that no claimed text reaches a table."""
    known = [pd.MultiIndex.from_frame(extras[columns]).isin(pd.MultiIndex.from_frame(roster[columns]))
             for columns in (KEYS, KEYS[:2])]  # fmt: skip
    return extras.assign(
        school=extras["school"].where(extras["school"].isin(roster["school"].unique()), UNLISTED),
        college=extras["college"].where(known[1], UNLISTED),
        education_level=extras["education_level"].where(known[0], ""),
        major=extras["major"].where(known[0], UNLISTED),
    )


def make_differences(roster: Frame, counting: Frame) -> Frame:
    """Return a row per person by whom registered, submitted and approved differ within a major.

    `kind` is missing (registered, nothing submitted), not_approved (any other status), extra (in no registry),
    moved_out (registered here, submitted for `elsewhere`) or moved_in (the reverse). `counting` are the submissions
    that count, with the columns `CLAIMED`.
    """
    extras = counting[~among(counting["submission_id"], roster["submission_id"])]
    standing = roster[roster["submission_id"] != ""]
    claimed = counting.set_index("submission_id")[KEYS].reindex(standing["submission_id"]).set_axis(standing.index)
    held = standing[KEYS]
    given = (claimed != "").all(axis=1)
    unlike = [by_distinct(claimed[key], comparable) != by_distinct(held[key], comparable) for key in KEYS]
    moved = standing[given & pd.concat(unlike, axis=1).any(axis=1)]
    there = claimed.loc[moved.index]
    parts = [
        _rows(roster[roster["status"] == "missing"], "missing"),
        _rows(roster[~roster["status"].isin(["approved", "missing"])], "not_approved"),
        _rows(extras, "extra"),
        _rows(moved, "moved_out", elsewhere=_named(there)),
        _rows(moved.assign(**{key: there[key] for key in KEYS}), "moved_in", elsewhere=_named(moved[KEYS])),
    ]
    return pd.concat(parts, ignore_index=True).sort_values([*KEYS, "kind", "student_number"], ignore_index=True)


def _named(keys: Frame) -> pd.Series:
    return keys["school"] + " " + keys["college"] + " " + keys["education_level"] + " " + keys["major"]


def _rows(people: Frame, kind: str, elsewhere: pd.Series | None = None) -> Frame:
    columns = people[CLAIMED]
    return columns.assign(kind=kind, elsewhere="" if elsewhere is None else elsewhere)[_DIFFERENCES].astype("str")
