"""What needs all rows at once, by keys alone: whose each row is, which one counts, and what two students gave alike."""

from __future__ import annotations

from collections.abc import Callable
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
    exam_key,
    id_key,
    key_frame,
    known_keys,
    pairs_of_keys,
    repeated,
    student_key,
    text_keys,
)
from pipeline.match.persons import Persons, Positions, known_people, person_keys, superseding
from pipeline.tables import Frame

CLASHES = [
    "id_number_clash", "student_number_clash", "exam_number_clash", "phone_shared", "qq_shared", "email_shared",
]  # fmt: skip
OWNED = [f"{name}_owned" for name in (*CLASHES, "photo_shared")]
"""Whether the value that is shared is this student's own: then the fault is the others'."""

KEY_OF: dict[str, Callable[[Frame], Keys]] = {
    "id_number_clash": id_key,
    "student_number_clash": student_key,
    "exam_number_clash": exam_key,
    "phone_shared": lambda keys: keys["phone"].to_numpy(),
    "qq_shared": lambda keys: keys["qq"].to_numpy(),
    "email_shared": lambda keys: keys["email"].to_numpy(),
}
"""What is compared for each clash. Student and exam numbers clash within one school only: they repeat."""


def clashing(name: str, keys: Frame, counts: Bools) -> Bools:
    """Return which of the submissions that count gave a value that another of them gave too.

    Args:
        name: one of `CLASHES`.
        keys: what `KEY_OF[name]` looks at (`keys.key_frame`).
        counts: which submissions count.
    """
    return repeated(KEY_OF[name](keys), counts)


def same_photos(seen: Frame) -> Keys:
    """Return a number for each photo (`sha256, phash`) that several rows handed in, 0 for the others."""
    groups = near_same(seen["phash"], seen["sha256"])
    return (pd.factorize(groups.where(groups != ""))[0] + 1).astype(np.uint64)


def owners(values: Keys, own: Bools, certified: Bools) -> Bools:
    """Return who owns the value that is shared: whose registry row has it, else the one who alone is certified.

    Args:
        values: the shared value of each row, 0 where it shares none.
        own: whether the registry has this value for the row's person.
        certified: whether the row's identity is certified.
    """
    claimed = known_keys(values, values[own])
    alone = certified & ~repeated(values, certified)
    return (values != 0) & np.where(claimed, own, alone)


FLAGS = [*CLASHES, "photo_shared", *OWNED, "certified", "later"]
"""What is told of a submission, as bits: see `clashes` and `persons.Superseding`.

`certified` is known of the rows alone that share a person's keys with another.
"""
_UNREGISTERED = [f"{name}_shared" for name in SHARED_KEYS]  # a registry has no telephones
_PHOTO = ["photo_name", "photo_sha256", "photo_phash"]


@dataclass(frozen=True)
class Settled:
    """Of each submission: `counts`, the position of the one that counts (or its own), and `FLAGS` as bits."""

    counts: Positions
    flags: npt.NDArray[np.int32]


def submission_keys(rows: Frame) -> Frame:
    """Return what `settle` looks at: the keys of normalised rows, when each was made, its sheet and its photo."""
    times = {name: rows[name].to_numpy() for name in ("made_at", "timed")}
    keys = key_frame(rows, [*PERSON_KEYS, *SHARED_KEYS]).assign(**times)
    keys["sheet"] = text_keys(rows["file"] + "\x1f" + rows["sheet"])
    if "photo_sha256" in rows:
        stem = rows["photo"].str.replace(r"^.*[/\\]|\.[^.]*$", "", regex=True)
        photo = (text_keys(stem), rows["photo_sha256"].to_numpy(), rows["photo_phash"].to_numpy())
        keys = keys.assign(**dict(zip(_PHOTO, photo, strict=True)))
    return keys


