"""What the match stage hands on."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipeline.match.clashes import CLASHES, OWNED
from pipeline.tables import Frame

MARKS: dict[str, bool | str] = {
    **dict.fromkeys([*CLASHES, *OWNED[: len(CLASHES)], "untimed"], False),
    **dict.fromkeys(["later_id", "later_cause", "contacts_changed"], ""),
}
"""What may be known of a submission beside its evidence, with what stands where nothing is: values that are shared
(`clashes`), a time that is none (`times`), other submissions of the same person (`resubmitted`)."""


@dataclass(frozen=True)
class Matched:
    """What check starts from: submissions, those that count with their evidence, and the registry.

    Where schools are worked on apart, `registry` ends with guests: the few rows of schools elsewhere that a submission
    here may be. They can be matched, but are nobody's students here: `students` are the first `own` rows.
    """

    submissions: Frame
    counting: Frame
    evidence: Frame
    registry: Frame
    own: int
    classes: Frame
    """`school, class_name, college, major` as the registries have them, of every school that matters here."""
    marks: Frame
    """What else is known of the counting submissions: the columns `MARKS`."""
    unread: dict[str, str]
    """School name to the reason why its registry could not be read."""
    photos: Frame | None
    """`stage.PHOTOS` of the counting submissions; None where no photos are collected."""
    made_at: pd.Series
    """When each submission counts as made (`times.made_at`)."""
    later: Frame
    """Submissions made after the one that counts, whose identity is certified while theirs is not."""
    changes: Frame
    """What the registry completed (`fill_from_registry`)."""

    @property
    def students(self) -> Frame:
        """The registry's students of the schools that are worked on."""
        return self.registry.iloc[: self.own]

    def students_with(self, standing: pd.Series) -> Frame:
        """Return the students with the id of the submission that stands on each, blank where none does.

        Args:
            standing: by registry position, the index of the submission that stands there (`standing_submissions`).
        """
        ids = pd.Series("", index=self.students.index, dtype="str")
        ids.iloc[standing.index.to_numpy()] = self.counting["submission_id"].loc[standing.to_numpy()].to_numpy()
        return self.students.assign(submission_id=ids)
