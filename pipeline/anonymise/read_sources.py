"""All that a cohort gives at once: a run reads it unit by unit, through the same readers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from pipeline.cohort import Cohort
from pipeline.collect import (
    Collected,
    Registry,
    collect_unit,
    read_people,
    read_registry,
    refuse_nothing,
    submission_units,
    together,
)
from pipeline.collect.skipping import with_people
from pipeline.errors import InputError
from pipeline.tables import Frame


@dataclass(frozen=True)
class Sources:
    """What was read; a registry that cannot be read is left out."""

    submissions: Collected
    registries: list[Registry]
    colleges: Frame
    counselors: Frame

    @classmethod
    def of(cls, cohort: Cohort) -> Sources:
        """Read everything that the cohort file names; no bytes are kept.

        Raises:
            InputError: no submission could be read, or the tables of people are unreadable.
        """
        colleges, counselors = read_people(cohort)
        submissions = together([collect_unit(unit, cohort, None) for unit in submission_units(cohort)])
        refuse_nothing(submissions.columns, submissions.notes)
        submissions = with_people(submissions, (submissions.rows["why"] == "").to_numpy())
        registries: list[Registry] = []
        for school in cohort.schools:
            with suppress(InputError):
                registries.append(read_registry(school, cohort, None))
        return cls(submissions, registries, colleges, counselors)
