"""Which submissions are one person's, when each was made, which of them counts, and what two people share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.knowledge.photos import merge_labels, near_duplicates
from pipeline.match.keys import (
    EXAM,
    ID,
    LOOKUP_BITS,
    NAME,
    PERSON_KEYS,
    SCHOOL,
    SHARED_KEYS,
    STUDENT,
    Bools,
    Keys,
    candidate_pairs,
    isin_keys,
    joined_keys,
    key_frame,
    lookup_keys,
    repeated_keys,
    text_keys,
)
from pipeline.normalise.dates import sortable_times
from pipeline.tables import Frame

Positions = npt.NDArray[np.int64]
WITHDRAWN = "withdrawn"  # in `superseded_by`: a decision removed the submission


def latest_moment(now: datetime, as_of: date) -> datetime:
    """Return the last valid moment of a submission: a day after both the run's start and the day `as_of`."""
    end_of_day = datetime.combine(as_of, time.max, now.tzinfo)
    return max(now, end_of_day).replace(tzinfo=None) + timedelta(days=1)


def submission_times(rows: Frame, latest: datetime) -> Frame:
    """Return the submission time of each row (contract, *Whose row counts*). `rows` are in the order of reading.

    `order_time` (int64, seconds): the row's own time, else that of the nearest row above in its sheet, else the least
    number. `timed`: the time is the row's own. `untimed`: to report, because the time is unreadable, after `latest`, or
    blank in a sheet where others have one.
    """
    read = sortable_times(rows["submitted_at"], latest)
    moments = pd.to_datetime(read, format="ISO8601", errors="coerce").astype("datetime64[s]")
    sheets = [rows["file"], rows["sheet"]]
    filled = moments.groupby(sheets).ffill()
    timed = moments.notna()
    some = timed.groupby(sheets).transform("any")
    seconds = filled.to_numpy().astype("datetime64[s]").astype(np.int64)
    untimed = ~timed & (rows["submitted_at"].ne("") | some)
    return pd.DataFrame({"order_time": seconds, "timed": timed, "untimed": untimed}, index=rows.index)


@dataclass(frozen=True)
class IdentifiedPeople:
    """The registered person of each row. `certified`: ID number and name equal those of a row of the named school.

    `person`: the position of the registry row, -1 if none, beyond all positions if the numbers are two people's.
    """

    person: Positions
    certified: Bools


def identify_people(keys: Frame, pairs: Frame, registered: int) -> IdentifiedPeople:
    """Return the person of each row among the `registered` registry rows, by `pairs_of_keys` alone.

    A person's row shares ID number and name, or both other numbers and one of the two, or every number that it gives.
    A row is `torn` if ID number and name are one person's, and both other numbers another's
    (`docs/decisions/supersede.md`).
    """
    shares, count = pairs["shares"].to_numpy(), len(keys)
    both = _single_rows(pairs, _has_bits(shares, STUDENT | EXAM), count)
    local = _has_bits(shares, ID | SCHOOL | NAME)
    certified = _single_rows(pairs, local, count)
    several = local & (certified < 0)[pairs["left"].to_numpy()]  # one person in two registry rows: the numbers decide
    for numbers in (_has_bits(shares, STUDENT | EXAM), (shares & (STUDENT | EXAM)) > 0):
        certified = np.where(certified < 0, _single_rows(pairs, several & numbers, count), certified)
    named = np.maximum(certified, _single_rows(pairs, _has_bits(shares, ID | NAME), count))
    person = _single_rows(pairs, _shares_every_number(keys, pairs), count)
    for rows in (_single_rows(pairs, _has_bits(shares, STUDENT | EXAM) & ((shares & (ID | NAME)) > 0), count), named):
        person = np.where(rows >= 0, rows, person)
    torn = (named >= 0) & (both >= 0) & (named != both)
    if torn.any():
        person[torn] = registered + pd.factorize(named[torn] * np.int64(registered) + both[torn])[0]
    return IdentifiedPeople(person, (certified >= 0) & ~torn)


def _has_bits(shares: np.ndarray, bits: int) -> Bools:
    return (shares & bits) == bits


def _single_rows(pairs: Frame, chosen: Bools, count: int) -> Positions:
    matching = pairs[chosen]
    single = matching[~matching["left"].duplicated(keep=False)]
    rows = np.full(count, -1, dtype=np.int64)
    rows[single["left"].to_numpy()] = single["right"].to_numpy()
    return rows


