"""Exact keys: which registry rows share the ID, student or exam number with a submission, in one linear pass."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.match.keys import PERSON_KEYS, Keys, joined_keys, key_frame
from pipeline.tables import Frame

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
