"""What all tasks of a run share: its settings, its rules, and the grouping of its schools into parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from os.path import normpath
from pathlib import Path
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
from pipeline.knowledge.photos import merge_labels
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


@dataclass(frozen=True)
class RegistryRead:
    """The result of reading one registry. `names` are schools that its rows name; `error` is why it is unread.

    `skipped` holds the values of `SKIPPED` for each row that is no student's.
    """

    school: int
    rows: int = 0
    school_names: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    inputs: tuple[Input, ...] = ()
    columns: tuple[SourceColumns, ...] = ()
    other_years: Mapping[str, int] = field(default_factory=dict[str, int])
    skipped: tuple[tuple[str, str, int, str, str], ...] = ()
    error: str = ""


def sharing_schools(schools: Sequence[School], at: int) -> list[str]:
    """Return the other schools with the registry of `at`. Of such an export each has the rows that name it."""
    registry = normpath(schools[at].registry)
    return [other.name for other in (*schools[:at], *schools[at + 1 :]) if normpath(other.registry) == registry]


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
    """Return one part, or parts of about `ROWS` rows, each with a registry that was read.

    Schools whose registries name each other share a part.
    """
    groups = _school_groups(cohort, read)
    sizes = [part.rows for part in read if part.rows]
    average = sum(sizes) // max(len(sizes), 1)
    parts: list[list[int]] = []
    part_size = 0
    for group in groups:
        size = sum(read[at].rows or average for at in group)
        both_read = any(read[at].rows for at in group) and any(read[at].rows for part in parts[-1:] for at in part)
        if (part_size + size > PART_ROWS and both_read and not single) or not parts:
            parts.append([])
            part_size = 0
        parts[-1] += group
        part_size += size
    part_of: dict[str, int] = {}
    for number, schools in enumerate(parts):
        for at in schools:
            for name in (cohort.schools[at].name, *read[at].school_names):
                part_of[name] = number
    return Layout(tuple(tuple(sorted(places)) for places in parts), part_of)


def _school_groups(cohort: Cohort, read: Sequence[RegistryRead]) -> list[list[int]]:
    """Return groups of schools that must share a part, because their rows name each other."""
    named = [(at, name) for at, school in enumerate(cohort.schools) for name in (school.name, *read[at].school_names)]
    names = pd.DataFrame(named, columns=["school", "name"])
    group = np.arange(len(cohort.schools))
    merge_labels(group, names["school"].to_numpy(), names.groupby("name")["school"].transform("first").to_numpy())
    return [rows.tolist() for rows in pd.Series(group).groupby(group).groups.values()]
