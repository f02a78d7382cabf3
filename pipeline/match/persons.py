"""Which submissions are of one person, and which of them counts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.match.keys import Keys, joined
from pipeline.normalise.times import in_order
from pipeline.tables import Frame

Positions = npt.NDArray[np.int64]

WITHDRAWN = "withdrawn"  # stands in `superseded_by` of a submission that a decision took out


def superseding(keys: Frame, person: Positions, submitted_at: pd.Series) -> Positions:
    """Return, for each row, the position of the row of the same person that counts (its own where it does).

    A row supersedes an earlier one of the same person (contract, tables/submissions): ID number and name agree, or
    student number and one of the two, the school aside. The latest `submitted_at` counts, then the last row read.
    Rows that a registry knows as two people are two people, whatever else they share: a namesake's or a classmate's
    number, typed by mistake, must not erase them.

    Args:
        keys: `key_frame` of the rows by `PERSON_KEYS`, in the order they were read.
        person: the registry row whose person each submission surely is, -1 where none (`pairs.known_rows`).
        submitted_at: when each was submitted, normalised; what could not be read comes before all that could.
    """
    order = np.empty(len(keys), dtype=np.int64)
    by_rank = np.lexsort((np.arange(len(keys)), in_order(submitted_at).to_numpy(dtype=object)))
    order[by_rank] = np.arange(len(keys))
    latest = order.copy()
    for key in person_keys(keys):
        latest = np.maximum(latest, _last_of_group(_apart(key, person), order))
    while not np.array_equal(latest, following := latest[by_rank[latest]]):
        latest = following
    other = (person >= 0) & (person[by_rank[latest]] >= 0) & (person != person[by_rank[latest]])
    latest = np.where(other, order, latest)  # two people joined by a third row between them
    return by_rank[latest]


def person_keys(keys: Frame) -> list[Keys]:
    """Return the keys that rows of one person share: ID number and name, or student number and one of the two."""
    identity, name, number = (keys[column].to_numpy() for column in ("id_number", "name", "student_number"))
    return [joined(identity, name), joined(number, identity), joined(number, name)]


def _apart(key: Keys, person: Positions) -> Keys:
    """Return keys that hold known people apart: where two share one, it joins only rows of the same person."""
    rows = pd.DataFrame({"key": key, "person": person})
    known = rows[(rows["person"] >= 0) & (rows["key"] != 0)].drop_duplicates()
    shared = known["key"][known["key"].duplicated()].unique()
    if not len(shared):
        return key
    mixed = rows["key"].isin(shared).to_numpy()
    own = joined(key, (person + 1).astype(np.uint64))  # 0, that is blank, where the person is not known
    return np.where(mixed, own, key)


def _last_of_group(key: Keys, order: Positions) -> Positions:
    """Return, for each row, the highest rank among the rows of its key; a row without a key stands alone."""
    codes = pd.factorize(key)[0]
    last = np.full(codes.max(initial=-1) + 1, -1, dtype=np.int64)
    np.maximum.at(last, codes, order)
    return np.where(key == 0, order, last[codes])


def counting(submissions: Frame) -> Frame:
    """Return the submissions that count: neither superseded nor withdrawn."""
    return submissions[submissions["superseded_by"] == ""]
