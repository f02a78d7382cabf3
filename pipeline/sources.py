"""All that a cohort gives: submissions, registries, people. One source that fails does not stop the others."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.cohort import Cohort
from pipeline.collect import (
    Collected,
    Input,
    Note,
    Registry,
    SourceColumns,
    collect_submissions,
    read_people,
    read_registry,
)
from pipeline.collect.lacking import Lacking
from pipeline.errors import InputError
from pipeline.tables import Frame


@dataclass(frozen=True)
class Sources:
    """What was read. `unread` says for each school (by name) why its registry could not be read."""

    submissions: Collected
    registries: list[Registry]
    unread: dict[str, str]
    colleges: Frame
    counselors: Frame


@dataclass(frozen=True)
class SourcesRead:
    """What is told of all that a run read: `unknown` columns and `skipped` rows of submissions; `unread` as above.

    `columns` is what each worksheet has, `lacking` what they lack, `asked` what the office is told of both.
    """

    inputs: list[Input]
    notes: list[Note]
    unread: dict[str, str]
    unknown: Frame
    skipped: Frame
    columns: tuple[SourceColumns, ...]
    lacking: Lacking
    asked: list[dict[str, str]]

    @property
    def incomplete(self) -> bool:
        """Whether something that should have been read was not."""
        return bool(self.unread) or any(note.level == "error" for note in self.notes)


def collect_all(cohort: Cohort) -> Sources:
    """Read everything that the cohort file names at once (a run reads it unit by unit); no bytes are kept.

    Raises:
        InputError: no submission could be read, or the tables of people are unreadable.
    """
    colleges, counselors = read_people(cohort)
    registries: list[Registry] = []
    unread: dict[str, str] = {}
    for school in cohort.schools:
        try:
            registries.append(read_registry(school, cohort, None))
        except InputError as error:
            unread[school.name] = str(error)
    return Sources(collect_submissions(cohort, None), registries, unread, colleges, counselors)
