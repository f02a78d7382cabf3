"""Inputs of all tasks besides frames. They are written to the spool once and read by each process once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Self

from pipeline.check.rule import Facts, Rule
from pipeline.cohort import Cohort
from pipeline.collect.missing_fields import Lacking
from pipeline.colleges import College, only_colleges
from pipeline.normalise.vocabulary import Vocabulary
from pipeline.scale.spool import Spool
from pipeline.tables import Frame


@dataclass(frozen=True)
class RunSettings:
    """A run's settings. `keep` is the folder of input copies, `latest` is of `latest_moment`."""

    cohort: Cohort
    words: Vocabulary
    keep: Path
    counselors: Frame
    as_of: date
    chosen: tuple[College, ...]
    rules: tuple[str, ...]
    latest: datetime

    def counselors_of(self, students: Frame) -> Frame:
        """Return the counselors of these students' schools only."""
        return self.counselors[self.counselors["school"].isin(students["school"].unique())]

    @property
    def all_asked(self) -> bool:
        """Whether all rows of all tables are requested."""
        return not self.chosen and not self.rules

    def asked(self, tables: dict[str, Frame]) -> dict[str, Frame]:
        """Return the tables with the requested colleges' rows and the tried rules' findings."""
        kept = only_colleges(tables, self.chosen)
        if not self.rules:
            return kept
        tried = {name: kept[name][kept[name]["rule"].isin(self.rules)] for name in ("findings", "registry_findings")}
        return {**kept, **{name: frame.reset_index(drop=True) for name, frame in tried.items()}}

    @classmethod
    def of(cls, spool: Spool) -> Self:
        """Return the run's settings."""
        return spool.read_object(cls.__name__)


@dataclass(frozen=True)
class Judging:
    """The rules with their facts, unread registries (school to reason), and missing columns."""

    rules: list[Rule]
    facts: Facts
    unread: dict[str, str]
    lacking: Lacking

    @classmethod
    def of(cls, spool: Spool) -> Self:
        """Return the run's rules."""
        return spool.read_object(cls.__name__)