def settle_persons(keys: Frame, registry: Frame, live: Bools) -> Settled:
    """Return which submission of each person counts, and what those that count share.

    Args:
        keys: `submission_keys` of all submissions, in the order they were read.
        registry: `key_frame` of all registry rows by `PERSON_KEYS`.
        live: which submissions no decision took out.
    """
    flags = np.zeros(len(keys), dtype=np.int32)
    counts = np.arange(len(keys))
    shared = np.zeros(len(keys), dtype=bool)
    for key in person_keys(keys):
        shared |= repeated(key, live)
    rows = np.flatnonzero(shared)
    if len(rows):
        some = keys.iloc[rows].reset_index(drop=True)
        people = find_people(some, registry)[0]
        found = superseding(some, people)
        counts[rows] = rows[found.counts]
        flags[rows] |= _bit("certified", people.certified) | _bit("later", found.later)
    _flag_shared(flags, keys, registry, live & (counts == np.arange(len(keys))))
    return Settled(counts, flags)


def _bit(name: str, where: Bools) -> npt.NDArray[np.int32]:
    return where.astype(np.int32) << FLAGS.index(name)


def find_people(keys: Frame, registry: Frame) -> tuple[Persons, Frame]:
    """Return whom the registry knows in each row, and the registry rows that `People.person` are positions of."""
    held = registry.iloc[found_rows(keys, registry)].reset_index(drop=True)
    return known_people(keys, pairs_of_keys(keys, held), len(held)), held


def found_rows(keys: Frame, registry: Frame) -> Positions:
    """Return the positions of all registry rows that one of the submissions' numbers leads to."""
    wanted = np.zeros(len(registry), dtype=bool)
    for key_of, _ in LOOK_UPS:
        wanted |= known_keys(key_of(registry), key_of(keys))
    return np.flatnonzero(wanted)


def _flag_shared(flags: npt.NDArray[np.int32], keys: Frame, registry: Frame, counting: Bools) -> None:
    """Mark what submissions that count share, and whose own it is."""
    marks = {name: clashing(name, keys, counting) for name in CLASHES}
    photos = np.zeros(len(keys), dtype=np.uint64)
    if "photo_sha256" in keys:
        seen = keys.loc[counting, _PHOTO[1:]].set_axis(["sha256", "phash"], axis=1)
        photos[counting] = same_photos(seen)
        marks["photo_shared"] = photos > 0
    for name, mark in marks.items():
        flags |= _bit(name, mark)
    rows = np.flatnonzero(np.logical_or.reduce(list(marks.values())))
    if not len(rows):
        return
    some = keys.iloc[rows].reset_index(drop=True)
    people, held = find_people(some, registry)
    for name, mark in marks.items():
        values = photos[rows] if name == "photo_shared" else np.where(mark[rows], KEY_OF[name](some), np.uint64(0))
        owned = owners(values, _registered(name, some, values, people, held), people.certified)
        flags[rows] |= _bit(f"{name}_owned", owned)


def _registered(name: str, keys: Frame, values: Keys, people: Persons, held: Frame) -> Bools:
    """Return where the registry has the value for the row's person: a number of theirs, a picture named by one."""
    known = (people.person >= 0) & (people.person < len(held))
    if name in _UNREGISTERED or not len(held):
        return np.zeros(len(keys), dtype=bool)
    own = held.iloc[np.where(known, people.person, 0)].reset_index(drop=True)
    if name != "photo_shared":  # the school aside: who registered with the wrong one gives his own number
        number = name.removesuffix("_clash")
        return known & (values != 0) & (own[number].to_numpy() == keys[number].to_numpy())
    stem = keys["photo_name"].to_numpy()
    by_name = (stem == own["student_number"].to_numpy()) | (stem == own["id_number"].to_numpy())
    return known & (values != 0) & (by_name | (stem == 0))


def flag_columns(flags: npt.NDArray[np.int32] | pd.Series) -> dict[str, Bools]:
    """Return the bits as columns by the names of `FLAGS`."""
    bits = np.asarray(flags)
    return {name: (bits >> at & 1).astype(bool) for at, name in enumerate(FLAGS)}
