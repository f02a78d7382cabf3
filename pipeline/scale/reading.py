"""Tasks that read registries and submissions, normalise them, and write them to the spool by part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import TypeAdapter

from pipeline.atomic_files import link_or_copy
from pipeline.cache import Cache, digest_of, settings_digest
from pipeline.cohort import Cohort, safe_name
from pipeline.collect.collected import Collected, Input, Note, text_frame
from pipeline.collect.formats import memo_of
from pipeline.collect.inputs import read_content, store_copy
from pipeline.collect.school_tables import read_registry
from pipeline.collect.skipping import with_people
from pipeline.collect.source_columns import SourceColumns
from pipeline.collect.submissions import Unit, collect_unit
from pipeline.errors import InputError
from pipeline.knowledge import photos
from pipeline.logs import mask
from pipeline.match.keys import PERSON_KEYS, isin_keys, key_frame
from pipeline.match.match_stage import CLASSES
from pipeline.match.membership import merge_rows, other_years, scope_by_registry, status_meanings
from pipeline.match.persons import submission_keys, submission_times
from pipeline.normalise.normalise_rows import OTHER_SCHOOL, normalise, normalise_registry
from pipeline.run_folder import RunFolder
from pipeline.scale.layout import Layout, RegistryRead, RunSettings, UnownedRows
from pipeline.scale.spool import Spool
from pipeline.tables import CHANGES, SUBMISSIONS, Frame


@dataclass(frozen=True)
class SourceCache:
    """The readings of this run, in its folder `read`, and those of earlier runs (`cache`).

    A reading is the spool `files` that a task wrote for one source. The last file identifies it. Its key covers the
    source's bytes, the settings, the code, and `depends_on`: whatever else affects the reading.
    """

    cohort: Cohort
    folder: RunFolder
    spool: Spool
    cache: Cache
    keys: list[str] = field(default_factory=list[str])
    _requests: dict[str, tuple[object, str]] = field(default_factory=dict[str, tuple[object, str]])

    def reuse(
        self,
        files: Sequence[str],
        depends_on: object,
        paths: Sequence[Path],
        excluded: Set[str] = frozenset(),
        extra: str = "",
    ) -> bool:
        """Link an earlier run's reading of `paths` into the spool. Return whether there is one.

        Files with a SHA-256 in `excluded` are never reused. `extra` is a second key that some readings depend on too.
        """
        inputs = self._inputs_of(paths, excluded)
        key = self._key(depends_on, inputs) if inputs else ""
        self._requests[files[-1]] = depends_on, key
        stored = next((each for each in (key, digest_of(key, extra)) if key and self.cache.reuse(each)), "")
        if stored:
            for path, name in zip(self._stored_paths(stored, files), files, strict=True):
                link_or_copy(path, self.spool.folder / name)
            self.keys.append(stored)
        return bool(stored)

    def store(self, files: Sequence[str], inputs: Iterable[Input], extra: str = "") -> None:
        """Store a reading for the next run, if its `inputs` have not changed since `reuse` hashed them."""
        depends_on, key = self._requests[files[-1]]
        if key == self._key(depends_on, inputs):
            key = digest_of(key, extra) if extra else key
            stored_paths = self._stored_paths(key, files)
            for path, name in zip(stored_paths, files, strict=True):
                link_or_copy(self.spool.folder / name, path)
            self.cache.record(stored_paths, key)
            self.keys.append(key)

    def carry_over(self, keys: Iterable[str]) -> None:
        """Keep these readings for the next run. This run did not need them."""
        self.keys.extend(key for key in keys if self.cache.reuse(key))

    @cached_property
    def _settings(self) -> str:
        return settings_digest(self.cohort)

    def _key(self, depends_on: object, inputs: Iterable[Input]) -> str:
        return digest_of("source", self._settings, repr(depends_on), *(f"{one.name}:{one.sha256}" for one in inputs))

    def _inputs_of(self, paths: Sequence[Path], excluded: Set[str]) -> list[Input]:
        """Store the files' bytes and return their inputs; none if one of them cannot be reused."""
        inputs: list[Input] = []
        for path in paths:
            try:
                content = read_content(path, self.cohort.folder)
            except InputError:
                return []
            if content.sha256 in excluded or memo_of(path):
                return []
            store_copy(content, self.folder.inputs)
            inputs.append(Input(content.name, content.sha256, len(content.data), ""))
        return inputs

    def _stored_paths(self, key: str, files: Sequence[str]) -> list[Path]:
        return [self.folder.path / "read" / f"{key}-{at}" for at in range(len(files))]


