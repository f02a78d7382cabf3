"""The tabulate stage: every table of a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from pipeline.cohort import Cohort
from pipeline.knowledge.text_columns import among
from pipeline.match.match_stage import Matched
from pipeline.review.review_stage import Reviewed
from pipeline.review.signatures import college_states
from pipeline.review.standing import returned_students, rework_rates
from pipeline.tables import Frame, conform
from pipeline.tabulate.college_table import count_colleges, make_colleges
from pipeline.tabulate.headcount import KEYS, make_headcount
from pipeline.tabulate.roster import make_course, make_roster

_OUTSIDE = {"outside": "reason", "outside_source": "source", "outside_by": "by", "outside_at": "at"}
"""Columns of students that say why somebody does not belong to the class, and who says so, by those of `outside`."""


@dataclass(frozen=True)
class Judged:
    """What match and check left for counting.

    `submissions`: `submission_id, superseded_by, submitted_at` of the table. `certifications`: the table. `extras`: of
    `extra_submissions`. `first_failed`: ids of counting submissions whose person's first one the student had to mend.
    """

    submissions: Frame
    certifications: Frame
    extras: Frame
    first_failed: set[str]


@dataclass(frozen=True)
class Tabulated:
    """Tables of some schools, by name, and what the colleges' standing among all needs: `counts`, `rework`."""

    tables: dict[str, Frame]
    counts: Frame
    rework: Frame

    def for_ranking(self) -> Tabulated:
        """Return what the ranking among all colleges needs, without the tables."""
        return Tabulated({}, self.counts, self.rework)


def tabulate(cohort: Cohort, judged: Judged, reviewed: Reviewed, counselors: Frame, as_of: date) -> Tabulated:
    """Return `roster`, `headcount`, `course`, `outside`, `findings` and `registry` (normalised rows with their digest).

    `counselors` are `school, college, class_name, name, email`; days are counted for `as_of`.
    """
    belongs = reviewed.students["outside"] == ""
    students = reviewed.students[belongs]
    decisions = reviewed.decisions[belongs]
    roster = make_roster(students, students["submission_id"], reviewed.findings, decisions, counselors)
    headcount = make_headcount(roster, judged.certifications, judged.extras)
    counting = judged.submissions[judged.submissions["superseded_by"] == ""]
    submitted_at = counting.set_index("submission_id")["submitted_at"]
    counts = count_colleges(roster, headcount, submitted_at, judged.first_failed, cohort.window, as_of)
    tables = {
        "findings": reviewed.findings,
        "roster": roster,
        "headcount": headcount,
        "course": make_course(roster, judged.submissions),
        "outside": conform(reviewed.students[~belongs].rename(columns=_OUTSIDE), "outside"),
        "registry": reviewed.students.drop(columns="submission_id").reset_index(drop=True),
    }
    return Tabulated(tables, counts, rework_rates(_rounds(judged.submissions, reviewed, _codes(cohort))))


def tabulate_colleges(cohort: Cohort, parts: list[Tabulated], entries: Frame) -> Frame:
    """Return `colleges`, ranked among all colleges of the cohort."""
    counts = pd.concat([part.counts for part in parts], ignore_index=True)
    rework = pd.concat([part.rework for part in parts], ignore_index=True)
    counts = counts.sort_values(["school", "college"], ignore_index=True)
    return make_colleges(counts, rework, college_states(entries), cohort.standing, _codes(cohort))


def _codes(cohort: Cohort) -> dict[str, str]:
    return {school.name: school.code for school in cohort.schools}


def _rounds(submissions: Frame, reviewed: Reviewed, codes: dict[str, str]) -> Frame:
    """Return per student whether they handed in again, and whether they were ever returned."""
    students = reviewed.students[reviewed.students["outside"] == ""]
    returned = returned_students(reviewed.entries)
    keys = students["school"].map(codes).fillna("").astype("str") + "/" + students["student_number"]
    again = among(students["submission_id"], submissions["superseded_by"].unique())
    return students[["school", "college", "submission_id"]].assign(
        resubmitted=again & (students["submission_id"] != ""),
        returned=among(keys, returned["school_code"] + "/" + returned["student_number"]),
    )


def extra_submissions(matched: Matched) -> Frame:
    """Return the submissions without a registry row, where the registry could be read, with what they claim."""
    alone = (matched.evidence["standing_row"] < 0) & ~matched.counting["school"].isin(list(matched.unread))
    return matched.counting[alone][KEYS]
