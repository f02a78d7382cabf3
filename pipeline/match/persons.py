"""Which submissions are one person's, when each was made, and which of them counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.match.keys import EXAM, HERE, ID, LOOK_UPS, NAME, STUDENT, Bools, Keys, joined_keys
from pipeline.normalise.dates import in_order
from pipeline.tables import Frame

Positions = npt.NDArray[np.int64]
WITHDRAWN = "withdrawn"  # in `superseded_by`: a decision removed the submission


def latest_moment(now: datetime, as_of: date) -> datetime:
    """Return the last valid moment of a submission: a day after both the run's start and the day `as_of`."""
    end_of_day = datetime.combine(as_of, time.max, now.tzinfo)
    return max(now, end_of_day).replace(tzinfo=None) + timedelta(days=1)


def made_at(rows: Frame, latest: datetime) -> Frame:
    """Return when each row counts as made (contract, *Whose row counts*), of rows as read.

    `made_at` (int64, seconds): the row's own time, else that of the nearest row above in its sheet, else the least
    number. `timed`: the time is the row's own. `untimed`: to report, because the time is unreadable, after `latest`, or
    blank in a sheet where others have one.
    """
    moments = pd.to_datetime(in_order(rows["submitted_at"]), format="ISO8601", errors="coerce").astype("datetime64[s]")
    moments = moments.mask(moments > np.datetime64(latest, "s"))
    sheets = [rows["file"], rows["sheet"]]
    filled = moments.groupby(sheets).ffill()
    timed = moments.notna()
    some = timed.groupby(sheets).transform("any")
    seconds = filled.to_numpy().astype("datetime64[s]").astype(np.int64)
    told = ~timed & (rows["submitted_at"].ne("") | some)
    return pd.DataFrame({"made_at": seconds, "timed": timed, "untimed": told}, index=rows.index)


@dataclass(frozen=True)
class Persons:
    """The registry's person in each row. `certified`: ID number and name are those of a row of the named school.

    `person`: the position of the registry row, -1 if none, past all positions if the row is torn between two people.
    """

    person: Positions
    certified: Bools


def known_people(keys: Frame, pairs: Frame, registered: int) -> Persons:
    """Return the person of each row among the `registered` registry rows, by `pairs_of_keys` alone.

    A person's row shares ID number and name, or both other numbers and one of the two, or every number that it gives. A
    row is torn if ID number and name are one person's and both other numbers another's (`docs/decisions/supersede.md`).
    """
    shares, count = pairs["shares"].to_numpy(), len(keys)
    both = _single(pairs, _has(shares, STUDENT | EXAM), count)
    here = _has(shares, ID | HERE | NAME)
    certified = _single(pairs, here, count)
    several = (certified < 0)[pairs["left"].to_numpy()]  # one person in two registry rows: the number decides
    certified = np.maximum(certified, _single(pairs, here & several & ((shares & (STUDENT | EXAM)) > 0), count))
    named = np.maximum(certified, _single(pairs, _has(shares, ID | NAME), count))
    person = _single(pairs, _every_number(keys, pairs), count)
    for rows in (_single(pairs, _has(shares, STUDENT | EXAM) & ((shares & (ID | NAME)) > 0), count), named):
        person = np.where(rows >= 0, rows, person)
    torn = (named >= 0) & (both >= 0) & (named != both)
    if torn.any():
        codes = pd.factorize(named[torn] * np.int64(registered) + both[torn])[0]
        person[torn] = registered + codes
    return Persons(person, (certified >= 0) & ~torn)


def _has(shares: np.ndarray, bits: int) -> Bools:
    return (shares & bits) == bits


def _single(pairs: Frame, chosen: Bools, count: int) -> Positions:
    part = pairs[chosen]
    single = part[~part["left"].duplicated(keep=False)]
    rows = np.full(count, -1, dtype=np.int64)
    rows[single["left"].to_numpy()] = single["right"].to_numpy()
    return rows