BATCH_ROWS = 50_000  # rows normalised at a time, to limit memory
REGISTRIES = 16  # registries per task: one alone takes less time than its task
_PERSON_NUMBERS = ["id_number", "student_number"]
_TIME_COLUMNS = {"order_time": "int64", "timed": "bool", "untimed": "bool"}
STRIDE = 1 << 32  # `order` of a row: unit number * UNIT + row


@dataclass(frozen=True)
class UnitRead:
    """The result of reading one unit: number of rows by part, and its entries of the summary."""

    number: int
    rows_by_part: dict[int, int]
    columns: tuple[SourceColumns, ...]
    notes: tuple[Note, ...]
    inputs: tuple[Input, ...]
    unknown: Frame
    skipped: Frame
    doubtful: bool = False
    """Whether the registries decided about some of its rows."""
    reusable: bool = False
    """Whether the next run may reuse it: no error (limits of time or memory vary), no picture in a cell."""


@dataclass(frozen=True)
class UnitNotes:
    """What is stored of one unit in addition to its frames; `doubted` as in `UnitRead`."""

    columns: tuple[SourceColumns, ...]
    notes: tuple[Note, ...]
    inputs: tuple[Input, ...]
    doubtful: bool


REGISTRY_READ, UNIT_NOTES = TypeAdapter(RegistryRead), TypeAdapter(UnitNotes)


def registry_files(school: int) -> list[str]:
    """Return the spool's files of what was read of one registry."""
    return [f"registry/{school}", f"registry/{school}.keys", f"classes/{school}", f"read/registry-{school}.json"]


def unit_files(number: int) -> list[str]:
    """Return the spool's files of what was read of one unit. The last one is written last."""
    frames = (f"read/{number}.{name}" for name in ("rows", "changes", "skipped"))
    return [*frames, f"extras/{number}", f"read/{number}.json"]


def read_registries(spool: Spool, indexes: Sequence[int]) -> list[RegistryRead]:
    """Read and normalise the registries of some schools. An unreadable one has an `error`."""
    settings = spool.shared(RunSettings)
    collected: dict[int, Collected] = {}
    found: dict[int, RegistryRead] = {}
    for at in indexes:
        try:
            collected[at] = read_registry(settings.cohort.schools[at], settings.cohort, settings.input_copies)
        except InputError as error:
            found[at] = RegistryRead(at, error=str(error))
    rows = pd.DataFrame()
    if collected:
        rows = pd.concat([registry.rows for registry in collected.values()], ignore_index=True)
        rows = normalise_registry(rows, settings.words)
    start, schools = 0, settings.cohort.schools
    statuses = status_meanings(settings.cohort.rules_folder)
    for at, registry in collected.items():
        students = rows.iloc[start : start + len(registry.rows)].reset_index(drop=True)
        start += len(students)
        students, unowned = own_rows(students, schools[at].name, {school.name for school in schools})
        if students.empty:
            found[at] = RegistryRead(at, error=f"学籍库里没有{schools[at].name}的学生。请核对学校名称一列")
            continue
        spool.write(f"classes/{at}", students[CLASSES].drop_duplicates())
        notes = list(registry.notes)
        students, equal = merge_rows(scope_by_registry(students, statuses, settings.cohort.year))
        if len(equal):
            message = f"有 {len(equal)} 行与别的行完全相同，每人只算一行"
            notes.append(Note("info", str(equal["file"].iloc[0]), "", int(equal["row"].iloc[0]), message))
        spool.write(f"registry/{at}", students)
        spool.write(f"registry/{at}.keys", key_frame(students, PERSON_KEYS))
        inputs, skipped = tuple(registry.inputs), tuple(registry.skipped.itertuples(index=False, name=None))
        years, columns = other_years(students), registry.columns
        found[at] = RegistryRead(at, len(students), unowned, tuple(notes), inputs, columns, years, skipped)
        spool.write_json(f"read/registry-{at}.json", REGISTRY_READ, found[at])
    return [found[at] for at in indexes]