def _shares_every_number(keys: Frame, pairs: Frame) -> Bools:
    given_bits = np.zeros(len(keys), dtype=np.int8)
    for column, bit in LOOKUP_BITS.items():
        given_bits |= np.where(keys[column].to_numpy() != 0, np.int8(bit), np.int8(0))
    expected = given_bits[pairs["left"].to_numpy()]
    return (expected != 0) & ((pairs["shares"].to_numpy() & expected) == expected)


def resolve_superseding(keys: Frame, people: IdentifiedPeople) -> tuple[Positions, Bools]:
    """Return the counting row of each row's person, and whether a row is later but not certified as that one is.

    The latest certified row counts, else the latest (contract, tables/submissions). Rows of two people in a registry
    never supersede each other, whatever else they share.
    """
    group = _split_by_person(_components([_separate(key, people.person) for key in person_keys(keys)]), people.person)
    # a row without a time follows its person's rows above it in the sheet; of equal times the later read is later
    above = keys.groupby([group, keys["sheet"]])["order_time"].cummax()
    rank = keys["order_time"].where(keys["timed"], above).rank(method="first").to_numpy()  # equal times: as read
    by_weight = np.lexsort((rank, people.certified, group))
    last = np.append(group[by_weight][1:] != group[by_weight][:-1], True)
    winner = np.empty(len(keys), dtype=np.int64)
    winner[group[by_weight][last]] = by_weight[last]
    counts = winner[group]
    return counts, people.certified[counts] & (rank > rank[counts])


def person_keys(keys: Frame) -> list[Keys]:
    """Return the keys that one person's rows share: ID number and name, or student number and one of the two."""
    identity, name, number = (keys[column].to_numpy() for column in ("id_number", "name", "student_number"))
    return [joined_keys(identity, name), joined_keys(number, identity), joined_keys(number, name)]


def _separate(key: Keys, person: Positions) -> Keys:
    """Return the keys, with the person mixed into each key that rows of two known people share."""
    rows = pd.DataFrame({"key": key, "person": person})
    known = rows[(rows["person"] >= 0) & (rows["key"] != 0)].drop_duplicates()
    shared = known["key"][known["key"].duplicated()].unique()
    if not len(shared):
        return key
    mixed = rows["key"].isin(shared).to_numpy()
    separated = joined_keys(key, (person + 1).astype(np.uint64))  # 0 (blank) for unknown people
    return np.where(mixed, separated, key)


def _components(keys: list[Keys]) -> Positions:
    """Return for each row the first row of its component, by keys that two rows share. 0 joins none."""
    group = np.arange(len(keys[0]))
    for key in keys:
        rows = np.flatnonzero(key)
        _, first, codes = np.unique(key[rows], return_index=True, return_inverse=True)
        merge_labels(group, rows, rows[first[codes]])
    return group


def _split_by_person(group: Positions, person: Positions) -> Positions:
    """Split groups with rows of two known people, by person. Their rows of unknown people become groups of one."""
    known = pd.DataFrame({"own": group, "person": person})[person >= 0].drop_duplicates()
    mixed = np.isin(group, known["own"][known["own"].duplicated()].to_numpy())
    if not mixed.any():
        return group
    rows = pd.DataFrame({"own": group, "person": person, "at": np.arange(len(group))})
    first = rows.groupby(["own", "person"])["at"].transform("min").to_numpy()
    return np.where(mixed, np.where(person >= 0, first, rows["at"].to_numpy()), group)


def counting(submissions: Frame) -> Frame:
    """Return the submissions that are neither superseded nor withdrawn."""
    return submissions[submissions["superseded_by"] == ""]


CLASHES = [*(f"{name}_clash" for name in LOOKUP_BITS), *(f"{name}_shared" for name in SHARED_KEYS)]
"""A number or contact that two different students gave."""
OWNER_FLAGS = [f"{name}_owned" for name in (*CLASHES, "photo_shared")]
"""Whether the shared value belongs to this student. Then the other students are at fault."""
FLAGS = [*CLASHES, "photo_shared", *OWNER_FLAGS, "certified", "later"]
"""Facts about a submission, as bits. `certified` is known only of submissions that share a person's keys."""
_PHOTO = ["photo_name", "photo_sha256", "photo_phash"]


def submission_keys(rows: Frame) -> Frame:
    """Return the input of `resolve_persons`: keys of normalised rows, when each was made, its sheet and its photo."""
    times = {name: rows[name].to_numpy() for name in ("order_time", "timed")}
    keys = key_frame(rows, [*PERSON_KEYS, *SHARED_KEYS]).assign(**times)
    keys["sheet"] = text_keys(rows["file"] + "\x1f" + rows["sheet"])
    if "photo_sha256" in rows:
        stem = rows["photo"].str.replace(r"^.*[/\\]|\.[^.]*$", "", regex=True)
        photo = (text_keys(stem), rows["photo_sha256"].to_numpy(), rows["photo_phash"].to_numpy())
        keys = keys.assign(**dict(zip(_PHOTO, photo, strict=True)))
    return keys


