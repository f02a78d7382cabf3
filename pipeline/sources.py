"""All that a run reads: submissions, registries, people. One source that fails does not stop the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.cohort import Cohort
from pipeline.collect import Collected, Input, Note, Registry, collect_submissions, read_people, read_registry
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

    @property
    def notes(self) -> list[Note]:
        """Everything to tell about the inputs."""
        return [*self.submissions.notes, *(note for registry in self.registries for note in registry.notes)]

    @property
    def inputs(self) -> list[Input]:
        """Every input with its digest."""
        return [*self.submissions.inputs, *(one for registry in self.registries for one in registry.inputs)]

    @property
    def incomplete(self) -> bool:
        """Whether something that should have been read was not."""
        return bool(self.unread) or any(note.level == "error" for note in self.notes)


def collect_all(cohort: Cohort, keep: Path) -> Sources:
    """Read everything that the cohort file names; the bytes that were read are kept in `keep`.

    Raises:
        InputError: no submission could be read, or the tables of people are unreadable.
    """
    colleges, counselors = read_people(cohort)
    registries: list[Registry] = []
    unread: dict[str, str] = {}
    for school in cohort.schools:
        try:
            registries.append(read_registry(school, cohort, keep))
        except InputError as error:
            unread[school.name] = str(error)
    return Sources(collect_submissions(cohort, keep), registries, unread, colleges, counselors)
