"""Relations across schools, resolved before any school is processed, in one pass over 64-bit keys.

The pass finds which submission of a person counts, which values several students gave, and submissions that named the
wrong school. These move to the part where their student is registered, and registry rows for comparison are lent there.
All else concerns one part only. Memory: some 120 bytes a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.match.evidence import WITNESSES, find_evidence
from pipeline.match.keys import PERSON_KEYS, Bools, Keys, joined_keys, known_keys
from pipeline.match.match_stage import CLASSES
from pipeline.match.settle import FLAGS, found_rows, settle_persons, submission_keys
from pipeline.scale.layout import Layout
from pipeline.scale.reading import keys_name, no_rows, registry_name, rows_name
from pipeline.scale.spool import Spool
from pipeline.tables import Frame

Positions = npt.NDArray[np.int64]

OUT, MOVED = 1 << len(FLAGS), 1 << (len(FLAGS) + 1)
"""Bits beside those of `FLAGS`: withdrawn by a decision; worked on in another part than that of its school."""

FetchSubmissions = Callable[[list[tuple[int, Positions]], list[str] | None], list[Frame]]
"""Fetches submissions by part and `order`: whole rows with their ids, or some columns."""
FetchRegistry = Callable[[list[tuple[int, Positions]]], list[Frame]]
"""Fetches registry rows by school and position."""


@dataclass
class Keyed:
    """The keys of all rows of one kind, read from the spool by column. `names` are in the order of rows."""

    spool: Spool
    names: list[str]
    sizes: list[int]

    def column(self, name: str) -> Keys:
        """Return one column of all rows."""
        if not self.names:
            return np.zeros(0, dtype=np.uint64)
        return np.concatenate([self.spool.read(keys_name(each), [name])[name].to_numpy() for each in self.names])

    def columns(self, names: Iterable[str] | None = None) -> Frame:
        """Return several columns (None: all) of all rows."""
        if names is None:
            empty = submission_keys(no_rows()).assign(order=0)
            return self.spool.read_all(map(keys_name, self.names)) if self.names else empty
        return pd.DataFrame({name: self.column(name) for name in names}, copy=False)

    def some(self, at: Positions, names: list[str]) -> Frame:
        """Return some columns of the rows at ascending positions `at`."""
        ends = np.cumsum([0, *self.sizes])
        cuts = np.searchsorted(at, ends)
        parts = [
            self.spool.read(keys_name(each), names).iloc[at[low:high] - start]
            for each, start, low, high in zip(self.names, ends, cuts, cuts[1:], strict=False)
            if high > low
        ]
        if parts:
            return pd.concat(parts, ignore_index=True)
        return pd.DataFrame({name: np.zeros(0, dtype=np.uint64) for name in names})


@dataclass(frozen=True)
class SettledAcross:
    """The result by submission. `order` is its place in reading order, `home` the part of its school.

    `flags`: bits of `FLAGS`, `OUT`, `MOVED`. `counts`: position of the submission that counts. `place`: the part that
    processes it.
    """

    order: Positions
    home: npt.NDArray[np.int32]
    flags: npt.NDArray[np.int32]
    counts: Positions
    place: npt.NDArray[np.int32]


@dataclass
class Across:
    """The pass over the keys of submissions and registries. Full rows are fetched when needed."""

    spool: Spool
    layout: Layout
    submissions: Keyed
    registry: Keyed
    fetch_submissions: FetchSubmissions
    fetch_registry: FetchRegistry
    registry_home: npt.NDArray[np.int32] = field(init=False)

    def __post_init__(self) -> None:
        """Set the part number of each registry row."""
        part = {registry_name(at): number for number, places in enumerate(self.layout.schools) for at in places}
        homes = [np.full(size, part[name]) for name, size in zip(self.registry.names, self.registry.sizes, strict=True)]
        self.registry_home = np.concatenate([np.zeros(0), *homes]).astype(np.int32)

    def settle(self, withdrawn: Positions) -> SettledAcross:
        """Resolve the relations. `withdrawn` are `order`s of submissions that a decision withdrew."""
        order = self.submissions.column("order").astype(np.int64)
        homes = [
            np.full(size, int(name.rpartition("-")[2]))
            for name, size in zip(self.submissions.names, self.submissions.sizes, strict=True)
        ]
        home = np.concatenate([np.zeros(0), *homes]).astype(np.int32)
        live = ~np.isin(order, withdrawn)
        read = np.argsort(order, kind="stable")
        keys = self.submissions.columns().drop(columns="order").iloc[read].reset_index(drop=True)
        found = settle_persons(keys, self.registry.columns(PERSON_KEYS), live[read])
        flags, counts = np.empty(len(order), dtype=np.int32), np.empty(len(order), dtype=np.int64)
        flags[read], counts[read] = found.flags, read[found.counts]
        flags |= np.where(live, 0, OUT).astype(np.int32)
        settled = SettledAcross(order, home, flags, counts, home.copy())
        if self.layout.count > 1:
            self._move(settled, live & (counts == np.arange(len(order))))
        return settled

    def _move(self, settled: SettledAcross, counting: Bools) -> None:
        away, twins = self._known_elsewhere(settled.home)
        wandering = np.flatnonzero(away & counting)
        if len(wandering):
            settled.place[wandering] = self._standing_part(settled, wandering)
        settled.place[:] = settled.place[settled.counts]
        moved = settled.place != settled.home
        settled.flags[moved] |= MOVED
        self._lend(settled, np.flatnonzero(away | moved), np.flatnonzero(moved), twins)

    def _known_elsewhere(self, home: npt.NDArray[np.int32]) -> tuple[Bools, Positions]:
        """Return submissions with an ID number of another part, and registry rows with one of several parts."""
        ids = self.registry.column("id_number")
        by_id = np.lexsort((self.registry_home, ids))
        held, parts = ids[by_id], self.registry_home[by_id]
        twice = held[1:][(held[1:] == held[:-1]) & (parts[1:] != parts[:-1])]
        twins = np.flatnonzero(known_keys(ids, twice))
        del ids, by_id
        given = self.submissions.column("id_number")
        low = np.searchsorted(held, given, side="left")
        high = np.searchsorted(held, given, side="right")
        found = (high > low) & (given != 0)
        away = np.zeros(len(given), dtype=bool)
        away[found] = (parts[low[found]] != home[found]) | (parts[high[found] - 1] != home[found])
        return away, twins

    def _standing_part(self, settled: SettledAcross, rows: Positions) -> npt.NDArray[np.int32]:
        """Return the part of each submission's registry row, or its own part if it has none."""
        some = self.submissions.some(rows, PERSON_KEYS)
        held = found_rows(some, self.registry.columns(PERSON_KEYS))
        submissions = self._submissions(settled, rows, [*PERSON_KEYS, *WITNESSES])
        evidence = find_evidence(submissions, self._registry(held))
        standing = evidence["standing_row"].to_numpy()
        return np.where(standing >= 0, self.registry_home[held[standing]], settled.home[rows])

    def _lend(self, settled: SettledAcross, visitors: Positions, moved: Positions, twins: Positions) -> None:
        rows = self._submissions(settled, moved)
        rows = rows.assign(place=settled.place[moved], order=settled.order[moved])
        guests = pd.concat([self._guests(settled, visitors, moved), self._twins(twins)]).drop_duplicates()
        known = self._every_class()
        held = np.unique(guests["row"].to_numpy())
        registry = self._registry(held).assign(row_at=held)
        for part in range(self.layout.count):
            own = rows[rows["place"] == part].drop(columns="place").reset_index(drop=True)
            lent = registry[registry["row_at"].isin(guests["row"][guests["part"] == part])].drop(columns="row_at")
            if len(own):
                self.spool.write(moved_name(part), own)
            if len(lent):
                self.spool.write(guests_name(part), lent.reset_index(drop=True))
            names = {*own["school"].unique(), *lent["school"].unique()}
            if names:
                classes = known[known["school"].isin(list(names))]
                self.spool.write(classes_name(part), classes.drop_duplicates(ignore_index=True))

    def _guests(self, settled: SettledAcross, visitors: Positions, moved: Positions) -> Frame:
        """Return `part, row`: registry rows of other parts that match a part's submissions."""
        found: list[Frame] = []
        for at, columns in ((visitors, ["id_number"]), *((moved, ["school", name]) for name in PERSON_KEYS[2:])):
            keys = self.submissions.some(at, columns)
            wanted = pd.DataFrame({"key": _joined(keys, columns), "part": settled.place[at]}).drop_duplicates()
            wanted = wanted[wanted["key"] != 0]
            held = _joined(self.registry.columns(columns), columns)
            rows = np.flatnonzero(known_keys(held, wanted["key"].to_numpy(dtype=np.uint64)))
            both = pd.DataFrame({"key": held[rows], "row": rows}).merge(wanted, on="key")
            found.append(both[self.registry_home[both["row"].to_numpy()] != both["part"].to_numpy()][["part", "row"]])
        return pd.concat(found, ignore_index=True).drop_duplicates(ignore_index=True)

    def _twins(self, rows: Positions) -> Frame:
        """Return `part, row`: registry rows, with each other part that has their ID number."""
        keys = self.registry.some(rows, ["id_number"]).assign(row=rows, part=self.registry_home[rows])
        both = keys.merge(keys[["id_number", "part"]].drop_duplicates(), on="id_number", suffixes=("_own", ""))
        return both[both["part"] != both["part_own"]][["part", "row"]]

    def _every_class(self) -> Frame:
        """Return the classes of all schools (some seventy a school), read once for all parts."""
        known = [f"classes/{at}" for places in self.layout.schools for at in places]
        filled = [name for name in known if self.spool.has(name)]
        if not filled:
            return pd.DataFrame({name: pd.Series(dtype="str") for name in CLASSES})
        return self.spool.read_all(filled)

    def _submissions(self, settled: SettledAcross, rows: Positions, columns: list[str] | None = None) -> Frame:
        homes = settled.home[rows]
        wanted = [(int(part), settled.order[rows[homes == part]]) for part in np.unique(homes)]
        fetched = self.fetch_submissions(wanted, columns) if wanted else []
        if not fetched:
            return pd.DataFrame({name: pd.Series(dtype="str") for name in ["school"]})
        return pd.concat(fetched, ignore_index=True).set_index("order").loc[settled.order[rows]].reset_index()

    def _registry(self, rows: Positions) -> Frame:
        ends = np.cumsum([0, *self.registry.sizes])
        cuts = np.searchsorted(rows, ends)
        wanted = [
            (int(name.rpartition("/")[2]), rows[low:high] - start)
            for name, start, low, high in zip(self.registry.names, ends, cuts, cuts[1:], strict=False)
            if high > low
        ]
        fetched = self.fetch_registry(wanted) if wanted else []
        if not fetched:
            return pd.DataFrame({name: pd.Series(dtype="str") for name in ["school"]})
        return pd.concat(fetched, ignore_index=True)


