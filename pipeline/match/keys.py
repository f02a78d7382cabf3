"""Keys that compare rows across schools: each text as a `uint64`, 0 if blank, so that millions fit into memory.

Of twelve million texts two share a key by chance once in 250,000 runs (n²/2⁶⁵). The registry's denial overrides a key.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.knowledge.identifiers import IdNumbers, damaged, to_18
from pipeline.knowledge.names import equal_names
from pipeline.tables import Frame

Keys = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

PERSON_KEYS = ["school", "id_number", "name", "student_number", "exam_number"]
"""What registry rows and submissions are compared by."""
SHARED_KEYS = ["phone", "qq", "email"]
"""Contacts that two students should not share."""

_FACTORS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))


def person_id(id_numbers: pd.Series) -> pd.Series:
    """Return ID numbers in the form that identifies a person: 15 digits as 18, damaged ones blank."""
    kind = IdNumbers(id_numbers).kind
    keys = id_numbers.where(kind != "damaged", "")
    old = kind == "old15"
    if old.any():
        keys = keys.where(~old, to_18(id_numbers.where(old, "")))
    return keys


def key_frame(rows: Frame, columns: list[str]) -> Frame:
    """Return the `columns` of normalised rows as keys, indexed from 0."""
    return pd.DataFrame({name: text_keys(key_values(name, rows[name])) for name in columns})


def key_values(name: str, column: pd.Series) -> pd.Series:
    """Return a field's values as they are compared. Damaged numbers are blank: equal ones may be two people's."""
    if name == "id_number":
        return person_id(column)
    if name in ("student_number", "exam_number"):
        return column.where(~damaged(column), "")
    if name == "name":
        return equal_names(column)
    return column.str.lower() if name == "email" else column


def text_keys(column: pd.Series) -> Keys:
    """Return the key of each text."""
    hashed = pd.util.hash_array(column.to_numpy(dtype=object), categorize=False)  # most differ: no factorising
    hashed[hashed == 0] = 1
    hashed[(column == "").to_numpy(dtype=bool)] = 0
    return hashed


def joined_keys(left: Keys, right: Keys) -> Keys:
    """Return one key for each pair, 0 if one of the two is 0."""
    mixed = (left * _FACTORS[0]) ^ ((right * _FACTORS[1]) >> np.uint64(31)) ^ (right * _FACTORS[0] << np.uint64(17))
    mixed ^= mixed >> np.uint64(29)
    mixed *= _FACTORS[1]
    mixed[mixed == 0] = 1
    mixed[(left == 0) | (right == 0)] = 0
    return mixed


def isin_keys(keys: Keys, wanted: Keys) -> Bools:
    """Return which `keys` are in `wanted`, except 0."""
    sorted_keys = np.unique(wanted[wanted != 0])
    if not len(sorted_keys):
        return np.zeros(len(keys), dtype=bool)
    positions = np.searchsorted(sorted_keys, keys)
    positions[positions == len(sorted_keys)] = 0
    return (sorted_keys[positions] == keys) & (keys != 0)


def repeated_keys(keys: Keys, where: Bools) -> Bools:
    """Return which of the rows `where` share their key with another of them, except 0."""
    sorted_keys = np.sort(keys[where & (keys != 0)])
    return isin_keys(keys, sorted_keys[1:][sorted_keys[1:] == sorted_keys[:-1]]) & where


ID, STUDENT, EXAM, SCHOOL, NAME = 1, 2, 4, 8, 16
"""What a pair shares, as bits: ID number, student number, exam number, the named school, the name."""
LOOKUP_BITS = {"id_number": ID, "student_number": STUDENT, "exam_number": EXAM}
"""The numbers by which a registry row is found, and the bit of each."""
_MAX_ROWS = 50
"""The most registry rows that one number may find. A number that finds more (无, 0) identifies nobody."""


def lookup_keys(keys: Frame, column: str) -> Keys:
    """Return the keys of a column, joined with the school for student and exam numbers, which repeat across schools."""
    keys_of_column = keys[column].to_numpy()
    within = column in ("student_number", "exam_number")
    return joined_keys(keys["school"].to_numpy(), keys_of_column) if within else keys_of_column


def candidate_pairs(submissions: Frame, registry: Frame) -> Frame:
    """Return `left, right, shares` of `key_frame` of `PERSON_KEYS`: positions in both, and the bits that they share."""
    found = [
        _equal_pairs(lookup_keys(submissions, column), lookup_keys(registry, column)).assign(shares=bit)
        for column, bit in LOOKUP_BITS.items()
    ]
    pairs = pd.concat(found).groupby(["left", "right"], as_index=False)["shares"].sum()
    left, right, shares = (pairs[name].to_numpy() for name in ("left", "right", "shares"))
    for column, bit in (("school", SCHOOL), ("name", NAME)):
        left_keys, right_keys = submissions[column].to_numpy()[left], registry[column].to_numpy()[right]
        shares = shares | np.where((left_keys == right_keys) & (left_keys != 0), bit, 0)
    return pairs.assign(shares=shares)


def _equal_pairs(left: Keys, right: Keys) -> Frame:
    """Return the positions of every pair of equal keys, except 0 and keys of more than `_MOST` rows."""
    left_rows = pd.DataFrame({"key": left, "left": np.arange(len(left))})
    right_rows = pd.DataFrame({"key": right, "right": np.arange(len(right))})
    right_rows = right_rows[right_rows["key"] != 0]
    pairs = left_rows.merge(right_rows[right_rows.groupby("key")["key"].transform("size") <= _MAX_ROWS], on="key")
    return pairs[["left", "right"]]
