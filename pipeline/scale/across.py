"""Relations across schools, resolved before any school is processed, in one pass over 64-bit keys.

The pass finds which submission of a person counts, which values several students gave, and submissions that named the
wrong school. These move to the part where their student is registered. Each part gets the registry rows of other parts
that its submissions must be compared with. Memory: some 120 bytes a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline import fields
from pipeline.collect.collected import Collected, Note
from pipeline.collect.skipping import with_people
from pipeline.collect.submissions import Unit, collect_unit
from pipeline.match.amend import AMENDING_KEYS, GIVEN, TARGET, with_amendments
from pipeline.match.evidence import CORROBORATING, find_evidence
from pipeline.match.keys import PERSON_KEYS, Bools, Keys, isin_keys, joined_keys, key_frame
from pipeline.match.persons import candidate_rows, resolve_people, submission_keys
from pipeline.normalise.normalise_rows import normalise
from pipeline.scale.executors import Work
from pipeline.scale.layout import Layout, Part, RunSettings
from pipeline.scale.parts import MOVED_BIT, WITHDRAWN_BIT, Positions, fetch_registry, fetch_submissions
from pipeline.scale.reading import REGISTRIES, STRIDE, UnitRead, no_rows, photos_of, unknown_columns, write_by_part
from pipeline.scale.spool import Spool
from pipeline.tables import POSITION, Frame


@dataclass(frozen=True)
class KeyTable:
    """The keys of all rows of one kind. `frames`: name, part and number of rows of each frame, in the order of rows."""

    spool: Spool
    frames: list[tuple[str, int, int]]

    @cached_property
    def home_part(self) -> npt.NDArray[np.int32]:
        """The part of each row's school."""
        parts, sizes = ([frame[at] for frame in self.frames] for at in (1, 2))
        return np.repeat(np.array(parts, dtype=np.int32), np.array(sizes, dtype=np.int64))

    def column(self, name: str) -> Keys:
        """Return one column of all rows."""
        arrays = [self.spool.read(f"{frame}.keys", [name])[name].to_numpy() for frame, _, _ in self.frames]
        return np.concatenate(arrays) if arrays else np.zeros(0, dtype=np.uint64)

    def columns(self, names: list[str], rows: Positions | slice = slice(None)) -> Frame:
        """Return several columns of all rows, or of the rows at `at`."""
        return pd.DataFrame({name: self.column(name)[rows] for name in names}, copy=False)


def submission_key_table(spool: Spool, units: Sequence[UnitRead]) -> KeyTable:
    """Return the keys of all submissions, in the order of reading."""
    sizes = ((unit.number, *size) for unit in units for size in unit.rows_by_part.items())
    return KeyTable(spool, [(f"submissions/{number}-{part}", part, rows) for number, part, rows in sizes])


@dataclass(frozen=True)
class CrossSchoolResult:
    """The result by submission. `order` is its place in reading order, `part` the part that processes it.

    `flags`: bits of `FLAGS`, `WITHDRAWN_BIT`, `MOVED_BIT`. `counting`: position of its person's counting submission.
    """

    order: Positions
    flags: npt.NDArray[np.int32]
    counting: Positions
    part: npt.NDArray[np.int32]


