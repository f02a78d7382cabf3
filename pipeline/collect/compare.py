"""Compare two exports of a registry: students added, students removed, fields changed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline import fields
from pipeline.collect.collected import text_frame
from pipeline.collect.registry_files import read_sources
from pipeline.collect.rows import rows_of_grid
from pipeline.errors import InputError

DIFFERENCES = ["school", "student_number", "name", "change", "field", "old", "new"]
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

    Columns: school, student_number, name, change (added, removed, changed), field, old, new. For a student who was
    added or removed, field is blank, and new or old is college and class. One whose number changed is one student.
    """
    before, after = _keyed(followed(old, new)), _keyed(new.assign(was=new["student_number"]))
    both = before.index.intersection(after.index)
    parts = [
        _whole(after.loc[after.index.difference(before.index)], "added", "new"),
        _whole(before.loc[before.index.difference(after.index)], "removed", "old"),
    ]
    left, right = before.loc[both], after.loc[both]
    for name in left.columns:
        unlike = left[name] != right[name]
        if unlike.any():
            values = {"name": right["name"], "old": left[name], "new": right[name]}
            changed = pd.DataFrame(values)[unlike].reset_index()
            field = "student_number" if name == "was" else name
            parts.append(changed.assign(change="changed", field=field)[DIFFERENCES])
    whole = pd.concat([part for part in parts if len(part)], ignore_index=True) if any(map(len, parts)) else parts[0]
    order = whole["field"].map({name: at for at, name in enumerate(["", *fields.names()])})
    whole = whole.assign(order=order).sort_values(["school", "student_number", "order"], kind="stable")
    return whole[DIFFERENCES].astype("str").reset_index(drop=True)


def followed(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return `old` under the student numbers of `new`, with `was`, the numbers before.

    A student whose number changed is recognised by the ID number, if one row on each side has it.
    """
    key = ["school", "student_number"]
    gone, come = (_apart(one, other, key) for one, other in ((old, new), (new, old)))
    pairs = gone.merge(come, on=["school", "id_number"], suffixes=("", "_now"))
    numbers = dict(zip(pairs["at"], pairs["student_number_now"], strict=True))
    now = [numbers.get(at, number) for at, number in zip(old.index, old["student_number"], strict=True)]
    return old.assign(was=old["student_number"], student_number=pd.Series(now, index=old.index, dtype="str"))


def _apart(rows: pd.DataFrame, others: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Return key, ID number and index (`at`) of the rows that `others` lack and whose ID number no other has."""
    alone = ~pd.MultiIndex.from_frame(rows[key]).isin(pd.MultiIndex.from_frame(others[key]))
    own = rows[alone & (rows["id_number"] != "")][[*key, "id_number"]]
    own = own.assign(at=own.index, id_number=own["id_number"].str.upper())
    return own.drop_duplicates(["school", "id_number"], keep=False)


def _keyed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows indexed by school, student number, and the turn of a number that stands twice."""
    turn = rows.groupby(["school", "student_number"]).cumcount()
    return rows.assign(turn=turn).set_index(_KEY)


def _whole(rows: pd.DataFrame, change: str, side: str) -> pd.DataFrame:
    """Return one row for each student who stands on one side only."""
    place = (rows["college"] + " " + rows["class_name"]).str.strip().to_numpy()
    named = {"change": change, "field": "", "old": "", "new": ""} | {side: place}
    return rows.reset_index()[["school", "student_number", "name"]].assign(**named)[DIFFERENCES]


def masked_differences(differences: pd.DataFrame) -> pd.DataFrame:
    """Return the differences for the screen: ID numbers and exam numbers show first and last characters only."""
    secret = differences["field"].isin(["id_number", "exam_number"])
    hidden = {
        side: differences[side].where(~secret, differences[side].str.replace(r"(?<=.{3}).(?=.{4})", "*", regex=True))
        for side in ("old", "new")
    }
    return differences.assign(**hidden)
