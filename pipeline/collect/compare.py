"""Two exports of a registry compared: who came, who went, and which fields changed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline import fields
from pipeline.collect.collected import text_frame
from pipeline.collect.registry import read_sources
from pipeline.collect.rows import rows_of_grid
from pipeline.errors import InputError

DIFFERENCES = ["school", "student_number", "change", "field", "old", "new"]
CHANGES = {"added": "新增", "removed": "减少", "changed": "改动"}
_KEY = ["school", "student_number", "turn"]


def read_export(source: str) -> pd.DataFrame:
    """Return a registry export's rows (`fields.in_registry()` as trimmed text) from a file, glob or database.

    Raises:
        InputError: it cannot be read whole.
    """
    readings = read_sources(source, Path.cwd(), None)
    wanted = fields.in_registry()
    parts = [rows_of_grid(grid, wanted) for reading in readings for grid in reading.grids]
    faults = [str(note) for read in (*readings, *parts) for note in read.notes if note.level == "error"]
    if faults:
        raise InputError(faults[0], where=source, remedy="请改正后再比较")
    rows = pd.concat([part.rows[wanted] for part in parts], ignore_index=True) if parts else text_frame(wanted)
    if not len(rows):
        raise InputError("没有学生", where=source, remedy="请核对文件")
    return rows.assign(**{name: rows[name].str.strip() for name in wanted})


def compare_registries(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return what differs, keyed by student number within school: a row for a student come or gone, or a field changed.

    Columns: school, student_number, change (added, removed, changed), field, old, new. For a student who was added or
    removed, field is blank, and new or old is the name.
    """
    before, after = _keyed(old), _keyed(new)
    both = before.index.intersection(after.index)
    parts = [
        _whole(after.loc[after.index.difference(before.index)], "added", "new"),
        _whole(before.loc[before.index.difference(after.index)], "removed", "old"),
    ]
    left, right = before.loc[both], after.loc[both]
    for name in left.columns:
        unlike = left[name] != right[name]
        if unlike.any():
            changed = pd.DataFrame({"old": left.loc[unlike, name], "new": right.loc[unlike, name]}).reset_index()
            parts.append(changed.assign(change="changed", field=name)[DIFFERENCES])
    whole = pd.concat([part for part in parts if len(part)], ignore_index=True) if any(map(len, parts)) else parts[0]
    order = whole["field"].map({name: at for at, name in enumerate(["", *fields.names()])})
    whole = whole.assign(order=order).sort_values(["school", "student_number", "order"], kind="stable")
    return whole[DIFFERENCES].astype("str").reset_index(drop=True)


def _keyed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows indexed by school, student number, and the turn of a number that stands twice."""
    turn = rows.groupby(["school", "student_number"]).cumcount()
    return rows.assign(turn=turn).set_index(_KEY)


def _whole(rows: pd.DataFrame, change: str, side: str) -> pd.DataFrame:
    """Return one row for each student who stands on one side only."""
    named = {"change": change, "field": "", "old": "", "new": ""} | {side: rows["name"].to_numpy()}
    return rows.reset_index()[["school", "student_number"]].assign(**named)[DIFFERENCES]


def masked(differences: pd.DataFrame) -> pd.DataFrame:
    """Return the differences for the screen: ID numbers and exam numbers show first and last characters only."""
    secret = differences["field"].isin(["id_number", "exam_number"])
    hidden = {
        side: differences[side].where(~secret, differences[side].str.replace(r"(?<=.{3}).(?=.{4})", "*", regex=True))
        for side in ("old", "new")
    }
    return differences.assign(**hidden)
