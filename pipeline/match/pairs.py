"""Exact keys: which registry rows share the ID, student or exam number with a submission, in one linear pass."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.match.persons import person_id
from pipeline.tables import Frame

ID, STUDENT, EXAM, HERE, NAME = 1, 2, 4, 8, 16
"""What a pair shares, as bits: ID number, student number, exam number, the named school, the name."""


def exact_pairs(submissions: Frame, registry: Frame) -> Frame:
    """Return `left, right, shares`: positions in `submissions` and `registry` and the bits that the two share.

    Student and exam numbers are looked up within the named school: they repeat across schools. ID numbers are looked
    up everywhere: who registered with the wrong school is found there.
    """
    found: list[tuple[np.ndarray, np.ndarray, int]] = []
    for left, right, bit in _keys(submissions, registry):
        pairs = _equal(left, right)
        found.append((pairs[0], pairs[1], bit))
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
        same = _same(submissions[column], registry[column], left_at, right_at)
        shares = shares | np.where(same, np.int8(bit), np.int8(0))
    return pd.DataFrame({"left": left_at, "right": right_at, "shares": shares})


def _keys(submissions: Frame, registry: Frame) -> list[tuple[pd.Series, pd.Series, int]]:
    def within_school(frame: Frame, column: str) -> pd.Series:
        return (frame["school"] + "\x1f" + frame[column]).where(frame[column] != "", "")

    return [
        (person_id(submissions["id_number"]), person_id(registry["id_number"]), ID),
        (within_school(submissions, "student_number"), within_school(registry, "student_number"), STUDENT),
        (within_school(submissions, "exam_number"), within_school(registry, "exam_number"), EXAM),
    ]


def _equal(left: pd.Series, right: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of every pair of equal, non-blank keys."""
    one = pd.DataFrame({"key": left.to_numpy(), "left": np.arange(len(left))})
    other = pd.DataFrame({"key": right.to_numpy(), "right": np.arange(len(right))})
    pairs = one[one["key"] != ""].merge(other[other["key"] != ""], on="key")
    return pairs["left"].to_numpy(), pairs["right"].to_numpy()


def _same(left: pd.Series, right: pd.Series, left_at: np.ndarray, right_at: np.ndarray) -> np.ndarray:
    one = left.take(left_at).reset_index(drop=True)
    other = right.take(right_at).reset_index(drop=True)
    return ((one == other) & (one != "")).to_numpy(dtype=bool)


def known_rows(pairs: Frame, count: int) -> np.ndarray:
    """Return, for each of `count` submissions, the one registry row whose person it surely is, -1 where none is sure.

    Student number, exam number and any third key together are a row's person; else ID number and name are, unless
    both numbers stand on another row (a namesake's ID number: contract, tables/certifications).
    """
    shares = pairs["shares"].to_numpy()
    both = (shares & (STUDENT | EXAM)) == (STUDENT | EXAM)
    named = (shares & (ID | NAME)) == (ID | NAME)
    rows = np.full(count, -1, dtype=np.int64)
    for chosen in (named, both & ((shares & (ID | NAME)) > 0)):  # what comes last counts
        part = pairs[chosen]
        single = part[~part["left"].duplicated(keep=False)]
        rows[single["left"].to_numpy()] = single["right"].to_numpy()
    return rows
