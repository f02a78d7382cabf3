"""The tabulate stage: every table of a run."""

from __future__ import annotations

from datetime import date

import pandas as pd

from pipeline.check.stage import Checked
from pipeline.cohort import Cohort
from pipeline.match.matched import Matched
from pipeline.review.stage import Reviewed
from pipeline.tables import Frame, conform
from pipeline.tabulate.colleges import count_colleges
from pipeline.tabulate.headcount import KEYS, make_headcount
from pipeline.tabulate.roster import make_roster


def tabulate(
    cohort: Cohort, matched: Matched, checked: Checked, reviewed: Reviewed, counselors: Frame, as_of: date
) -> dict[str, Frame]:
    """Return the contract's tables and `registry` (normalised rows with their digest), by name.

    Args:
        cohort: its window.
        matched: submissions and registry.
        checked: findings and certifications.
        reviewed: students with decisions.
        counselors: `school, college, class_name, name, email`.
        as_of: the day for which days are counted.
    """
    students = reviewed.students
    roster = make_roster(students, students["submission_id"], reviewed.findings, reviewed.decisions, counselors)
    headcount = make_headcount(roster, checked.certifications, extra_submissions(matched))
    window = (cohort.window.opens, cohort.window.closes, cohort.window.college_due)
    submitted_at = matched.counting.set_index("submission_id")["submitted_at"]
    colleges = count_colleges(roster, headcount, submitted_at, checked.first_failed, window, as_of)
    return {
        "submissions": conform(matched.submissions, "submissions"),
        "findings": reviewed.findings,
        "certifications": checked.certifications,
        "roster": roster,
        "headcount": headcount,
        "colleges": colleges,
        "registry": students.drop(columns="submission_id").reset_index(drop=True),
    }


def extra_submissions(matched: Matched) -> Frame:
    """Return the submissions without a registry row, where the registry could be read, with what they claim."""
    alone = (matched.evidence["standing_row"] < 0) & ~matched.counting["school"].isin(list(matched.unread))
    return matched.counting[alone][KEYS]


def change_requests(reviewed: Reviewed) -> pd.Series:
    """Return the students (by index) who submitted anew after their approval."""
    return reviewed.decisions["change_request"]