def own_rows(rows: Frame, school: str, known: set[str]) -> tuple[Frame, tuple[UnownedRows, ...]]:
    """Return a registry's rows without those of other `known` schools. The rest are its own, as `cohort.toml` says."""
    named = rows["school"].where(rows["school"].isin(list(known & {*rows["school"].unique()})), "")
    others = rows.assign(named=named)[named != school].groupby(["named", "file"])
    unowned = tuple(
        UnownedRows(str(name), str(file), mask(str(group["school"].max())[:40]), int(group["row"].iloc[0]), len(group))
        for (name, file), group in others
    )
    return rows[named.isin(["", school])].assign(school=school).astype({"school": "str"}), unowned


def no_rows() -> Frame:
    """Return submissions of the spool without rows."""
    kinds = {**dict.fromkeys(SUBMISSIONS, "str"), "row": "int64", "order": "int64", **_TIME_COLUMNS}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})


def spool_unit(spool: Spool, number: int, unit: Unit, layout: Layout) -> UnitRead:
    """Read and normalise one unit if the spool has not got it, and write its rows, keys and changes to the spool."""
    settings = spool.shared(RunSettings)
    if not spool.has(unit_files(number)[-1]):
        _read_unit(spool, number, unit, layout)
    read = spool.read_json(f"read/{number}.json", UNIT_NOTES)
    rows, changes = (spool.read(f"read/{number}.{name}") for name in ("rows", "changes"))
    rows, changes = (each.assign(order=each["order"] + number * STRIDE) for each in (rows, changes))
    people = rows.pop("person").to_numpy()
    rows = pd.concat([rows, submission_times(rows, settings.latest)], axis=1)[people].reset_index(drop=True)
    photo_folder, pictures = settings.cohort.photos_folder, _picture_folder(spool, number)
    if photo_folder is not None:
        from_cells = photos.PhotoFolder(pictures) if pictures.is_dir() else None
        rows = pd.concat([rows, photos_of(rows, photo_folder, spool, from_cells)], axis=1)
    notes = (*read.notes, *_unknown_school_note(rows, changes[changes["order"].isin(rows["order"])]))
    rows_by_part = write_by_part(spool, number, rows, changes, layout)
    unknown, skipped = unknown_columns(spool.read(f"extras/{number}")), spool.read(f"read/{number}.skipped")
    reusable = not pictures.is_dir() and all(note.level != "error" for note in notes)
    return UnitRead(number, rows_by_part, read.columns, notes, read.inputs, unknown, skipped, read.doubtful, reusable)


def _read_unit(spool: Spool, number: int, unit: Unit, layout: Layout) -> None:
    """Write one unit's normalised rows to the spool as `unit_files`. They depend on no other unit and on no clock.

    `order` numbers the unit's rows. Rows of no person are included: a row without a time takes that of the row above.
    """
    settings = spool.shared(RunSettings)
    collected = collect_unit(unit, settings.cohort, settings.input_copies)
    batches = [_normalised_rows(collected, start, settings) for start in range(0, len(collected.rows), BATCH_ROWS)]
    rows, changes = no_rows().drop(columns=_TIME_COLUMNS), text_frame([*CHANGES, "order"], numbers=["order"])
    if batches:
        rows, changes = (pd.concat(pieces, ignore_index=True) for pieces in zip(*batches, strict=True))
    doubted = bool((collected.rows["why"] != "").any())
    collected, people = _resolve_doubts(spool, layout, collected, rows)
    if settings.cohort.photos_folder is not None and collected.pictures:
        folder = _picture_folder(spool, number)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, data in collected.pictures.items():
            (folder / safe_name(name)).write_bytes(data)
    frames = (rows.assign(person=people), changes, collected.skipped, collected.extras)
    for name, frame in zip(unit_files(number), frames, strict=False):
        spool.write(name, frame)
    unit_notes = UnitNotes(collected.columns, tuple(collected.notes), tuple(collected.inputs), doubted)
    spool.write_json(f"read/{number}.json", UNIT_NOTES, unit_notes)