def _joined(keys: Frame, columns: list[str]) -> Keys:
    parts = [keys[name].to_numpy(dtype=np.uint64) for name in columns]
    return parts[0] if len(parts) == 1 else joined_keys(parts[0], parts[1])


def moved_name(part: int) -> str:
    """Return the spool name of submissions that move into a part."""
    return f"moved/{part}"


def guests_name(part: int) -> str:
    """Return the spool name of registry rows lent to a part."""
    return f"guests/{part}"


def classes_name(part: int) -> str:
    """Return the spool name of classes of the schools of guests and moved rows."""
    return f"guest-classes/{part}"


def special_name(part: int) -> str:
    """Return the spool name of the results across schools for a part's submissions."""
    return f"special/{part}"


def write_special(spool: Spool, settled: SettledAcross, count: int) -> None:
    """Write each part's `order, flags, counts`: of rows that it processes, and of its schools' rows that moved away."""
    superseded = settled.counts != np.arange(len(settled.counts))
    special = np.flatnonzero(superseded | (settled.flags != 0))
    frame = pd.DataFrame(
        {
            "order": settled.order[special],
            "flags": settled.flags[special],
            "counts": settled.order[settled.counts[special]],
            "home": settled.home[special],
            "place": settled.place[special],
        }
    )
    for part in range(count):
        mine = frame[(frame["home"] == part) | (frame["place"] == part)]
        spool.write(special_name(part), mine.reset_index(drop=True))


def keyed(spool: Spool, names: Iterable[tuple[str, int]]) -> Keyed:
    """Return the keys of frames in the spool, by name and number of rows, without empty ones."""
    filled = [(name, size) for name, size in names if size]
    return Keyed(spool, [name for name, _ in filled], [size for _, size in filled])


def submissions_keyed(spool: Spool, units: Iterable[tuple[int, dict[int, int]]]) -> Keyed:
    """Return the keys of all submissions, in the order of reading."""
    return keyed(spool, [(rows_name(number, part), size) for number, rows in units for part, size in rows.items()])
