"""The tasks of a run, their portions, and the steps between them."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from pipeline.atomic_files import link_or_copy, write_atomically
from pipeline.cache import Cache, digest_of
from pipeline.cohort import Cohort
from pipeline.cohort_sections import Source
from pipeline.collect.collected import SKIPPED, Note, text_frame
from pipeline.collect.inputs import files_of, is_database
from pipeline.collect.missing_fields import SourcesRead, column_questions, missing_fields
from pipeline.collect.source_columns import SourceColumns
from pipeline.collect.submissions import Unit, refuse_undeclared, refuse_unread, submission_units
from pipeline.colleges import only_colleges
from pipeline.errors import InputError
from pipeline.review.decisions import standing_decisions, withdrawn_submission_ids
from pipeline.review.ledger import entries_of
from pipeline.review.worksheet import import_from_file, is_scope, student_numbers
from pipeline.run_folder import RunFolder
from pipeline.scale.across import CrossSchool, KeyTable, apply_amendments, read_amendments, submission_key_table
from pipeline.scale.executors import Work, open_work
from pipeline.scale.layout import Layout, Part, RegistryRead, RunSettings, group_schools, resolve_shared
from pipeline.scale.parts import CHECK_TABLES, REVIEW_TABLES, find_ids, snapshot_rows
from pipeline.scale.reading import (
    REGISTRIES,
    REGISTRY_READ,
    SourceCache,
    UnitRead,
    read_registries,
    registry_files,
    spool_unit,
    unit_files,
)
from pipeline.scale.spool import Spool, TableParts, gather_table, open_spool
from pipeline.tables import Frame
from pipeline.tabulate.tabulate_stage import sum_headcounts

T = TypeVar("T")

PARALLEL_BYTES = 32 << 20
"""Inputs of this many bytes (some 60,000 students) are processed by several processes."""
_FOLDERS = ("parts", "extras")
"""Folders of the spool with the results of match and check."""


@dataclass
class RunData:
    """The data of a run in progress."""

    settings: RunSettings
    folder: RunFolder
    spool: Spool
    work: Work
    cache: Cache
    entries: Frame = field(default_factory=pd.DataFrame)
    parts: list[Part] = field(default_factory=list[Part])
    _registries: list[RegistryRead] = field(default_factory=list[RegistryRead])
    _units: list[UnitRead] = field(default_factory=list[UnitRead])
    _extras: list[str] = field(default_factory=list[str])

    @cached_property
    def _sources(self) -> SourceCache:
        return SourceCache(self.settings.cohort, self.folder, self.spool, self.cache)

    def collect_and_normalise(self) -> SourcesRead:
        """Read and normalise all inputs into the spool; return notes. InputError without any submission or registry."""
        cohort = self.settings.cohort
        self._registries = self._read_registries()
        if all(registry.error for registry in self._registries):
            errors = "；".join(dict.fromkeys(registry.error for registry in self._registries))
            raise InputError(f"没有一所学校的学籍库能读（{errors}）", remedy="请按提示处理后再运行")
        layout = group_schools(cohort, self._registries, single=not self.work.parallel)
        registries = frozenset(one.sha256 for school in self._registries for one in school.inputs)
        units = [replace(unit, registries=registries) for unit in submission_units(cohort)]
        self._units = self._read_units(units, layout)
        self._extras = [f"extras/{unit.number}" for unit in self._units]
        notes = [note for unit in self._units for note in unit.notes]
        sources = [(unit.source, reading.columns) for unit, reading in zip(units, self._units, strict=True)]
        refuse_unread([each for unit in self._units for each in unit.columns], notes)
        refuse_undeclared(cohort, sources)
        self.parts = self._parts(layout)
        return self._sources_read(sources, [*notes, *self._amend(layout)])

    def _parts(self, layout: Layout) -> list[Part]:
        return [
            Part(number, schools, tuple(unit.number for unit in self._units if unit.rows_by_part.get(number)))
            for number, schools in enumerate(layout.schools)
        ]

    def _amend(self, layout: Layout) -> tuple[Note, ...]:
        if not any(source.amends for source in self.settings.cohort.submissions.sources):
            return ()
        withdrawn = withdrawn_submission_ids(entries_of(self.settings.cohort))
        amended = apply_amendments(self.spool, layout, self.parts, self._units, withdrawn)
        self._units.append(amended)
        self.parts = self._parts(layout)
        return amended.notes

    def _read_registries(self) -> list[RegistryRead]:
        schools = self.settings.cohort.schools
        read: dict[int, RegistryRead] = {}
        for at, school in enumerate(schools):
            files, (paths, notes) = registry_files(at), _files_of(school.registry, self.settings.cohort)
            if self._sources.reuse(files, (school, notes), paths):
                read[at] = replace(self.spool.read_json(files[-1], REGISTRY_READ), school=at)
        remaining = [at for at in range(len(schools)) if at not in read]
        portions = [remaining[at : at + REGISTRIES] for at in range(0, len(remaining), REGISTRIES)]
        for registry in chain(*self.work.map(read_registries, [(self.spool, portion) for portion in portions])):
            read[registry.school] = registry
            if not registry.error:
                self._sources.store(registry_files(registry.school), registry.inputs)
        resolved = resolve_shared([read[at] for at in range(len(schools))], schools)
        self.spool.remove(*(name for one in resolved if one.error for name in registry_files(one.school)))
        return resolved

    def _read_units(self, units: list[Unit], layout: Layout) -> list[UnitRead]:
        """Read the units. Shared sheets (for their key) and amending rows are read in this process."""
        here = [(number, unit) for number, unit in enumerate(units) if unit.path is None or unit.source.amends]
        remote = [(number, unit) for number, unit in enumerate(units) if (number, unit) not in here]
        keys = (f"registry/{read.school}.keys" for read in self._registries if read.rows)
        digest = digest_of(*map(self.spool.digest, keys))
        reused: set[int] = set()
        for number, unit in remote:
            depends_on, paths = (unit.source, unit.notes), [unit.path] if unit.path else []
            if self._sources.reuse(unit_files(number), depends_on, paths, unit.registries, digest):
                reused.add(number)
        readings = self.work.map(spool_unit, [(self.spool, number, unit, layout) for number, unit in remote])
        for reading in readings:
            if reading.number not in reused and reading.reusable:
                self._sources.store(unit_files(reading.number), reading.inputs, digest if reading.doubtful else "")
        for number, unit in here:
            if unit.source.amends:
                readings.append(read_amendments(self.spool, number, unit))
            else:
                readings.append(spool_unit(self.spool, number, unit, layout))
        return sorted(readings, key=lambda one: one.number)

    def _sources_read(self, sources: list[tuple[Source, tuple[SourceColumns, ...]]], notes: list[Note]) -> SourcesRead:
        cohort = self.settings.cohort
        schools = cohort.schools
        registries = {schools[read.school].name: read.columns for read in self._registries if not read.error}
        submissions = tuple(each for unit in self._units for each in unit.columns)
        photos = cohort.photos_folder is not None
        missing = missing_fields(sources, registries, photos=photos, alone=len(schools) == 1)
        students = dict.fromkeys(row for read in self._registries for row in read.skipped)
        return SourcesRead(
            inputs=[one for read in (*self._units, *self._registries) for one in read.inputs],
            notes=[*notes, *dict.fromkeys(note for read in self._registries for note in read.notes)],
            unread={schools[read.school].name: read.error for read in self._registries if read.error},
            unknown=pd.concat([unit.unknown for unit in self._units], ignore_index=True).drop_duplicates(),
            skipped=pd.concat([text_frame(SKIPPED, students, ["row"]), *(unit.skipped for unit in self._units)]),
            columns=(*submissions, *(each for has in registries.values() for each in has)),
            missing=missing,
            questions=column_questions(cohort, missing, submissions, registries),
            other_years={
                schools[read.school].code: {"rows": read.rows, "years": dict(read.other_years)}
                for read in self._registries
                if read.other_years
            },
        )

    def resolve_cross_school(self) -> None:
        """Resolve relations across schools. `load_ledger` comes first."""
        home = {at: part.number for part in self.parts for at in part.schools}
        frames = [(f"registry/{read.school}", home[read.school], read.rows) for read in self._registries if read.rows]
        submissions = submission_key_table(self.spool, self._units)
        across = CrossSchool(self.spool, self.work, self.parts, submissions, KeyTable(self.spool, frames))
        withdrawn = withdrawn_submission_ids(self.entries)
        orders = self.each_part(find_ids, withdrawn) if withdrawn else []
        across.resolve(np.concatenate([np.zeros(0, dtype=np.int64), *orders]))

    def load_ledger(self) -> None:
        """Read the ledger, and write each part's entries to the spool."""
        cohort = self.settings.cohort
        self.entries = entries_of(cohort)
        for part in self.parts:
            codes = [cohort.schools[at].code for at in part.schools]
            relevant = self.entries["school_code"].isin([*codes, ""])
            self.spool.write(f"ledger/{part.number}", self.entries[relevant])

    def store_judged(self, key: str, summary: dict[str, Any]) -> None:
        """Store each part's results of match and check, and their entries of the summary, for reuse."""
        if not key:
            return
        spool = self.spool.folder
        files = [path.relative_to(spool) for name in _FOLDERS for path in (spool / name).glob("*")]
        folder = self.folder.path / "parts"
        for name in files:
            link_or_copy(spool / name, folder / name)
        parts = [(part.number, part.schools, part.units) for part in self.parts]
        state = {"summary": summary, "parts": parts, "extras": self._extras, "read": self._sources.keys}
        write_atomically(folder / "state.json", json.dumps(state, ensure_ascii=False))
        validations = self.folder.path / "validations.json"
        self.cache.record([*(folder / name for name in files), folder / "state.json", validations], key)

    def reuse_judged(self, key: str) -> dict[str, Any] | None:
        """Reuse the results that `store_judged` stored in an earlier run. Return the summary entries, or None."""
        if not self.cache.reuse(key):
            return None
        folder = self.folder.path / "parts"
        for path in folder.glob("*/*"):
            link_or_copy(path, self.spool.folder / path.relative_to(folder))
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        self.parts = [Part(number, tuple(schools), tuple(units)) for number, schools, units in state["parts"]]
        self._extras = state["extras"]
        self._sources.carry_over(state["read"])
        self.load_ledger()
        return state["summary"]

    def each_part(self, task: Callable[..., T], *args: object) -> list[T]:
        """Return `task(spool, part, *more)` of each part."""
        return self.work.map(task, [(self.spool, part, *args) for part in self.parts])

    def import_decisions(self, rows: Frame | None) -> tuple[list[str], bool]:
        """Add `rows` of decisions (None in a trial of rules) to the ledger. Return lines and whether it was changed."""
        cohort = self.settings.cohort
        if rows is None or rows.empty:
            return [], False
        rows = rows[~is_scope(rows)]
        numbers = student_numbers(rows)
        decisions = standing_decisions(self.entries)
        decided_ids = set(decisions["submission_id"][decisions["student_number"].isin(list(numbers))]) - {""}
        snapshot = self.each_part(snapshot_rows, numbers, decided_ids)
        lines, changed = import_from_file(cohort, self.folder.run_id, rows, snapshot, self.settings.as_of)
        if changed:
            self.load_ledger()
        return lines, changed

    def write_tables(self, colleges: Frame, extra: dict[str, Frame]) -> None:
        """Write the run's tables: those of the parts concatenated (or reused if unchanged), and the others."""
        folder = self.folder.path / "tables"
        folder.mkdir(mode=0o700, exist_ok=True)
        names = {name: tuple(part.name(name) for part in self.parts) for name in (*CHECK_TABLES, *REVIEW_TABLES)}
        headcount = sum_headcounts(self.spool.read_all(names.pop("headcount")))
        schools = tuple(tuple(self.settings.cohort.schools[at].name for at in part.schools) for part in self.parts)
        tables = [TableParts(name, table_parts, schools) for name, table_parts in names.items()]
        tables.append(TableParts("extras", tuple(self._extras), ((),) * len(self._extras)))
        keys = {pieces.table: pieces.key(self.spool) for pieces in tables}

        def on_written(written: TableParts) -> None:
            self.cache.record(folder.glob(f"{written.table}.*"), keys[written.table])
            self.spool.remove(*written.names)

        changed: list[tuple[Spool, TableParts, Path]] = []
        for pieces in tables:
            if self.cache.reuse(keys[pieces.table]):
                self.spool.remove(*pieces.names)
            else:
                changed.append((self.spool, pieces, folder))
        self.work.map(gather_table, changed, on_written)
        college_table = only_colleges({"colleges": colleges}, self.settings.chosen)
        self.folder.write_tables({"headcount": headcount, **college_table, **extra})


@contextmanager
def open_run_data(settings: RunSettings, folder: RunFolder, cache: Cache) -> Generator[RunData]:
    """Yield a run's data, and delete the spool at the end, also after an error."""
    cohort = settings.cohort  # shared sheets and databases count as 0 bytes
    sources = [*cohort.submissions.paths, *(school.registry for school in cohort.schools)]
    files = {path for source in sources for path in _files_of(source, cohort)[0] if path.is_file()}
    large = sum(path.stat().st_size for path in files) >= PARALLEL_BYTES and len(cohort.schools) > 1
    with (
        open_spool(folder.path / "spool") as spool,
        open_work(cohort.scale.scheduler, large=large) as work,
    ):
        run = RunData(settings, folder, spool, work, cache)
        spool.share(settings)
        yield run


def _files_of(source: str, cohort: Cohort) -> tuple[list[Path], list[Note]]:
    """Return a source's files and notes on others; none of a shared sheet, a database, or where nothing is found."""
    with suppress(InputError):  # its reader reports it
        return files_of(source, cohort.folder) if not is_database(source) else ([], [])
    return [], []