@dataclass
class CrossSchool:
    """The pass over the keys of submissions and registries. Full rows are fetched when needed."""

    spool: Spool
    work: Work
    parts: list[Part]
    submissions: KeyTable
    registry: KeyTable

    def resolve(self, withdrawn: Positions) -> CrossSchoolResult:
        """Resolve the relations and write them. `withdrawn` has the `order` of each withdrawn submission."""
        order = self.submissions.column("order").astype(np.int64)
        live = ~np.isin(order, withdrawn)
        by_order = np.argsort(order, kind="stable")
        names = [f"{frame}.keys" for frame, _, _ in self.submissions.frames]
        keys = self.spool.read_all(names, empty=submission_keys(no_rows()))
        keys = keys.drop(columns="order", errors="ignore").iloc[by_order].reset_index(drop=True)
        counting, flags_read = resolve_people(keys, self.registry.columns(PERSON_KEYS), live[by_order])
        flags, counts = np.empty(len(order), dtype=np.int32), np.empty(len(order), dtype=np.int64)
        flags[by_order], counts[by_order] = flags_read, by_order[counting]
        flags |= np.where(live, 0, WITHDRAWN_BIT).astype(np.int32)
        result = CrossSchoolResult(order, flags, counts, self.submissions.home_part.copy())
        if len(self.parts) > 1:
            self._move(result, live & (counts == np.arange(len(order))))
        self._write(result)
        return result

    def _write(self, result: CrossSchoolResult) -> None:
        """Write each part's `special`: the rows that it processes, and the rows of its schools that moved away."""
        superseded = result.counting != np.arange(len(result.counting))
        special = np.flatnonzero(superseded | (result.flags != 0))
        frame = pd.DataFrame(
            {
                "order": result.order[special],
                "flags": result.flags[special],
                "counts": result.order[result.counting[special]],
                "home_part": self.submissions.home_part[special],
                "part": result.part[special],
            }
        )
        for part in range(len(self.parts)):
            part_rows = frame[(frame["home_part"] == part) | (frame["part"] == part)]
            self.spool.write(f"special/{part}", part_rows.reset_index(drop=True))

    def _move(self, result: CrossSchoolResult, counting: Bools) -> None:
        home = self.submissions.home_part
        registered_elsewhere, shared_ids = self._registered_elsewhere(home)
        misplaced = np.flatnonzero(registered_elsewhere & counting)
        if len(misplaced):
            # to the part of its registry row, if it has one
            keys = self.submissions.columns(PERSON_KEYS, misplaced)
            candidates = candidate_rows(keys, self.registry.columns(PERSON_KEYS))
            submissions = self._submissions(result, misplaced, [*PERSON_KEYS, *CORROBORATING])
            found = find_evidence(submissions, self._registry(candidates))["roster_row"].to_numpy()
            parts = self.registry.home_part[candidates[found]]
            result.part[misplaced] = np.where(found >= 0, parts, home[misplaced])
        result.part[:] = result.part[result.counting]
        moved = result.part != home
        result.flags[moved] |= MOVED_BIT
        self._write_moved(result, np.flatnonzero(registered_elsewhere | moved), np.flatnonzero(moved), shared_ids)

    def _registered_elsewhere(self, home: npt.NDArray[np.int32]) -> tuple[Bools, Positions]:
        """Return submissions with an ID number of another part, and registry rows with one of several parts."""
        ids = self.registry.column("id_number")
        by_id = np.lexsort((self.registry.home_part, ids))
        sorted_ids, parts = ids[by_id], self.registry.home_part[by_id]
        shared = sorted_ids[1:][(sorted_ids[1:] == sorted_ids[:-1]) & (parts[1:] != parts[:-1])]
        shared_ids = np.flatnonzero(isin_keys(ids, shared))
        del ids, by_id
        given = self.submissions.column("id_number")
        first = np.searchsorted(sorted_ids, given, side="left")
        end = np.searchsorted(sorted_ids, given, side="right")
        found = (end > first) & (given != 0)
        elsewhere = np.zeros(len(given), dtype=bool)
        elsewhere[found] = (parts[first[found]] != home[found]) | (parts[end[found] - 1] != home[found])
        return elsewhere, shared_ids

    def _write_moved(self, result: CrossSchoolResult, compared: Positions, moved: Positions, shared: Positions) -> None:
        """Write each part's `moved`, `foreign` and `foreign-classes`: what it needs of other parts.

        `compared` and `moved` are submissions. `shared` are registry rows with an ID number of several parts.
        """
        rows = self._submissions(result, moved)
        rows = rows.assign(part=result.part[moved], order=result.order[moved])
        keys = self.registry.columns(["id_number"], shared).assign(row=shared, part=self.registry.home_part[shared])
        joined = keys.merge(keys[["id_number", "part"]].drop_duplicates(), on="id_number", suffixes=("_home", ""))
        joined = joined[joined["part"] != joined["part_home"]][["part", "row"]]
        wanted = pd.concat([self._foreign_rows(result, compared, moved), joined]).drop_duplicates()
        filled = [f"classes/{at}" for part in self.parts for at in part.schools if self.spool.has(f"classes/{at}")]
        all_classes = self.spool.read_all(filled)  # of all schools (some seventy a school), read once for all parts
        positions = np.unique(wanted["row"].to_numpy())
        registry = self._registry(positions).set_axis(positions)
        for part in range(len(self.parts)):
            moved_in = rows[rows["part"] == part].drop(columns="part").reset_index(drop=True)
            foreign = registry[registry.index.isin(wanted["row"][wanted["part"] == part])]
            if len(moved_in):
                self.spool.write(f"moved/{part}", moved_in)
            if len(foreign):
                self.spool.write(f"foreign/{part}", foreign.reset_index(drop=True))
            names = {*moved_in["school"].unique(), *foreign["school"].unique()}
            if names:
                classes = all_classes[all_classes["school"].isin(list(names))]
                self.spool.write(f"foreign-classes/{part}", classes.drop_duplicates(ignore_index=True))

    def _foreign_rows(self, result: CrossSchoolResult, compared: Positions, moved: Positions) -> Frame:
        """Return `part, row`: registry rows of other parts that match a part's submissions."""
        found: list[Frame] = []
        for selected, columns in ((compared, ["id_number"]), *((moved, ["school", name]) for name in PERSON_KEYS[2:])):
            keys = self.submissions.columns(columns, selected)
            wanted = pd.DataFrame({"key": _column_key(keys, columns), "part": result.part[selected]}).drop_duplicates()
            wanted = wanted[wanted["key"] != 0]
            registered = _column_key(self.registry.columns(columns), columns)
            rows = np.flatnonzero(isin_keys(registered, wanted["key"].to_numpy(dtype=np.uint64)))
            matches = pd.DataFrame({"key": registered[rows], "row": rows}).merge(wanted, on="key")
            foreign = self.registry.home_part[matches["row"].to_numpy()] != matches["part"].to_numpy()
            found.append(matches[foreign][["part", "row"]])
        return pd.concat(found, ignore_index=True).drop_duplicates(ignore_index=True)

    def _submissions(self, result: CrossSchoolResult, rows: Positions, columns: list[str] | None = None) -> Frame:
        parts = self.submissions.home_part[rows]
        wanted = [(self.parts[int(part)], result.order[rows[parts == part]]) for part in np.unique(parts)]
        fetched = self.work.map(fetch_submissions, [(self.spool, part, orders, columns) for part, orders in wanted])
        if not fetched:
            return pd.DataFrame({"school": pd.Series(dtype="str")})
        return pd.concat(fetched, ignore_index=True).set_index("order").loc[result.order[rows]].reset_index()

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


