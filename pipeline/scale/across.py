"""Relations across schools, resolved before any school is processed, in one pass over 64-bit keys.

The pass finds which submission of a person counts, which values several students gave, and submissions that named the
wrong school. These move to the part where their student is registered, and registry rows for comparison are lent there.
All else concerns one part only. Memory: some 120 bytes a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline import fields
from pipeline.collect.collected import Collected, Note
from pipeline.collect.skipping import with_people
from pipeline.collect.submissions import Unit, collect_unit
from pipeline.match.amend import AMENDING_KEYS, GIVEN, TARGET, with_amendments
from pipeline.match.evidence import WITNESSES, find_evidence
from pipeline.match.keys import PERSON_KEYS, Bools, Keys, joined_keys, key_frame, known_keys
from pipeline.match.persons import found_rows, resolve_persons, submission_keys
from pipeline.normalise.normalise_rows import normalise
from pipeline.scale.executors import Work
from pipeline.scale.layout import Layout, Part, RunSettings
from pipeline.scale.parts import MOVED, OUT, Positions, fetch_registry, fetch_submissions
from pipeline.scale.reading import REGISTRIES, UNIT, UnitRead, no_rows, photos_of, unknown_columns, write_by_part
from pipeline.scale.spool import Spool
from pipeline.tables import POSITION, Frame


@dataclass(frozen=True)
class Keyed:
    """The keys of all rows of one kind. `frames`: name, part and number of rows of each frame, in the order of rows."""

    spool: Spool
    frames: list[tuple[str, int, int]]

    @cached_property
    def home(self) -> npt.NDArray[np.int32]:
        """The part of each row's school."""
        parts, sizes = ([frame[at] for frame in self.frames] for at in (1, 2))
        return np.repeat(np.array(parts, dtype=np.int32), np.array(sizes, dtype=np.int64))

    def column(self, name: str) -> Keys:
        """Return one column of all rows."""
        read = [self.spool.read(f"{frame}.keys", [name])[name].to_numpy() for frame, _, _ in self.frames]
        return np.concatenate(read) if read else np.zeros(0, dtype=np.uint64)

    def columns(self, names: list[str], at: Positions | slice = slice(None)) -> Frame:
        """Return several columns of all rows, or of the rows at `at`."""
        return pd.DataFrame({name: self.column(name)[at] for name in names}, copy=False)


def submissions_keyed(spool: Spool, units: Sequence[UnitRead]) -> Keyed:
    """Return the keys of all submissions, in the order of reading."""
    read = [(unit.number, part, rows) for unit in units for part, rows in unit.rows.items()]
    return Keyed(spool, [(f"submissions/{number}-{part}", part, rows) for number, part, rows in read])


@dataclass(frozen=True)
class ResolvedAcross:
    """The result by submission. `order` is its place in reading order, `place` the part that processes it.

    `flags`: bits of `FLAGS`, `OUT`, `MOVED`. `counts`: position of the submission that counts.
    """

    order: Positions
    flags: npt.NDArray[np.int32]
    counts: Positions
    place: npt.NDArray[np.int32]


