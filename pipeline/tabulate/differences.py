"""Where the sets of people differ, person by person: equal counts with different people are not equal."""

from __future__ import annotations

import pandas as pd

from pipeline.knowledge.text_columns import among, by_distinct
from pipeline.normalise.text_repairs import comparable
from pipeline.tables import Frame
from pipeline.tabulate.headcount import KEYS

CLAIMED = [*KEYS, "student_number", "name", "submission_id"]
"""What of submissions is looked at."""
DIFFERENCES = [*KEYS, "kind", "student_number", "name", "submission_id", "elsewhere"]


def make_differences(roster: Frame, counting: Frame) -> Frame:
    """Return one row per person by whom registered, submitted and approved differ, as sets, within a major.

    Columns: `KEYS` of the major concerned; `kind`: missing (registered, nothing submitted), not_approved (registered
    and submitted, not approved), extra (submitted and in no registry), moved_out (registered here, submitted for
    `elsewhere`), moved_in (submitted here, registered in `elsewhere`); `student_number`, `name`, `submission_id`.

    Args:
        roster: the roster.
        counting: the submissions that count, with `CLAIMED`; who stands on no registry row is extra.
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
        _rows(standing[standing["status"] != "approved"], "not_approved"),
        _rows(extras, "extra"),
        _rows(moved, "moved_out", elsewhere=_named(there)),
        _rows(moved.assign(**{key: there[key] for key in KEYS}), "moved_in", elsewhere=_named(moved[KEYS])),
    ]
    return pd.concat(parts, ignore_index=True).sort_values([*KEYS, "kind", "student_number"], ignore_index=True)


def _named(keys: Frame) -> pd.Series:
    return keys["school"] + " " + keys["college"] + " " + keys["education_level"] + " " + keys["major"]


def _rows(people: Frame, kind: str, elsewhere: pd.Series | None = None) -> Frame:
    columns = people[CLAIMED]
    return columns.assign(kind=kind, elsewhere="" if elsewhere is None else elsewhere)[DIFFERENCES].astype("str")
