"""Keys by which rows are compared with rows of any school: each text as 64 bits, so that millions fit into memory.

A key is a `uint64`, 0 where the text is blank. Two texts of twelve million share a key by chance once in 250,000
runs (n²/2⁶⁵), which would make two people's rows look like one; nothing is decided on a key that a registry denies.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd
from rapidfuzz.distance import OSA

from pipeline.knowledge.identifiers import IdNumbers, to_18
from pipeline.knowledge.names import equal_names, sounds
from pipeline.tables import Frame

Keys = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

PERSON_KEYS = ["school", "id_number", "name", "student_number", "exam_number"]
"""What registry rows and submissions are compared by."""
SHARED_KEYS = ["phone", "qq", "email"]
"""What two students should not share, beside the above."""

_ODD = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))


def person_id(id_numbers: pd.Series) -> pd.Series:
    """Return ID numbers as keys of a person: 15-digit ones in their 18-digit form, damaged ones blank."""
    kind = IdNumbers(id_numbers).kind
    keys = id_numbers.where(kind != "damaged", "")
    old = kind == "old15"
    if old.any():
        keys = keys.where(~old, to_18(id_numbers.where(old, "")))
    return keys


def key_frame(rows: Frame, columns: list[str]) -> Frame:
    """Return the `columns` of normalised rows as keys, indexed from 0."""
    return pd.DataFrame({name: text_keys(_comparable(name, rows[name])) for name in columns})


def _comparable(name: str, column: pd.Series) -> pd.Series:
    if name == "id_number":
        return person_id(column)
    if name == "name":
        return equal_names(column)
    return column.str.lower() if name == "email" else column


def text_keys(column: pd.Series) -> Keys:
    """Return each text's key."""
    hashed = pd.util.hash_array(column.to_numpy(dtype=object), categorize=False)  # most differ: none is looked up
    hashed[hashed == 0] = 1
    hashed[(column == "").to_numpy(dtype=bool)] = 0
    return hashed


def joined_keys(left: Keys, right: Keys) -> Keys:
    """Return the keys of both together, 0 where one of them is blank."""
    mixed = (left * _ODD[0]) ^ ((right * _ODD[1]) >> np.uint64(31)) ^ (right * _ODD[0] << np.uint64(17))
    mixed ^= mixed >> np.uint64(29)
    mixed *= _ODD[1]
    mixed[mixed == 0] = 1
    mixed[(left == 0) | (right == 0)] = 0
    return mixed


def known_keys(keys: Keys, wanted: Keys) -> Bools:
    """Return which `keys` are one of `wanted`; blank ones never are."""
    known = np.unique(wanted[wanted != 0])
    if not len(known):
        return np.zeros(len(keys), dtype=bool)
    places = np.searchsorted(known, keys)
    places[places == len(known)] = 0
    return (known[places] == keys) & (keys != 0)


def repeated(keys: Keys, where: Bools) -> Bools:
    """Return which of the rows `where` share their key with another of them; blank ones never do."""
    given = np.sort(keys[where & (keys != 0)])
    twice = given[1:][given[1:] == given[:-1]]
    return known_keys(keys, twice) & where


ID, STUDENT, EXAM, HERE, NAME = 1, 2, 4, 8, 16
"""What a pair shares, as bits: ID number, student number, exam number, the named school, the name."""

_MOST = 50
"""Registry rows that one number may lead to. One of more (无, 0) is nobody's: each row that gives it would meet all."""


def exact_pairs(submissions: Frame, registry: Frame) -> Frame:
    """Return `left, right, shares`: positions in `submissions` and `registry` and the bits that the two share.

    Student and exam numbers are looked up within the named school: they repeat across schools. ID numbers are looked
    up everywhere: who registered with the wrong school is found there.
    """
    return pairs_of_keys(key_frame(submissions, PERSON_KEYS), key_frame(registry, PERSON_KEYS))


def pairs_of_keys(submissions: Frame, registry: Frame) -> Frame:
    """Return `exact_pairs` of rows that are known by their keys (`keys.key_frame` of `PERSON_KEYS`)."""
    found = [(*_equal(left, right), bit) for left, right, bit in _looked_up(submissions, registry)]
    left_at = np.concatenate([part[0] for part in found])
    right_at = np.concatenate([part[1] for part in found])
    bits = np.concatenate([np.full(len(part[0]), part[2], dtype=np.int8) for part in found])
    order = np.lexsort((right_at, left_at))
    left_at, right_at, bits = left_at[order], right_at[order], bits[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (left_at[1:] != left_at[:-1]) | (right_at[1:] != right_at[:-1])
    starts = np.flatnonzero(first)
    shares = np.bitwise_or.reduceat(bits, starts) if len(starts) else bits
    left_at, right_at = left_at[starts], right_at[starts]
    for column, bit in (("school", HERE), ("name", NAME)):
        one, other = submissions[column].to_numpy()[left_at], registry[column].to_numpy()[right_at]
        shares = shares | np.where((one == other) & (one != 0), np.int8(bit), np.int8(0))
    return pd.DataFrame({"left": left_at, "right": right_at, "shares": shares})


def _looked_up(submissions: Frame, registry: Frame) -> list[tuple[Keys, Keys, int]]:
    return [(key_of(submissions), key_of(registry), bit) for key_of, bit in LOOK_UPS]


def id_key(keys: Frame) -> Keys:
    """Return the keys of ID numbers: they are looked up everywhere."""
    return keys["id_number"].to_numpy()


def student_key(keys: Frame) -> Keys:
    """Return the keys of student numbers within their school."""
    return joined_keys(keys["school"].to_numpy(), keys["student_number"].to_numpy())


def exam_key(keys: Frame) -> Keys:
    """Return the keys of exam numbers within their school."""
    return joined_keys(keys["school"].to_numpy(), keys["exam_number"].to_numpy())


LOOK_UPS = ((id_key, ID), (student_key, STUDENT), (exam_key, EXAM))
"""By what a registry row is found, and the bit that says so."""


def _equal(left: Keys, right: Keys) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of every pair of equal keys; blank ones, and those of more than `_MOST` rows, make none."""
    one = pd.DataFrame({"key": left, "left": np.arange(len(left))})
    other = pd.DataFrame({"key": right, "right": np.arange(len(right))})
    other = other[other["key"] != 0]
    pairs = one.merge(other[other.groupby("key")["key"].transform("size") <= _MOST], on="key")
    return pairs["left"].to_numpy(), pairs["right"].to_numpy()


def distance(left: str, right: str) -> int:
    """Return the edits between two numbers, a transposition of neighbours counted as one."""
    return OSA.distance(left, right)


def likeness(left: str, right: str) -> float:
    """Return the likeness of two texts, 0 to 1."""
    return OSA.normalized_similarity(left, right) if left and right else 0.0


@lru_cache(maxsize=100_000)
def names_near(left: str, right: str) -> bool:
    """Return whether two names may be one person's: they sound alike in one reading, or differ in one character.

    A name of two characters that differs in one is too weak and must sound alike.
    """
    if not left or not right:
        return False
    if sounds(left) & sounds(right):
        return True
    return len(left) > 2 and len(left) == len(right) and OSA.distance(left, right) == 1