@dataclass
class Across:
    """The pass over the keys of submissions and registries. Full rows are fetched when needed."""

    spool: Spool
    work: Work
    parts: list[Part]
    submissions: Keyed
    registry: Keyed

    def resolve(self, withdrawn: Positions) -> ResolvedAcross:
        """Resolve the relations and write them. `withdrawn` are `order`s of submissions that a decision withdrew."""
        order = self.submissions.column("order").astype(np.int64)
        live = ~np.isin(order, withdrawn)
        read = np.argsort(order, kind="stable")
        names = [f"{frame}.keys" for frame, _, _ in self.submissions.frames]
        keys = self.spool.read_all(names, empty=submission_keys(no_rows()))
        keys = keys.drop(columns="order", errors="ignore").iloc[read].reset_index(drop=True)
        counting, found = resolve_persons(keys, self.registry.columns(PERSON_KEYS), live[read])
        flags, counts = np.empty(len(order), dtype=np.int32), np.empty(len(order), dtype=np.int64)
        flags[read], counts[read] = found, read[counting]
        flags |= np.where(live, 0, OUT).astype(np.int32)
        settled = ResolvedAcross(order, flags, counts, self.submissions.home.copy())
        if len(self.parts) > 1:
            self._move(settled, live & (counts == np.arange(len(order))))
        self._write(settled)
        return settled

    def _write(self, settled: ResolvedAcross) -> None:
        """Write each part's `order, flags, counts`: of rows that it processes, and of its rows that moved away."""
        superseded = settled.counts != np.arange(len(settled.counts))
        special = np.flatnonzero(superseded | (settled.flags != 0))
        frame = pd.DataFrame(
            {
                "order": settled.order[special],
                "flags": settled.flags[special],
                "counts": settled.order[settled.counts[special]],
                "home": self.submissions.home[special],
                "place": settled.place[special],
            }
        )
        for part in range(len(self.parts)):
            mine = frame[(frame["home"] == part) | (frame["place"] == part)]
            self.spool.write(f"special/{part}", mine.reset_index(drop=True))

    def _move(self, settled: ResolvedAcross, counting: Bools) -> None:
        home = self.submissions.home
        away, twins = self._known_elsewhere(home)
        wandering = np.flatnonzero(away & counting)
        if len(wandering):
            # to the part of its registry row, if it has one
            held = found_rows(self.submissions.columns(PERSON_KEYS, wandering), self.registry.columns(PERSON_KEYS))
            submissions = self._submissions(settled, wandering, [*PERSON_KEYS, *WITNESSES])
            standing = find_evidence(submissions, self._registry(held))["standing_row"].to_numpy()
            settled.place[wandering] = np.where(standing >= 0, self.registry.home[held[standing]], home[wandering])
        settled.place[:] = settled.place[settled.counts]
        moved = settled.place != home
        settled.flags[moved] |= MOVED
        self._lend(settled, np.flatnonzero(away | moved), np.flatnonzero(moved), twins)

    def _known_elsewhere(self, home: npt.NDArray[np.int32]) -> tuple[Bools, Positions]:
        """Return submissions with an ID number of another part, and registry rows with one of several parts."""
        ids = self.registry.column("id_number")
        by_id = np.lexsort((self.registry.home, ids))
        held, parts = ids[by_id], self.registry.home[by_id]
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

    def _lend(self, settled: ResolvedAcross, visitors: Positions, moved: Positions, twins: Positions) -> None:
        """Write to each part what moves in and the registry rows to compare with: `twins` go to each part with one."""
        rows = self._submissions(settled, moved)
        rows = rows.assign(place=settled.place[moved], order=settled.order[moved])
        keys = self.registry.columns(["id_number"], twins).assign(row=twins, part=self.registry.home[twins])
        both = keys.merge(keys[["id_number", "part"]].drop_duplicates(), on="id_number", suffixes=("_own", ""))
        of_twins = both[both["part"] != both["part_own"]][["part", "row"]]
        guests = pd.concat([self._guests(settled, visitors, moved), of_twins]).drop_duplicates()
        filled = [f"classes/{at}" for part in self.parts for at in part.schools if self.spool.has(f"classes/{at}")]
        known = self.spool.read_all(filled)  # of all schools (some seventy a school), read once for all parts
        held = np.unique(guests["row"].to_numpy())
        registry = self._registry(held).assign(row_at=held)
        for part in range(len(self.parts)):
            own = rows[rows["place"] == part].drop(columns="place").reset_index(drop=True)
            lent = registry[registry["row_at"].isin(guests["row"][guests["part"] == part])].drop(columns="row_at")
            if len(own):
                self.spool.write(f"moved/{part}", own)
            if len(lent):
                self.spool.write(f"guests/{part}", lent.reset_index(drop=True))
            names = {*own["school"].unique(), *lent["school"].unique()}
            if names:
                classes = known[known["school"].isin(list(names))]
                self.spool.write(f"guest-classes/{part}", classes.drop_duplicates(ignore_index=True))

    def _guests(self, settled: ResolvedAcross, visitors: Positions, moved: Positions) -> Frame:
        """Return `part, row`: registry rows of other parts that match a part's submissions."""
        found: list[Frame] = []
        for at, columns in ((visitors, ["id_number"]), *((moved, ["school", name]) for name in PERSON_KEYS[2:])):
            keys = self.submissions.columns(columns, at)
            wanted = pd.DataFrame({"key": _joined(keys, columns), "part": settled.place[at]}).drop_duplicates()
            wanted = wanted[wanted["key"] != 0]
            held = _joined(self.registry.columns(columns), columns)
            rows = np.flatnonzero(known_keys(held, wanted["key"].to_numpy(dtype=np.uint64)))
            both = pd.DataFrame({"key": held[rows], "row": rows}).merge(wanted, on="key")
            found.append(both[self.registry.home[both["row"].to_numpy()] != both["part"].to_numpy()][["part", "row"]])
        return pd.concat(found, ignore_index=True).drop_duplicates(ignore_index=True)

    def _submissions(self, settled: ResolvedAcross, rows: Positions, columns: list[str] | None = None) -> Frame:
        homes = self.submissions.home[rows]
        wanted = [(self.parts[int(part)], settled.order[rows[homes == part]]) for part in np.unique(homes)]
        fetched = self.work.map(fetch_submissions, [(self.spool, part, orders, columns) for part, orders in wanted])
        if not fetched:
            return pd.DataFrame({"school": pd.Series(dtype="str")})
        return pd.concat(fetched, ignore_index=True).set_index("order").loc[settled.order[rows]].reset_index()

    def _registry(self, rows: Positions) -> Frame:
        ends = np.cumsum([0, *(size for _, _, size in self.registry.frames)])
        cuts = np.searchsorted(rows, ends)
        wanted = [
            (name, rows[low:high] - start)
            for (name, _, _), start, low, high in zip(self.registry.frames, ends, cuts, cuts[1:], strict=False)
            if high > low
        ]
        portions = [wanted[at : at + REGISTRIES] for at in range(0, len(wanted), REGISTRIES)]
        fetched = self.work.map(fetch_registry, [(self.spool, portion) for portion in portions])
        if not fetched:
            return pd.DataFrame({"school": pd.Series(dtype="str")})
        return pd.concat(fetched, ignore_index=True)