def _every_number(keys: Frame, pairs: Frame) -> Bools:
    given = np.zeros(len(keys), dtype=np.int8)
    for column, bit in LOOK_UPS.items():
        given |= np.where(keys[column].to_numpy() != 0, np.int8(bit), np.int8(0))
    wanted = given[pairs["left"].to_numpy()]
    return (wanted != 0) & ((pairs["shares"].to_numpy() & wanted) == wanted)


def superseding(keys: Frame, people: Persons) -> tuple[Positions, Bools]:
    """Return the counting row of each row's person, and whether a row is later but not certified as that one is.

    The latest certified row counts, else the latest (contract, tables/submissions). Rows of two people in a registry
    never supersede each other, whatever else they share.
    """
    own = _apart_by_person(_components([_apart(key, people.person) for key in person_keys(keys)]), people.person)
    # a row without a time follows its person's rows above it in the sheet; of equal times the later read is later
    above = keys.groupby([own, keys["sheet"]])["made_at"].cummax()
    rank = keys["made_at"].where(keys["timed"], above).rank(method="first").to_numpy()  # equal times: as read
    by_weight = np.lexsort((rank, people.certified, own))
    last = np.append(own[by_weight][1:] != own[by_weight][:-1], True)
    winner = np.empty(len(keys), dtype=np.int64)
    winner[own[by_weight][last]] = by_weight[last]
    counts = winner[own]
    return counts, people.certified[counts] & (rank > rank[counts])


def person_keys(keys: Frame) -> list[Keys]:
    """Return the keys that one person's rows share: ID number and name, or student number and one of the two."""
    identity, name, number = (keys[column].to_numpy() for column in ("id_number", "name", "student_number"))
    return [joined_keys(identity, name), joined_keys(number, identity), joined_keys(number, name)]


def _apart(key: Keys, person: Positions) -> Keys:
    """Return keys that join rows of one known person only, where two known people share a key."""
    rows = pd.DataFrame({"key": key, "person": person})
    known = rows[(rows["person"] >= 0) & (rows["key"] != 0)].drop_duplicates()
    shared = known["key"][known["key"].duplicated()].unique()
    if not len(shared):
        return key
    mixed = rows["key"].isin(shared).to_numpy()
    own = joined_keys(key, (person + 1).astype(np.uint64))  # 0 (blank) for unknown people
    return np.where(mixed, own, key)


def _components(keys: list[Keys]) -> Positions:
    """Return for each row the first row of its component, by keys that two rows share. 0 joins none."""
    own = np.arange(len(keys[0]))
    groups = [(np.flatnonzero(key), pd.factorize(key[key != 0])[0]) for key in keys]
    while True:
        first = own.copy()
        for rows, codes in groups:
            least = np.full(codes.max(initial=-1) + 1, len(own), dtype=np.int64)
            np.minimum.at(least, codes, first[rows])
            first[rows] = np.minimum(first[rows], least[codes])
        first = first[first]
        if np.array_equal(first, own):
            return own
        own = first


def _apart_by_person(own: Positions, person: Positions) -> Positions:
    """Split components that join two known people by a third row. Rows that are nobody's for sure stand alone."""
    known = pd.DataFrame({"own": own, "person": person})[person >= 0].drop_duplicates()
    mixed = np.isin(own, known["own"][known["own"].duplicated()].to_numpy())
    if not mixed.any():
        return own
    rows = pd.DataFrame({"own": own, "person": person, "at": np.arange(len(own))})
    first = rows.groupby(["own", "person"])["at"].transform("min").to_numpy()
    return np.where(mixed, np.where(person >= 0, first, rows["at"].to_numpy()), own)


def counting(submissions: Frame) -> Frame:
    """Return the submissions that are neither superseded nor withdrawn."""
    return submissions[submissions["superseded_by"] == ""]