def resolve_people(keys: Frame, registry: Frame, live: Bools) -> tuple[Positions, npt.NDArray[np.int32]]:
    """Return for each submission the position of its person's counting one, and `FLAGS` as bits.

    `keys`: `submission_keys`, as read. `registry`: `key_frame` by `PERSON_KEYS`. `live`: not withdrawn.
    """
    flags = np.zeros(len(keys), dtype=np.int32)
    counts = np.arange(len(keys))
    rows = np.flatnonzero(np.logical_or.reduce([repeated_keys(key, live) for key in person_keys(keys)]))
    if len(rows):
        repeated = keys.iloc[rows].reset_index(drop=True)
        people = _identify(repeated, registry)[0]
        counting, later = resolve_superseding(repeated, people)
        counts[rows] = rows[counting]
        flags[rows] |= _bit("certified", people.certified) | _bit("later", later)
    _flag_shared(flags, keys, registry, live & (counts == np.arange(len(keys))))
    return counts, flags


def _bit(name: str, where: Bools) -> npt.NDArray[np.int32]:
    return where.astype(np.int32) << FLAGS.index(name)


def _identify(keys: Frame, registry: Frame) -> tuple[IdentifiedPeople, Frame]:
    candidates = registry.iloc[candidate_rows(keys, registry)].reset_index(drop=True)
    return identify_people(keys, candidate_pairs(keys, candidates), len(candidates)), candidates


def candidate_rows(keys: Frame, registry: Frame) -> Positions:
    """Return the positions of all registry rows that share a number with a submission."""
    shares_number = [isin_keys(lookup_keys(registry, name), lookup_keys(keys, name)) for name in LOOKUP_BITS]
    return np.flatnonzero(np.logical_or.reduce(shares_number))


def _flag_shared(flags: npt.NDArray[np.int32], keys: Frame, registry: Frame, counting: Bools) -> None:
    values = {name: lookup_keys(keys, name.rpartition("_")[0]) for name in CLASHES}
    marks = {name: repeated_keys(key, counting) for name, key in values.items()}
    if "photo_sha256" in keys:
        groups = near_duplicates(keys["photo_phash"][counting], keys["photo_sha256"][counting])
        values["photo_shared"] = np.zeros(len(keys), dtype=np.uint64)
        values["photo_shared"][counting] = pd.factorize(groups.where(groups != ""))[0] + 1
        marks["photo_shared"] = values["photo_shared"] > 0
    rows = np.flatnonzero(np.logical_or.reduce(list(marks.values())))
    if not len(rows):
        return
    shared_rows = keys.iloc[rows].reset_index(drop=True)
    people, candidates = _identify(shared_rows, registry)
    for name, mark in marks.items():
        shared = np.where(mark, values[name], 0)[rows]
        owned = _owners(shared, _registry_has(name, shared_rows, people, candidates), people.certified)
        flags |= _bit(name, mark)
        flags[rows] |= _bit(f"{name}_owned", owned)


def _owners(values: Keys, registered: Bools, certified: Bools) -> Bools:
    """Return who owns a shared value: the one whose registry row has it, else the only certified one."""
    claimed = isin_keys(values, values[registered])
    return (values != 0) & np.where(claimed, registered, certified & ~repeated_keys(values, certified))


def _registry_has(name: str, keys: Frame, people: IdentifiedPeople, candidates: Frame) -> Bools:
    """Return where the registry has the value for the row's person: a number, or a picture named by one."""
    known = (people.person >= 0) & (people.person < len(candidates))
    number, _, kind = name.rpartition("_")
    if number in SHARED_KEYS or not len(candidates):  # registries have no telephones
        return np.zeros(len(keys), dtype=bool)
    persons_row = candidates.iloc[np.where(known, people.person, 0)].reset_index(drop=True)
    if kind == "clash":  # in any school: the student may have named the wrong one
        return known & (persons_row[number].to_numpy() == keys[number].to_numpy())
    stem = keys["photo_name"].to_numpy()
    by_name = (stem == persons_row["student_number"].to_numpy()) | (stem == persons_row["id_number"].to_numpy())
    return known & (by_name | (stem == 0))


def flag_columns(flags: npt.NDArray[np.int32] | pd.Series) -> dict[str, Bools]:
    """Return the bits as columns named by `FLAGS`."""
    bits = np.asarray(flags)
    return {name: (bits >> at & 1).astype(bool) for at, name in enumerate(FLAGS)}
