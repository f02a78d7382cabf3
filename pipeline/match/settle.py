"""What needs all rows at once, by keys alone: each row's person, which row counts, and values that students share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.knowledge.photos import near_same
from pipeline.match.keys import (
    LOOK_UPS,
    PERSON_KEYS,
    SHARED_KEYS,
    Bools,
    Keys,
    key_frame,
    known_keys,
    look_up_key,
    pairs_of_keys,
    repeated,
    text_keys,
)
from pipeline.match.persons import Persons, Positions, known_people, person_keys, superseding
from pipeline.tables import Frame

CLASHES = [*(f"{name}_clash" for name in LOOK_UPS), *(f"{name}_shared" for name in SHARED_KEYS)]
"""A number or contact that two different students gave."""
OWNED = [f"{name}_owned" for name in (*CLASHES, "photo_shared")]
"""Whether the shared value is this student's own. Then the other students are at fault."""
FLAGS = [*CLASHES, "photo_shared", *OWNED, "certified", "later"]
"""What is told of a submission, as bits: see above and `persons.superseding`.

`certified` is known of the rows alone that share a person's keys with another.
"""
_PHOTO = ["photo_name", "photo_sha256", "photo_phash"]


@dataclass(frozen=True)
class Settled:
    """By submission: `counts`, the position of its person's counting one, and `FLAGS` as bits."""

    counts: Positions
    flags: npt.NDArray[np.int32]


def submission_keys(rows: Frame) -> Frame:
    """Return the input of `settle_persons`: keys of normalised rows, when each was made, its sheet and its photo."""
    times = {name: rows[name].to_numpy() for name in ("made_at", "timed")}
    keys = key_frame(rows, [*PERSON_KEYS, *SHARED_KEYS]).assign(**times)
    keys["sheet"] = text_keys(rows["file"] + "\x1f" + rows["sheet"])
    if "photo_sha256" in rows:
        stem = rows["photo"].str.replace(r"^.*[/\\]|\.[^.]*$", "", regex=True)
        photo = (text_keys(stem), rows["photo_sha256"].to_numpy(), rows["photo_phash"].to_numpy())
        keys = keys.assign(**dict(zip(_PHOTO, photo, strict=True)))
    return keys


def settle_persons(keys: Frame, registry: Frame, live: Bools) -> Settled:
    """Return which submission of each person counts, and what the counting ones share.

    `keys`: `submission_keys`, as read. `registry`: `key_frame` by `PERSON_KEYS`. `live`: not withdrawn.
    """
    flags = np.zeros(len(keys), dtype=np.int32)
    counts = np.arange(len(keys))
    rows = np.flatnonzero(np.logical_or.reduce([repeated(key, live) for key in person_keys(keys)]))
    if len(rows):
        some = keys.iloc[rows].reset_index(drop=True)
        people = _find_people(some, registry)[0]
        counting, later = superseding(some, people)
        counts[rows] = rows[counting]
        flags[rows] |= _bit("certified", people.certified) | _bit("later", later)
    _flag_shared(flags, keys, registry, live & (counts == np.arange(len(keys))))
    return Settled(counts, flags)


def _bit(name: str, where: Bools) -> npt.NDArray[np.int32]:
    return where.astype(np.int32) << FLAGS.index(name)


def _find_people(keys: Frame, registry: Frame) -> tuple[Persons, Frame]:
    held = registry.iloc[found_rows(keys, registry)].reset_index(drop=True)
    return known_people(keys, pairs_of_keys(keys, held), len(held)), held


def found_rows(keys: Frame, registry: Frame) -> Positions:
    """Return the positions of all registry rows that share a number with a submission."""
    led_to = [known_keys(look_up_key(registry, name), look_up_key(keys, name)) for name in LOOK_UPS]
    return np.flatnonzero(np.logical_or.reduce(led_to))


def _flag_shared(flags: npt.NDArray[np.int32], keys: Frame, registry: Frame, counting: Bools) -> None:
    values = {name: look_up_key(keys, name.rpartition("_")[0]) for name in CLASHES}
    marks = {name: repeated(key, counting) for name, key in values.items()}
    if "photo_sha256" in keys:
        groups = near_same(keys["photo_phash"][counting], keys["photo_sha256"][counting])
        values["photo_shared"] = np.zeros(len(keys), dtype=np.uint64)
        values["photo_shared"][counting] = pd.factorize(groups.where(groups != ""))[0] + 1
        marks["photo_shared"] = values["photo_shared"] > 0
    rows = np.flatnonzero(np.logical_or.reduce(list(marks.values())))
    if not len(rows):
        return
    some = keys.iloc[rows].reset_index(drop=True)
    people, held = _find_people(some, registry)
    for name, mark in marks.items():
        shared = np.where(mark, values[name], 0)[rows]
        owned = _owners(shared, _registered(name, some, people, held), people.certified)
        flags |= _bit(name, mark)
        flags[rows] |= _bit(f"{name}_owned", owned)


def _owners(values: Keys, own: Bools, certified: Bools) -> Bools:
    """Return who owns a shared value: the one whose registry row has it, else the only certified one."""
    claimed = known_keys(values, values[own])
    return (values != 0) & np.where(claimed, own, certified & ~repeated(values, certified))


def _registered(name: str, keys: Frame, people: Persons, held: Frame) -> Bools:
    """Return where the registry has the value for the row's person: a number, or a picture named by one."""
    known = (people.person >= 0) & (people.person < len(held))
    number, _, kind = name.rpartition("_")
    if number in SHARED_KEYS or not len(held):  # registries have no telephones
        return np.zeros(len(keys), dtype=bool)
    own = held.iloc[np.where(known, people.person, 0)].reset_index(drop=True)
    if kind == "clash":  # in any school: the student may have named the wrong one
        return known & (own[number].to_numpy() == keys[number].to_numpy())
    stem = keys["photo_name"].to_numpy()
    by_name = (stem == own["student_number"].to_numpy()) | (stem == own["id_number"].to_numpy())
    return known & (by_name | (stem == 0))


def flag_columns(flags: npt.NDArray[np.int32] | pd.Series) -> dict[str, Bools]:
    """Return the bits as columns named by `FLAGS`."""
    bits = np.asarray(flags)
    return {name: (bits >> at & 1).astype(bool) for at, name in enumerate(FLAGS)}
