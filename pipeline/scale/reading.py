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
from pipeline.collect.inputs import keep_bytes, read_content
from pipeline.collect.school_tables import read_registry
from pipeline.collect.skipping import with_people
from pipeline.collect.source_columns import SourceColumns
from pipeline.collect.submissions import Unit, collect_unit
from pipeline.errors import InputError
from pipeline.knowledge import photos
from pipeline.logs import mask
from pipeline.match.keys import PERSON_KEYS, key_frame, known_keys
from pipeline.match.match_stage import CLASSES
from pipeline.match.membership import merge_rows, scope_by_registry, status_meanings, years_outside
from pipeline.match.persons import made_at, submission_keys
from pipeline.normalise.normalise_rows import OTHER_SCHOOL, normalise, normalise_registry
from pipeline.run_folder import RunFolder
from pipeline.scale.layout import Layout, RunSettings, SchoolRead
from pipeline.scale.spool import Spool
from pipeline.tables import CHANGES, SUBMISSIONS, Frame


@dataclass(frozen=True)
class SourceCache:
    """The readings of this run, in its folder `read`, and those of earlier runs (`kept`).

    A reading is the `files` of the spool that a task wrote of one source; the last of them names it. Its key covers the
    source's bytes, the settings, the code, and `about`: whatever else the reading depends on.
    """

    cohort: Cohort
    folder: RunFolder
    spool: Spool
    kept: Cache
    keys: list[str] = field(default_factory=list[str])
    _asked: dict[str, tuple[object, str]] = field(default_factory=dict[str, tuple[object, str]])

    def reuse(
        self,
        files: Sequence[str],
        about: object,
        paths: Sequence[Path],
        refused: Set[str] = frozenset(),
        more: str = "",
    ) -> bool:
        """Lay an earlier run's reading of `paths` into the spool. Return whether there is one.

        Files with a SHA-256 in `refused` are left to their reader. `more` is what some of the readings depend on too.
        """
        inputs = self._inputs_of(paths, refused)
        key = self._key(about, inputs) if inputs else ""
        self._asked[files[-1]] = about, key
        found = next((each for each in (key, digest_of(key, more)) if key and self.kept.reuse(each)), "")
        if found:
            for place, name in zip(self._places(found, files), files, strict=True):
                link_or_copy(place, self.spool.folder / name)
            self.keys.append(found)
        return bool(found)

    def store(self, files: Sequence[str], inputs: Iterable[Input], more: str = "") -> None:
        """Store a reading for the next run, if its `inputs` are what they were when `take` looked."""
        about, key = self._asked[files[-1]]
        if key == self._key(about, inputs):
            key = digest_of(key, more) if more else key
            places = self._places(key, files)
            for place, name in zip(places, files, strict=True):
                link_or_copy(self.spool.folder / name, place)
            self.kept.record(places, key)
            self.keys.append(key)

    def carry_over(self, keys: Iterable[str]) -> None:
        """Take over readings that this run does not look at, for the next one."""
        self.keys.extend(key for key in keys if self.kept.reuse(key))

    @cached_property
    def _settings(self) -> str:
        return settings_digest(self.cohort)

    def _key(self, about: object, inputs: Iterable[Input]) -> str:
        return digest_of("source", self._settings, repr(about), *(f"{one.name}:{one.sha256}" for one in inputs))

    def _inputs_of(self, paths: Sequence[Path], refused: Set[str]) -> list[Input]:
        """Return the files, and store their bytes as a reader does; none if one needs its reader."""
        inputs: list[Input] = []
        for path in paths:
            try:
                content = read_content(path, self.cohort.folder)
            except InputError:
                return []
            if content.sha256 in refused or memo_of(path):
                return []
            keep_bytes(content, self.folder.inputs)
            inputs.append(Input(content.name, content.sha256, len(content.data), ""))
        return inputs

    def _places(self, key: str, files: Sequence[str]) -> list[Path]:
        return [self.folder.path / "read" / f"{key}-{at}" for at in range(len(files))]


