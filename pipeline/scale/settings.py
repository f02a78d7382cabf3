"""What every task needs beside its frames; written into the spool once, read by each process once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Self

from pipeline.check.facts import Facts
from pipeline.check.suites import Rule
from pipeline.cohort import Cohort
from pipeline.colleges import College
from pipeline.normalise.vocabulary import Vocabulary
from pipeline.scale.spool import Spool
from pipeline.tables import Frame


@dataclass(frozen=True)
class Settings:
    """The cohort, its vocabulary and people, the day, where the bytes read are kept, the colleges asked for."""

    cohort: Cohort
    words: Vocabulary
    keep: Path
    counselors: Frame
    as_of: date
    chosen: tuple[College, ...]
    tried: tuple[str, ...] = ()
    """The rules that are tried (`--rule`): findings of these alone are kept."""

    @classmethod
    def of(cls, spool: Spool) -> Self:
        """Return the run's."""
        return spool.read_object(cls.__name__)


@dataclass(frozen=True)
class Judging:
    """The rules and the facts they know; the schools whose registry could not be read, with the reason."""

    rules: list[Rule]
    facts: Facts
    unread: dict[str, str]

    @classmethod
    def of(cls, spool: Spool) -> Self:
        """Return the run's."""
        return spool.read_object(cls.__name__)