def unknown_columns(extras: Frame) -> Frame:
    """Return the columns of a unit that mean no field."""
    return extras[["file", "sheet", "column"]].drop_duplicates()


def _resolve_doubts(spool: Spool, layout: Layout, collected: Collected, rows: Frame) -> tuple[Collected, np.ndarray]:
    """Return the input, and a mask of its rows that are people's.

    A row that resembles an example, a total or a remark is a person's if a registry has its student or ID number
    (contract, *Whose row counts*), else it is skipped.
    """
    why = collected.rows["why"].to_numpy()
    doubtful = np.flatnonzero(why != "")
    people = why == ""
    if not len(doubtful):
        return collected, people
    submitted = key_frame(rows.iloc[doubtful], _PERSON_NUMBERS)
    for at in (place for places in layout.schools for place in places):
        if spool.has(f"registry/{at}.keys"):
            registered = spool.read(f"registry/{at}.keys", _PERSON_NUMBERS)
            for name in _PERSON_NUMBERS:
                people[doubtful] |= isin_keys(submitted[name].to_numpy(), registered[name].to_numpy())
    return with_people(collected, people), people


def _normalised_rows(collected: Collected, start: int, settings: RunSettings) -> tuple[Frame, Frame]:
    rows = collected.rows.iloc[start : start + BATCH_ROWS].reset_index(drop=True)
    normalised, changes = normalise(rows, settings.words, collected.school or settings.words.only_school)
    order = np.arange(start, start + len(rows), dtype=np.int64)
    return normalised.assign(order=order), changes.assign(order=changes["at"] + start).drop(columns="at")


def _unknown_school_note(rows: Frame, changes: Frame) -> list[Note]:
    """Return a note on unknown school names in rows that only one school can have."""
    other = changes[(changes["field"] == "school") & changes["why"].str.endswith(OTHER_SCHOOL)]
    if other.empty:
        return []
    first = rows[rows["order"] == other["order"].iloc[0]].iloc[0]
    school = mask(str(other["given"].iloc[0])[:40])
    message = f"有 {len(other)} 行的学校名称（如 {school}）不是本届的学校，已按 {first['school']} 读取，请核对"
    return [Note("warning", str(first["file"]), str(first["sheet"]), int(first["row"]), message)]


@lru_cache(maxsize=1)
def _listing(folder: Path, spool: Spool) -> photos.PhotoFolder:
    """Return the listing of the photo folder, cached per run (a spool is of one run) and process."""
    return photos.PhotoFolder(folder)


def _picture_folder(spool: Spool, number: int) -> Path:
    return spool.folder / "pictures" / str(number)


def photos_of(rows: Frame, folder: Path, spool: Spool, from_cells: photos.PhotoFolder | None = None) -> Frame:
    """Return facts about each row's photo: a file of the folder, or the picture from the row's cell."""
    facts = photos.examine_photos(_listing(folder, spool), rows["photo"], rows["student_number"], rows["id_number"])
    if from_cells is not None:
        inside = rows["photo"].isin([path.name for path in from_cells.root.iterdir()])
        blank = pd.Series("", index=rows.index[inside], dtype="str")
        facts = pd.concat(
            [facts[~inside], photos.examine_photos(from_cells, rows["photo"][inside], blank, blank)]
        ).reindex(rows.index)
    return facts.drop(columns="path").add_prefix("photo_")


def write_by_part(spool: Spool, number: int, rows: Frame, changes: Frame, layout: Layout) -> dict[int, int]:
    """Write a unit's rows and changes (both with `order`) to the spool by part; return the rows per part."""
    parts = pd.Series(layout.parts_of(rows["school"]), index=rows["order"])
    change_parts = parts.reindex(changes["order"]).to_numpy()
    rows_by_part: dict[int, int] = {}
    for part in np.unique(parts).tolist():
        part_rows = rows[(parts == part).to_numpy()]
        name = f"submissions/{number}-{part}"
        spool.write(f"{name}.keys", submission_keys(part_rows).assign(order=part_rows["order"].to_numpy()))
        spool.write(name, part_rows)
        spool.write(f"changes/{number}-{part}", changes[change_parts == part])
        rows_by_part[part] = len(part_rows)
    return rows_by_part