AT_ONCE = 50_000  # rows normalised at a time, to limit memory
REGISTRIES = 16  # registries per task: one alone takes less time than its task
_OWN_NUMBERS = ["id_number", "student_number"]
_MADE = {"made_at": "int64", "timed": "bool", "untimed": "bool"}  # `made_at`
UNIT = 1 << 32  # `order` of a row: unit number * UNIT + row


@dataclass(frozen=True)
class UnitRead:
    """The result of reading one unit: number of rows by part, and its entries of the summary."""

    number: int
    rows: dict[int, int]
    columns: tuple[SourceColumns, ...]
    notes: tuple[Note, ...]
    inputs: tuple[Input, ...]
    unknown: Frame
    skipped: Frame
    doubted: bool = False
    """Whether the registries decided about some of its rows."""
    reusable: bool = False
    """Whether the next run may take it over: no limit of time or memory was met, no picture is in its cells."""


@dataclass(frozen=True)
class UnitNotes:
    """What is told of one unit beside its frames; `doubted` as in `UnitRead`."""

    columns: tuple[SourceColumns, ...]
    notes: tuple[Note, ...]
    inputs: tuple[Input, ...]
    doubted: bool


SCHOOL_READ, UNIT_NOTES = TypeAdapter(SchoolRead), TypeAdapter(UnitNotes)


def registry_files(at: int) -> list[str]:
    """Return the spool's files of what was read of one registry."""
    return [f"registry/{at}", f"registry/{at}.keys", f"classes/{at}", f"read/registry-{at}.json"]


def unit_files(number: int) -> list[str]:
    """Return the spool's files of what was read of one unit. The last one is written last."""
    frames = (f"read/{number}.{name}" for name in ("rows", "changes", "skipped"))
    return [*frames, f"extras/{number}", f"read/{number}.json"]


def read_registries(spool: Spool, places: Sequence[int]) -> list[SchoolRead]:
    """Read and normalise the registries of some schools. An unreadable one has an `error`."""
    settings = spool.shared(RunSettings)
    read: dict[int, Collected] = {}
    errors: dict[int, str] = {}
    for at in places:
        try:
            read[at] = read_registry(settings.cohort.schools[at], settings.cohort, settings.keep)
        except InputError as error:
            errors[at] = str(error)
    rows = pd.DataFrame()
    if read:
        rows = pd.concat([registry.rows for registry in read.values()], ignore_index=True)
        rows = normalise_registry(rows, settings.words)
    start, schools = 0, settings.cohort.schools
    known = status_meanings(settings.cohort.rules_folder)
    told: dict[int, SchoolRead] = {at: SchoolRead(at, 0, (), (), (), (), error=error) for at, error in errors.items()}
    for at, registry in read.items():
        own = rows.iloc[start : start + len(registry.rows)].reset_index(drop=True)
        start += len(own)
        own, notes = _of_known_schools(own, schools[at].name, {school.name for school in schools})
        spool.write(f"classes/{at}", own[CLASSES].drop_duplicates())
        own, equal = merge_rows(scope_by_registry(own, known, settings.cohort.year))
        if len(equal):
            said = f"有 {len(equal)} 行与别的行完全相同，每人只算一行"
            notes.append(Note("info", str(equal["file"].iloc[0]), "", int(equal["row"].iloc[0]), said))
        spool.write(f"registry/{at}", own)
        spool.write(f"registry/{at}.keys", key_frame(own, PERSON_KEYS))
        names = tuple(str(name) for name in own["school"].unique())
        told[at] = SchoolRead(
            at,
            len(own),
            names,
            (*registry.notes, *notes),
            tuple(registry.inputs),
            registry.columns,
            years_outside(own),
            tuple(registry.skipped.itertuples(index=False, name=None)),
        )
        spool.write_json(f"read/registry-{at}.json", SCHOOL_READ, told[at])
    return [told[at] for at in places]


