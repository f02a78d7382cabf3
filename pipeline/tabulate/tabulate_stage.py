"""The tabulate stage: all tables of a run, with counts, standing and signature per college."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

import pandas as pd

from pipeline.cohort import Cohort
from pipeline.cohort_sections import Standing, Window
from pipeline.colleges import College
from pipeline.knowledge.text_columns import among
from pipeline.match.match_stage import Matched
from pipeline.review.decisions import Reviewed
from pipeline.review.signatures import college_states
from pipeline.review.standing import rank_of, rework_rates, standing
from pipeline.tables import COLUMNS, Frame, conform, typed
from pipeline.tabulate.headcount import KEYS, make_headcount
from pipeline.tabulate.roster import make_course, make_roster

_BESIDE = ["rework", "score_low", "score_high"]
_STANDING = ["first_pass_rate", "submitted_on_time", "score", *_BESIDE]
_COLLEGE = ["school", "college"]
_OUTSIDE = {"outside": "reason", "outside_source": "source", "outside_by": "by", "outside_at": "at"}
"""Columns of students that say why somebody does not belong to the class, and who says so, by those of `outside`."""


@dataclass(frozen=True)
class Judged:
    """Results of match and check that the counts need.

    `submissions` has `submission_id, superseded_by, submitted_at`. `extras` comes from `extra_submissions`.
    `first_failed` are ids of counting submissions whose person's first submission had errors of the student.
    """

    submissions: Frame
    certifications: Frame
    extras: Frame
    first_failed: set[str]


@dataclass(frozen=True)
class Tabulated:
    """Tables of some schools by name, and the `counts` and `rework` for the ranking of all colleges."""

    tables: dict[str, Frame]
    counts: Frame
    rework: Frame


def tabulate(cohort: Cohort, judged: Judged, reviewed: Reviewed, counselors: Frame, as_of: date) -> Tabulated:
    """Return the tables roster, headcount, course, outside, findings and registry. Days are counted to `as_of`."""
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
    students = reviewed.students[reviewed.students["outside"] == ""]
    returned = reviewed.entries[(reviewed.entries["kind"] == "decision") & (reviewed.entries["action"] == "return")]
    keys = students["school"].map(codes).fillna("").astype("str") + "/" + students["student_number"]
    again = among(students["submission_id"], submissions["superseded_by"].unique())
    return students[["school", "college", "submission_id"]].assign(
        resubmitted=again & (students["submission_id"] != ""),
        returned=among(keys, returned["school_code"] + "/" + returned["student_number"]),
    )


def extra_submissions(matched: Matched) -> Frame:
    """Return the claimed values of submissions without a registry row, of schools with a registry."""
    alone = (matched.evidence["standing_row"] < 0) & ~matched.counting["school"].isin(list(matched.unread))
    return matched.counting[alone][KEYS]


def make_colleges(counts: Frame, rework: Frame, signatures: Frame, weights: Standing, codes: dict[str, str]) -> Frame:
    """Return `colleges`. A college's standing is fixed at its acceptance; only its rank changes."""
    both = counts.merge(rework, on=_COLLEGE, how="left")
    both["rework"] = both["rework"].fillna(0.0)
    ranked = standing(both, weights)
    coded = ranked.assign(school_code=ranked["school"].map(codes).fillna("").astype("str"))
    joined = coded.merge(signatures, on=["school_code", "college"], how="left")
    text = {name: joined[name].fillna("").astype("str") for name in ("signed_at", "accepted_at", "standing")}
    return typed(_stood_still(joined.assign(**text)))[[*COLUMNS["colleges"], *_BESIDE]]


def standing_of(colleges: Frame, college: College) -> dict[str, float]:
    """Return the standing values of one college in a run's `colleges`. `accept` stores them."""
    own = college.rows_of(colleges)
    return {} if own.empty else {name: float(own[name].iloc[0]) for name in _STANDING}


def _stood_still(rows: Frame) -> Frame:
    """Replace the standing of accepted colleges by the stored one, and rank again."""
    kept = [json.loads(text) if text else {} for text in rows["standing"]]
    if not any(kept):
        return rows
    for name in _STANDING:
        own = pd.Series([one.get(name) for one in kept], index=rows.index, dtype="float64")
        rows[name] = own.fillna(rows[name].astype("float64"))
    return rows.assign(rank=rank_of(rows["score"]))


def count_colleges(
    roster: Frame,
    headcount: Frame,
    submitted_at: pd.Series,
    first_failed: set[str],
    window: Window,
    as_of: date,
) -> Frame:
    """Return `colleges` without signatures and standing. `submitted_at` is by submission id."""
    day = submitted_at.astype("str").reindex(roster["submission_id"]).fillna("").str.slice(0, 10).set_axis(roster.index)
    has = roster["submission_id"] != ""
    on_time = has & (day >= window.opens.isoformat()) & (day <= window.closes.isoformat())
    marks = pd.DataFrame(
        {
            **{key: roster[key] for key in _COLLEGE},
            "open_findings": roster["open_findings"],
            "with_submission": has,
            "first_passed": has & ~among(roster["submission_id"], first_failed),
            "on_time": on_time,
        }
    )
    added = ["registered", "submitted", "certified", "approved"]
    counts = headcount[headcount["registered"] > 0].groupby(_COLLEGE)[added].sum()
    sums = counts.join(marks.groupby(_COLLEGE).sum()).reset_index()
    return sums.assign(
        first_pass_rate=_share(sums["first_passed"], sums["with_submission"]),
        submitted_on_time=_share(sums["on_time"], sums["registered"]),
        days_left=(window.college_due - as_of).days,
    )


def _share(part: pd.Series, whole: pd.Series) -> pd.Series:
    return (part / whole.where(whole > 0, 1)).astype("float64")