def _column_key(keys: Frame, columns: list[str]) -> Keys:
    return reduce(joined_keys, (keys[name].to_numpy(dtype=np.uint64) for name in columns))


SUBMISSION_ID = "提交编号"
"""The heading under which a row names the submission that it amends (the 问题表 has it)."""


def read_amendments(spool: Spool, number: int, unit: Unit) -> UnitRead:
    """Read one unit of an amending source into the spool. Its rows are no submissions."""
    settings = spool.shared(RunSettings)
    collected = collect_unit(unit, settings.cohort, settings.input_copies)
    collected = with_people(collected, (collected.rows["why"] == "").to_numpy())
    spool.write(f"amendments/{number}", _amendments(collected, settings))
    spool.write(f"extras/{number}", collected.extras)
    unknown, notes = unknown_columns(collected.extras), tuple(collected.notes)
    return UnitRead(number, {}, collected.columns, notes, tuple(collected.inputs), unknown, collected.skipped)


def _amendments(collected: Collected, settings: RunSettings) -> Frame:
    rows = collected.rows.reset_index(drop=True)
    normalised, _ = normalise(rows, settings.words, collected.school or settings.words.only_school)
    given = rows[fields.names()].where(normalised[fields.names()] != "", "").add_prefix(GIVEN)
    target_cells = collected.extras[collected.extras["column"].str.strip() == SUBMISSION_ID]
    targets = target_cells.drop_duplicates([*POSITION]).set_index(POSITION)["value"].str.strip()
    positions = pd.MultiIndex.from_frame(rows[POSITION])
    target = pd.Series(targets.reindex(positions).fillna("").to_numpy(), index=rows.index, dtype="str")
    keys = normalised[["school", "submitted_at", *AMENDING_KEYS]]
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
    rows, amended_changes = amended.rows, amended.changes
    new_photos = np.unique(amended_changes["at"][amended_changes["field"] == "photo"])
    if settings.cohort.photos_folder is not None and len(new_photos):
        facts = photos_of(rows.loc[new_photos], settings.cohort.photos_folder, spool)
        rows.loc[new_photos, facts.columns] = facts
    rows = rows.assign(order=np.arange(len(rows), dtype=np.int64) + number * STRIDE)  # later than all other units
    amended_changes = amended_changes.assign(order=amended_changes["at"] + number * STRIDE).drop(columns="at")
    rows_by_part = write_by_part(spool, number, rows, amended_changes, layout)
    notes = tuple(
        Note("warning", str(row.file), str(row.sheet), int(str(row.row)), str(row.why))
        for row in amended.not_applied.itertuples()
    )
    return UnitRead(number, rows_by_part, (), notes, (), units[0].unknown.iloc[:0], units[0].skipped.iloc[:0])


def _bases(
    spool: Spool, parts: Sequence[Part], units: Sequence[UnitRead], amendments: Frame, withdrawn: set[str]
) -> tuple[Frame, Frame]:
    """Return the submissions of amended people, in the order of reading, and their changes."""
    keyed = submission_key_table(spool, units)
    both = keyed.columns([*AMENDING_KEYS, "order"]), key_frame(amendments, AMENDING_KEYS)
    wanted = np.zeros(len(both[0]), dtype=bool)
    for name in ("student_number", "id_number"):
        submitted, amended = (joined_keys(keys[name].to_numpy(), keys["name"].to_numpy()) for keys in both)
        wanted |= isin_keys(submitted, amended)
    orders = both[0]["order"].to_numpy().astype(np.int64)[wanted]
    found = pd.concat([fetch_submissions(spool, part, orders) for part in parts], ignore_index=True)
    found = found[~found["submission_id"].isin(list(withdrawn))].sort_values("order", ignore_index=True)
    ids = pd.Series(found["submission_id"].to_numpy(), index=found["order"])
    read = [spool.read(name) for part in parts for name in part.unit_frames("changes")]
    change_frames = [changes[changes["order"].isin(ids.index)] for changes in read]
    changes = pd.concat(change_frames, ignore_index=True)
    return found, changes.assign(submission_id=ids.reindex(changes["order"]).to_numpy())
