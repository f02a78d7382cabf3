"""Which submissions are of one person, and which of them counts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.knowledge.identifiers import id_kind, to_18
from pipeline.tables import Frame

WITHDRAWN = "withdrawn"  # stands in `superseded_by` of a submission that a decision took out


def supersede(submissions: Frame, known: pd.Series, withdrawn: set[str]) -> Frame:
    """Return `submissions` with `superseded_by` filled: the id of the submission that counts instead.

    A row supersedes an earlier one of the same person (contract, tables/submissions): ID number and name agree, or
    student number and one of the two, the school aside. The latest `submitted_at` counts, then the last row read.
    Two rows whose ID number and name both stand in a registry are two people where these differ, whatever else they
    share: a mistyped student number must not erase a namesake.

    Args:
        submissions: normalised submissions in the order they were read.
        known: where ID number and name stand together in one registry row (of any school).
        withdrawn: ids of submissions that a decision withdrew.
    """
    out = submissions["submission_id"].isin(withdrawn)
    live = submissions[~out]
    order = np.empty(len(live), dtype=np.int64)
    order[np.lexsort((np.arange(len(live)), live["submitted_at"].to_numpy(dtype=object)))] = np.arange(len(live))
    by_rank = np.argsort(order)
    latest = order.copy()
    for key in _person_keys(live, known[~out].to_numpy()):
        latest = np.maximum(latest, _last_of_group(key, order))
    while not np.array_equal(latest, following := latest[by_rank[latest]]):
        latest = following
    identifiers = live["submission_id"].to_numpy()
    counts = pd.Series(identifiers[by_rank[latest]], index=live.index, dtype="str")
    superseded = submissions["superseded_by"].copy()
    superseded[out] = WITHDRAWN
    superseded[live.index] = counts.where(latest != order, "")
    return submissions.assign(superseded_by=superseded)


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


def _person_keys(rows: Frame, known: np.ndarray) -> list[pd.Series]:
    identity, name, number = person_id(rows["id_number"]), rows["name"], rows["student_number"]
    by_name = _joined(number, name)
    return [_joined(identity, name), _joined(number, identity), by_name.where(~_namesakes(by_name, identity, known), "")]


def _joined(left: pd.Series, right: pd.Series) -> pd.Series:
    return (left + "\x1f" + right).where((left != "") & (right != ""), "")


def _namesakes(key: pd.Series, identity: pd.Series, known: np.ndarray) -> pd.Series:
    """Return the rows of keys under which two people known to a registry stand."""
    people = pd.DataFrame({"key": key[known], "identity": identity[known]})
    people = people[people["key"] != ""].drop_duplicates()
    shared = people["key"][people["key"].duplicated()].unique()
    return key.isin(shared)


def known_people(submissions: Frame, registry: Frame) -> pd.Series:
    """Return where ID number and name of a submission stand together in one registry row, of any school."""
    people = _joined(person_id(registry["id_number"]), registry["name"])
    given = _joined(person_id(submissions["id_number"]), submissions["name"])
    return given.isin(people) & (given != "")


def counting(submissions: Frame) -> Frame:
    """Return the submissions that count: neither superseded nor withdrawn."""
    return submissions[submissions["superseded_by"] == ""]