def _of_known_schools(rows: Frame, school: str, known: set[str]) -> tuple[Frame, list[Note]]:
    """Return rows with unknown schools replaced by the registry's own (as `cohort.toml` says), and a note on them."""
    strange = rows[~rows["school"].isin(list(known))]
    if strange.empty:
        return rows, []
    first = strange.iloc[0]
    named = f"有 {len(strange)} 行的学校（如 {mask(first['school'][:40])}）不在本届学校名单内"
    told = f"{named}，已按{school}的学籍读取，请核对"
    note = Note("warning", str(first["file"]), "", int(first["row"]), told)
    return rows.assign(school=rows["school"].mask(rows.index.isin(strange.index), school)), [note]


def no_rows() -> Frame:
    """Return submissions of the spool without rows."""
    kinds = {**dict.fromkeys(SUBMISSIONS, "str"), "row": "int64", "order": "int64", **_MADE}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})


def spool_unit(spool: Spool, number: int, unit: Unit, layout: Layout) -> UnitRead:
    """Read and normalise one unit if the spool has not got it, and write its rows, keys and changes to the spool."""
    settings = spool.shared(RunSettings)
    if not spool.has(unit_files(number)[-1]):
        _read_unit(spool, number, unit, layout)
    told = spool.read_json(f"read/{number}.json", UNIT_NOTES)
    rows, changes = (spool.read(f"read/{number}.{name}") for name in ("rows", "changes"))
    rows, changes = (each.assign(order=each["order"] + number * UNIT) for each in (rows, changes))
    people = rows.pop("person").to_numpy()
    rows = pd.concat([rows, made_at(rows, settings.latest)], axis=1)[people].reset_index(drop=True)
    photo_folder, pictures = settings.cohort.photos_folder, _picture_folder(spool, number)
    if photo_folder is not None:
        taken = photos.PhotoFolder(pictures) if pictures.is_dir() else None
        rows = pd.concat([rows, photos_of(rows, photo_folder, spool, taken)], axis=1)
    notes = (*told.notes, *_other_schools(rows, changes[changes["order"].isin(rows["order"])]))
    filled = write_by_part(spool, number, rows, changes, layout)
    unknown, skipped = unknown_columns(spool.read(f"extras/{number}")), spool.read(f"read/{number}.skipped")
    lasting = not pictures.is_dir() and all(note.level != "error" for note in notes)
    return UnitRead(number, filled, told.columns, notes, told.inputs, unknown, skipped, told.doubted, lasting)


def _read_unit(spool: Spool, number: int, unit: Unit, layout: Layout) -> None:
    """Write what one unit holds, normalised, to the spool: `unit_files`, which depend on no other unit and no clock.

    `order` counts the unit's rows. A row that is no person's stays until times are settled, which go by the row above.
    """
    settings = spool.shared(RunSettings)
    collected = collect_unit(unit, settings.cohort, settings.keep)
    read = [_normalised_rows(collected, start, settings) for start in range(0, len(collected.rows), AT_ONCE)]
    rows, changes = no_rows().drop(columns=_MADE), text_frame([*CHANGES, "order"], numbers=["order"])
    if read:
        rows, changes = (pd.concat(pieces, ignore_index=True) for pieces in zip(*read, strict=True))
    doubted = bool((collected.rows["why"] != "").any())
    collected, people = _doubt_settled(spool, layout, collected, rows)
    if settings.cohort.photos_folder is not None and collected.pictures:
        folder = _picture_folder(spool, number)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, data in collected.pictures.items():
            (folder / safe_name(name)).write_bytes(data)
    frames = (rows.assign(person=people), changes, collected.skipped, collected.extras)
    for name, frame in zip(unit_files(number), frames, strict=False):
        spool.write(name, frame)
    told = UnitNotes(collected.columns, tuple(collected.notes), tuple(collected.inputs), doubted)
    spool.write_json(f"read/{number}.json", UNIT_NOTES, told)


def unknown_columns(extras: Frame) -> Frame:
    """Return the columns of a unit that mean no field."""
    return extras[["file", "sheet", "column"]].drop_duplicates()


