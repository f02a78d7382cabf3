"""The review stage: what the ledger's decisions and exceptions mean for today's data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from pipeline.match.matched import Matched
from pipeline.review.decisions import decision_states, registry_digest, standing_decisions
from pipeline.review.exceptions import apply_exceptions, standing_exceptions
from pipeline.tables import Frame


@dataclass(frozen=True)
class Reviewed:
    """Today's students with their decisions.

    `students`: the registry rows with `registry_digest` and `submission_id` (of the submission that stands on each,
    or blank). `decisions`: by the same index, the columns of `decision_states`. `findings`: exceptions applied.
    `entries`: the ledger's.
    """

    students: Frame
    decisions: Frame
    findings: Frame
    entries: Frame


def review(matched: Matched, findings: Frame, standing: pd.Series, entries: Frame, as_of: date) -> Reviewed:
    """Apply the ledger's entries to today's findings and students.

    Args:
        matched: submissions and registry.
        findings: the check's findings.
        standing: by registry position, the index of the submission that stands there.
        entries: of the ledger.
        as_of: the day for which exceptions are judged.
    """
    registry = matched.registry
    submission = pd.Series("", index=registry.index, dtype="str")
    submission.iloc[standing.index.to_numpy()] = matched.counting["submission_id"].loc[standing.to_numpy()].to_numpy()
    students = registry.assign(submission_id=submission, registry_digest=registry_digest(registry))
    present = matched.submissions[matched.submissions["superseded_by"] != "withdrawn"]
    decisions = decision_states(
        students, present["submission_id"], standing_decisions(entries), submissions=present
    )
    return Reviewed(students, decisions, apply_exceptions(findings, standing_exceptions(entries), as_of), entries)
