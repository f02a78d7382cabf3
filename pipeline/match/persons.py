"""Which submissions are of one person, and which of them counts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.knowledge.identifiers import id_kind, to_18
from pipeline.tables import Frame

WITHDRAWN = "withdrawn"  # stands in `superseded_by` of a submission that a decision took out


def supersede(submissions: Frame, person: np.ndarray, withdrawn: set[str]) -> Frame:
    """Return `submissions` with `superseded_by` filled: the id of the submission that counts instead.

    A row supersedes an earlier one of the same person (contract, tables/submissions): ID number and name agree, or
    student number and one of the two, the school aside. The latest `submitted_at` counts, then the last row read.
    Rows that a registry knows as two people are two people, whatever else they share: a namesake's or a classmate's
    number, typed by mistake, must not erase them.

    Args:
        submissions: normalised submissions in the order they were read.
        person: the registry row whose person each submission surely is, -1 where none (`pairs.known_rows`).
        withdrawn: ids of submissions that a decision withdrew.
    """
    out = submissions["submission_id"].isin(withdrawn).to_numpy()
    live, people = submissions[~out], person[~out]
    order = np.empty(len(live), dtype=np.int64)
    order[np.lexsort((np.arange(len(live)), live["submitted_at"].to_numpy(dtype=object)))] = np.arange(len(live))
    by_rank = np.argsort(order)
    latest = order.copy()
    for key in _person_keys(live):
        latest = np.maximum(latest, _last_of_group(_apart(key, people), order))
    while not np.array_equal(latest, following := latest[by_rank[latest]]):
        latest = following
    other = (people >= 0) & (people[by_rank[latest]] >= 0) & (people != people[by_rank[latest]])
    latest = np.where(other, order, latest)  # two people joined by a third row between them
    counts = pd.Series(live["submission_id"].to_numpy()[by_rank[latest]], index=live.index, dtype="str")
    superseded = submissions["superseded_by"].copy()
    superseded[out] = WITHDRAWN
    superseded[live.index] = counts.where(latest != order, "")
    return submissions.assign(superseded_by=superseded)


def _apart(key: pd.Series, people: np.ndarray) -> pd.Series:
    """Return keys that hold known people apart: where two share one, it joins only rows of the same person."""
    rows = pd.DataFrame({"key": key.to_numpy(), "person": people})
    known = rows[(rows["person"] >= 0) & (rows["key"] != "")].drop_duplicates()
    shared = known["key"][known["key"].duplicated()].unique()
    if not len(shared):
        return key
    mixed = rows["key"].isin(shared).to_numpy()
    own = rows["key"] + "\x1f" + rows["person"].astype("str")
    apart = own.where(rows["person"] >= 0, "").set_axis(key.index)
    return key.where(~mixed, apart)


def _last_of_group(key: pd.Series, order: np.ndarray) -> np.ndarray:
    """Return, for each row, the highest rank among the rows of its key; a row without a key stands alone."""
    codes = pd.factorize(key)[0]
    blank = (key == "").to_numpy()
    last = np.full(codes.max(initial=-1) + 1, -1, dtype=np.int64)
    np.maximum.at(last, codes, order)
    return np.where(blank, order, last[codes])


def person_id(id_numbers: pd.Series) -> pd.Series:
    """Return ID numbers as keys of a person: 15-digit ones in their 18-digit form, damaged ones blank."""
    kind = id_kind(id_numbers)
    keys = id_numbers.where(kind != "damaged", "")
    old = kind == "old15"
    if old.any():
        keys = keys.where(~old, to_18(id_numbers.where(old, "")))
    return keys


def _person_keys(rows: Frame) -> list[pd.Series]:
    identity, name, number = person_id(rows["id_number"]), rows["name"], rows["student_number"]
    return [_joined(identity, name), _joined(number, identity), _joined(number, name)]


def _joined(left: pd.Series, right: pd.Series) -> pd.Series:
    return (left + "\x1f" + right).where((left != "") & (right != ""), "")


def counting(submissions: Frame) -> Frame:
    """Return the submissions that count: neither superseded nor withdrawn."""
    return submissions[submissions["superseded_by"] == ""]