def _doubt_settled(spool: Spool, layout: Layout, collected: Collected, rows: Frame) -> tuple[Collected, np.ndarray]:
    """Return the input, and a mask of its rows that are people's.

    A row that resembles an example, a total or a remark is a person's if a registry has its student or ID number
    (contract, *Whose row counts*), else it is skipped.
    """
    why = collected.rows["why"].to_numpy()
    doubted = np.flatnonzero(why != "")
    people = why == ""
    if not len(doubted):
        return collected, people
    given = key_frame(rows.iloc[doubted], _OWN_NUMBERS)
    for at in (place for places in layout.schools for place in places):
        if spool.has(f"registry/{at}.keys"):
            held = spool.read(f"registry/{at}.keys", _OWN_NUMBERS)
            for name in _OWN_NUMBERS:
                people[doubted] |= known_keys(given[name].to_numpy(), held[name].to_numpy())
    return with_people(collected, people), people


def _normalised_rows(collected: Collected, start: int, settings: RunSettings) -> tuple[Frame, Frame]:
    rows = collected.rows.iloc[start : start + AT_ONCE].reset_index(drop=True)
    kept, changes = normalise(rows, settings.words, collected.school or settings.words.only_school)
    order = np.arange(start, start + len(rows), dtype=np.int64)
    return kept.assign(order=order), changes.assign(order=changes["at"] + start).drop(columns="at")


def _other_schools(rows: Frame, changes: Frame) -> list[Note]:
    """Return a note on unknown school names in rows that only one school can have."""
    other = changes[(changes["field"] == "school") & changes["why"].str.endswith(OTHER_SCHOOL)]
    if other.empty:
        return []
    first = rows[rows["order"] == other["order"].iloc[0]].iloc[0]
    named = mask(str(other["given"].iloc[0])[:40])
    message = f"有 {len(other)} 行的学校名称（如 {named}）不是本届的学校，已按 {first['school']} 读取，请核对"
    return [Note("warning", str(first["file"]), str(first["sheet"]), int(first["row"]), message)]


@lru_cache(maxsize=1)
def _shelf(folder: Path, spool: Spool) -> photos.PhotoFolder:
    """Return the listing of the photo folder, cached per run (a spool is of one run) and process."""
    return photos.PhotoFolder(folder)


def _picture_folder(spool: Spool, number: int) -> Path:
    return spool.folder / "pictures" / str(number)


def photos_of(rows: Frame, folder: Path, spool: Spool, taken: photos.PhotoFolder | None = None) -> Frame:
    """Return facts about each row's photo: a file of the folder, or the picture from the row's cell."""
    seen = photos.examine_photos(_shelf(folder, spool), rows["photo"], rows["student_number"], rows["id_number"])
    if taken is not None:
        own = rows["photo"].isin([path.name for path in taken.root.iterdir()])
        blank = pd.Series("", index=rows.index[own], dtype="str")
        seen = pd.concat([seen[~own], photos.examine_photos(taken, rows["photo"][own], blank, blank)]).reindex(
            rows.index
        )
    return seen.drop(columns="path").add_prefix("photo_")


def write_by_part(spool: Spool, number: int, rows: Frame, changes: Frame, layout: Layout) -> dict[int, int]:
    """Write a unit's rows and changes (both with `order`) to the spool by part; return the rows per part."""
    parts = pd.Series(layout.parts_of(rows["school"]), index=rows["order"])
    of_change = parts.reindex(changes["order"]).to_numpy()
    filled: dict[int, int] = {}
    for part in np.unique(parts).tolist():
        own = rows[(parts == part).to_numpy()]
        name = f"submissions/{number}-{part}"
        spool.write(f"{name}.keys", submission_keys(own).assign(order=own["order"].to_numpy()))
        spool.write(name, own)
        spool.write(f"changes/{number}-{part}", changes[of_change == part])
        filled[part] = len(own)
    return filled
