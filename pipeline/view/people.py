"""People: the students of a college, of a counselor's classes or of several colleges, and what is true of them.

Page, mail, paper and desk take every number and every list from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import pandas as pd

from pipeline.cohort_sections import Window
from pipeline.states import states
from pipeline.tables import Frame
from pipeline.view import remaining_work
from pipeline.view.chase import Chased, chase
from pipeline.view.class_course import Course, course_of
from pipeline.view.remaining_work import Duty


@dataclass(frozen=True)
class People:
    """Some students of one run.

    `findings` are theirs, `course` holds the rows of their classes of the table `course`, `extras` counts the
    submissions of people outside the roster that claim a place among them, `returned` holds the reason of each return
    by (school, student number).
    """

    roster: Frame
    findings: Frame
    course_rows: Frame
    as_of: date
    window: Window
    extras: int = 0
    returned: Mapping[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])

    @cached_property
    def statuses(self) -> dict[str, int]:
        """Students per status, every status present."""
        found = self.roster["status"].value_counts()
        return {name: int(found.get(name, 0)) for name in states()}

    @cached_property
    def counts(self) -> dict[str, int]:
        """Students per family of states, every family present."""
        return remaining_work.family_counts(self.statuses)

    @property
    def total(self) -> int:
        """How many students there are."""
        return len(self.roster)

    @property
    def left(self) -> int:
        """How many are not approved yet."""
        return self.total - self.counts["done"]

    @cached_property
    def trend(self) -> Course:
        """Submissions and approvals by day, and the days that bind."""
        return course_of(self.course_rows, self.total, self.as_of, self.window)

    @property
    def duties(self) -> list[Duty]:
        """What is left to do, by date and by who acts."""
        return remaining_work.duties(remaining_work.tasks(self.statuses, self.as_of, self.window))

    def course(self) -> Frame:
        """Return how many had submitted and were approved by the end of each `day`: `submitted`, `approved`."""
        days, submitted = zip(*self.trend.submitted, strict=True)
        approved = [number for _, number in self.trend.approved]
        return pd.DataFrame({"day": [day.isoformat() for day in days], "submitted": submitted, "approved": approved})

    def reasons(self) -> Frame:
        """Return the reasons that hold students up, the most students first (`work.reasons`)."""
        return remaining_work.open_reasons(self.roster, self.findings)

    def by_class(self) -> Frame:
        """Return the students of each class, the most left first (`work.by_group`)."""
        return remaining_work.by_group(self.roster, "school", "college", "class_name")

    def by_major(self) -> Frame:
        """Return the students of each major, the most left first (`work.by_group`)."""
        return remaining_work.by_group(self.roster, "school", "college", "major")

    @cached_property
    def chase(self) -> tuple[Chased, ...]:
        """The students who are not done, with their reasons."""
        return chase(self.roster, self.findings, self.returned)
