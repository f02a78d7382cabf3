"""What all tasks of a run share: its settings, its rules, and the grouping of its schools into parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.check.rule import Facts, Rule
from pipeline.cohort import Cohort
from pipeline.cohort_sections import School
from pipeline.collect.collected import Input, Note
from pipeline.collect.missing_fields import MissingFields
from pipeline.collect.source_columns import SourceColumns
from pipeline.colleges import College, only_colleges
from pipeline.normalise.normalise_rows import Vocabulary
from pipeline.tables import Frame

PART_ROWS = 40_000
"""Registry rows of a part, where there are several parts: its frames fill some 0.5 GB while rules are judged."""


@dataclass(frozen=True)
class RunSettings:
    """A run's settings. `keep` is the folder of input copies, `latest` is of `latest_moment`."""

    cohort: Cohort
    words: Vocabulary
    input_copies: Path
    counselors: Frame
    as_of: date
    chosen: tuple[College, ...]
    rules: tuple[str, ...]
    latest: datetime

    @property
    def all_requested(self) -> bool:
        """Whether all rows of all tables are requested."""
        return not self.chosen and not self.rules

    def requested(self, tables: dict[str, Frame]) -> dict[str, Frame]:
        """Return the tables with the requested colleges' rows and the tried rules' findings."""
        rows = only_colleges(tables, self.chosen)
        if not self.rules:
            return rows
        tried = {name: rows[name][rows[name]["rule"].isin(self.rules)] for name in ("findings", "registry_findings")}
        return {**rows, **{name: frame.reset_index(drop=True) for name, frame in tried.items()}}


@dataclass(frozen=True)
class CheckInputs:
    """The rules with their facts, unread registries (school to reason), and missing columns."""

    rules: list[Rule]
    facts: Facts
    unread: dict[str, str]
    missing: MissingFields


@dataclass(frozen=True)
class Part:
    """A group of schools (indexes in the cohort file), and the units with rows of theirs."""

    number: int
    schools: tuple[int, ...]
    units: tuple[int, ...]

    def name(self, table: str) -> str:
        """Return the spool name of this part's piece of a table."""
        return f"parts/{table}-{self.number}"

    def unit_frames(self, kind: str) -> list[str]:
        """Return the spool names of what its units have for it: submissions or changes."""
        return [f"{kind}/{unit}-{self.number}" for unit in self.units]


class UnownedRows(NamedTuple):
    """Rows of one file of a registry that name another `school`, or none of the cohort's (""), as `written`."""

    school: str
    file: str
    written: str
    first: int
    rows: int


@dataclass(frozen=True)
class RegistryRead:
    """The result of reading one registry. `error` is why it is unread. `skipped` are `SKIPPED` of no student's rows."""

    school: int
    rows: int = 0
    unowned: tuple[UnownedRows, ...] = ()
    notes: tuple[Note, ...] = ()
    inputs: tuple[Input, ...] = ()
    columns: tuple[SourceColumns, ...] = ()
    other_years: Mapping[str, int] = field(default_factory=dict[str, int])
    skipped: tuple[tuple[str, str, int, str, str], ...] = ()
    error: str = ""


def resolve_shared(read: Sequence[RegistryRead], schools: Sequence[School]) -> list[RegistryRead]:
    """Return the readings, with an error where several schools share a file and its rows name none of them.

    A row that names another school is that one's. This is noted where the other school does not read the file, too.
    """
    readers: defaultdict[str, list[str]] = defaultdict(list)
    for one in read:
        for sha256 in {each.sha256 for each in one.inputs}:
            readers[sha256].append(schools[one.school].name)
    return [_resolve_shared(one, schools[one.school].name, readers) for one in read]


def _resolve_shared(read: RegistryRead, school: str, readers: Mapping[str, list[str]]) -> RegistryRead:
    digests = {each.name: each.sha256 for each in read.inputs}
    notes = list(read.notes)
    for named, file, written, row, count in read.unowned:
        sharing, what = readers[digests[file]], f"有 {count} 行的学校（如 {written}）不在本届学校名单内"
        if not named and len(sharing) > 1:
            where = f"{file} {what if written else f'有 {count} 行没有写明学校'}（从第 {row} 行起）"
            error = f"{where}，而{'、'.join(sharing)}共用它，分不清是谁的。请补上学校名称；另有写法的，请写进 aliases"
            return RegistryRead(read.school, error=error)
        if not named and written:
            notes.append(Note("warning", file, "", row, f"{what}，已按{school}的学籍读取，请核对"))
        if named and named not in sharing:
            message = f"有 {count} 行写的是{named}的学生，没有按{school}读取，以{named}自己的学籍库为准，请核对"
            notes.append(Note("warning", file, "", row, message))
    return replace(read, notes=tuple(notes))


@dataclass(frozen=True)
class Layout:
    """The parts. `schools` are indexes in the cohort file by part; `part_of` maps school names."""

    schools: tuple[tuple[int, ...], ...]
    part_of: dict[str, int]

    def parts_of(self, names: pd.Series) -> npt.NDArray[np.int32]:
        """Return the part of each row by its school's name. Rows of unknown schools are spread."""
        count = len(self.schools)
        known = {str(name): self.part_of.get(str(name), crc32(str(name).encode()) % count) for name in names.unique()}
        return names.map(known).to_numpy().astype(np.int32)


def group_schools(cohort: Cohort, read: Sequence[RegistryRead], *, single: bool) -> Layout:
    """Return one part, or parts of about `ROWS` rows, each with a registry that was read."""
    sizes = [part.rows for part in read if part.rows]
    average = sum(sizes) // max(len(sizes), 1)
    parts: list[list[int]] = []
    part_size = 0
    for at, registry in enumerate(read):
        size = registry.rows or average
        both_read = registry.rows and any(read[other].rows for part in parts[-1:] for other in part)
        if (part_size + size > PART_ROWS and both_read and not single) or not parts:
            parts.append([])
            part_size = 0
        parts[-1].append(at)
        part_size += size
    part_of = {cohort.schools[at].name: number for number, schools in enumerate(parts) for at in schools}
    return Layout(tuple(map(tuple, parts)), part_of)
