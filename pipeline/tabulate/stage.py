"""The tabulate stage: every table of a run."""

from __future__ import annotations

from datetime import date

from pipeline.check.stage import Checked
from pipeline.cohort import Cohort
from pipeline.match.matched import Matched
from pipeline.review.signing import college_states
from pipeline.review.stage import Reviewed
from pipeline.review.standing import returned_students, rework_rates
from pipeline.tables import Frame, conform
from pipeline.tabulate.colleges import count_colleges, make_colleges
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
    counts = count_colleges(roster, headcount, submitted_at, checked.first_failed, window, as_of)
    codes = {school.name: school.code for school in cohort.schools}
    rework = rework_rates(_rounds(matched, reviewed, codes))
    colleges = make_colleges(counts, rework, college_states(reviewed.entries), cohort.standing, codes)
    return {
        "submissions": conform(matched.submissions, "submissions"),
        "findings": reviewed.findings,
        "certifications": checked.certifications,
        "roster": roster,
        "headcount": headcount,
        "colleges": colleges,
        "registry_findings": checked.registry_findings,
        "registry": students.drop(columns="submission_id").reset_index(drop=True),
    }


def _rounds(matched: Matched, reviewed: Reviewed, codes: dict[str, str]) -> Frame:
    """Return per student whether they handed in again, and whether they were ever returned."""
    students = reviewed.students
    again = set(matched.submissions["superseded_by"])
    returned = returned_students(reviewed.entries)
    back = set(zip(returned["school_code"], returned["student_number"], strict=True))
    keys = zip(students["school"].map(codes), students["student_number"], strict=True)
    return students[["school", "college", "submission_id"]].assign(
        resubmitted=students["submission_id"].isin(list(again)) & (students["submission_id"] != ""),
        returned=[key in back for key in keys],
    )


def extra_submissions(matched: Matched) -> Frame:
    """Return the submissions without a registry row, where the registry could be read, with what they claim."""
    alone = (matched.evidence["standing_row"] < 0) & ~matched.counting["school"].isin(list(matched.unread))
    return matched.counting[alone][KEYS]
