"""Registry rows that stand twice: equal ones are one row, unequal ones of one number are one person or two."""

from __future__ import annotations

from pipeline import fields
from pipeline.match.keys import person_id
from pipeline.tables import Frame

DIFFERS, DOUBTED = "differs", "doubted"
"""Columns of a registry row: labels of the fields in which its person's other row differs; whether ID number or name
is among them, or the number is another person's too, so that nobody can be certified before the registrar mends it."""

_KEY = ["school", "student_number"]
_PLACE = ["school", "student_number", "id_number", "name", "gender", "college", "class_name", "major"]
"""What the roster needs of a row, be it in doubt or not."""


def merge_rows(rows: Frame) -> tuple[Frame, Frame]:
    """Return one registry's rows with each person once, and the rows that were left out because they are equal.

    Two unequal rows of one student number are one person where ID number or name agree: the first row stands, `differs`
    names the fields that differ, and what no roster needs of them is blank, so that it is not compared. Else they are
    two people, both doubted (contract, tables/outside).
    """
    names = [name for name in fields.registry_columns() if name in rows]
    equal = rows.duplicated(["school_code", *names])
    kept = rows[~equal].reset_index(drop=True)
    kept = kept.assign(**{DIFFERS: "", DOUBTED: False})
    shared = kept[kept.duplicated(_KEY, keep=False) & (kept["student_number"] != "")]
    again: list[object] = []
    for _, group in shared.groupby(_KEY, sort=False):
        again += _merge(kept, group, [name for name in names if name not in _KEY])
    return kept.drop(index=again).reset_index(drop=True), rows[equal]


def _merge(kept: Frame, group: Frame, names: list[str]) -> list[object]:
    """Mark the rows of one number in `kept`, and return those that are another row's person."""
    first = group.iloc[0]
    people = person_id(group["id_number"])
    same = ((people == people.iloc[0]) & (people != "")) | ((group["name"] == first["name"]) & (group["name"] != ""))
    others = group[same].iloc[1:]
    differing = [name for name in names if (others[name] != first[name]).any()]
    at = group.index[0]
    kept.loc[at, [name for name in differing if name not in _PLACE]] = ""
    kept.loc[at, DIFFERS] = "、".join(fields.label(name) for name in differing)
    strangers = group.index[~same]
    kept.loc[[at, *strangers], DOUBTED] = bool(len(strangers)) or bool({"id_number", "name"} & set(differing))
    return list(others.index)