def _joined(keys: Frame, columns: list[str]) -> Keys:
    parts = [keys[name].to_numpy(dtype=np.uint64) for name in columns]
    return parts[0] if len(parts) == 1 else joined_keys(parts[0], parts[1])


SUBMISSION_ID = "提交编号"
"""The heading under which a row names the submission that it amends (the 问题表 has it)."""


def read_amendments(spool: Spool, number: int, unit: Unit) -> UnitRead:
    """Read one unit of an amending source into the spool. Its rows are no submissions."""
    settings = spool.shared(RunSettings)
    collected = collect_unit(unit, settings.cohort, settings.keep)
    collected = with_people(collected, (collected.rows["why"] == "").to_numpy())
    spool.write(f"amendments/{number}", _amendments(collected, settings))
    spool.write(f"extras/{number}", collected.extras)
    unknown, notes = unknown_columns(collected.extras), tuple(collected.notes)
    return UnitRead(number, {}, collected.columns, notes, tuple(collected.inputs), unknown, collected.skipped)


def _amendments(collected: Collected, settings: RunSettings) -> Frame:
    rows = collected.rows.reset_index(drop=True)
    kept, _ = normalise(rows, settings.words, collected.school or settings.words.only_school)
    given = rows[fields.names()].where(kept[fields.names()] != "", "").add_prefix(GIVEN)
    named = collected.extras[collected.extras["column"].str.strip() == SUBMISSION_ID]
    ids = named.drop_duplicates([*POSITION]).set_index(POSITION)["value"].str.strip()
    places = pd.MultiIndex.from_frame(rows[POSITION])
    target = pd.Series(ids.reindex(places).fillna("").to_numpy(), index=rows.index, dtype="str")
    keys = kept[["school", "submitted_at", *AMENDING_KEYS]]
    return pd.concat([rows[POSITION], target.rename(TARGET), keys, given], axis=1)


def apply_amendments(
    spool: Spool, layout: Layout, parts: Sequence[Part], units: Sequence[UnitRead], withdrawn: set[str]
) -> UnitRead:
    """Apply amendments to the submissions and return the result as one more unit. `withdrawn` ids are left out."""
    names = [f"amendments/{unit.number}" for unit in units]
    amendments = spool.read_all(name for name in names if spool.has(name))
    bases, changes = _bases(spool, parts, units, amendments, withdrawn)
    settings = spool.shared(RunSettings)
    words = settings.words
    amended = with_amendments(
        amendments, bases, changes, lambda rows: normalise(rows, words, words.only_school), settings.latest
    )
    number = max(unit.number for unit in units) + 1
    rows, made = amended.rows, amended.changes
    new = np.unique(made["at"][made["field"] == "photo"])
    if settings.cohort.photos_folder is not None and len(new):
        seen = photos_of(rows.loc[new], settings.cohort.photos_folder, spool)
        rows.loc[new, seen.columns] = seen
    rows = rows.assign(order=np.arange(len(rows), dtype=np.int64) + number * UNIT)  # later than all other units
    made = made.assign(order=made["at"] + number * UNIT).drop(columns="at")
    filled = write_by_part(spool, number, rows, made, layout)
    notes = tuple(
        Note("warning", str(row.file), str(row.sheet), int(str(row.row)), str(row.why))
        for row in amended.untaken.itertuples()
    )
    return UnitRead(number, filled, (), notes, (), units[0].unknown.iloc[:0], units[0].skipped.iloc[:0])


def _bases(
    spool: Spool, parts: Sequence[Part], units: Sequence[UnitRead], amendments: Frame, withdrawn: set[str]
) -> tuple[Frame, Frame]:
    """Return the submissions of amended people, in the order of reading, and their changes."""
    keyed = submissions_keyed(spool, units)
    held, sought = keyed.columns([*AMENDING_KEYS, "order"]), key_frame(amendments, AMENDING_KEYS)
    wanted = np.zeros(len(held), dtype=bool)
    for name in ("student_number", "id_number"):
        own, theirs = (joined_keys(keys[name].to_numpy(), keys["name"].to_numpy()) for keys in (held, sought))
        wanted |= known_keys(own, theirs)
    orders = held["order"].to_numpy().astype(np.int64)[wanted]
    found = pd.concat([fetch_submissions(spool, part, orders) for part in parts], ignore_index=True)
    found = found[~found["submission_id"].isin(list(withdrawn))].sort_values("order", ignore_index=True)
    ids = pd.Series(found["submission_id"].to_numpy(), index=found["order"])
    read = [spool.read(name) for part in parts for name in part.of_units("changes")]
    mine = [changes[changes["order"].isin(ids.index)] for changes in read]
    changes = pd.concat(mine, ignore_index=True)
    return found, changes.assign(submission_id=ids.reindex(changes["order"]).to_numpy())
