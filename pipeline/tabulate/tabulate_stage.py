"""The tabulate stage: all tables of a run, with the roster, and counts, standing and signature per college."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

import pandas as pd

from pipeline.cohort import Cohort
from pipeline.cohort_sections import Standing, Window
from pipeline.colleges import College
from pipeline.knowledge.text_columns import by_distinct, is_in
from pipeline.match.match_stage import Matched
from pipeline.normalise.text_repairs import comparable
from pipeline.review.decisions import Reviewed, statuses
from pipeline.review.signatures import college_states
from pipeline.review.standing import rank_of, rework_rates, standing
from pipeline.tables import COLUMNS, Frame, conform, typed

KEYS = ["school", "college", "education_level", "major"]
CLAIMED = [*KEYS, "student_number", "name", "submission_id"]
"""The columns of submissions that `make_differences` reads."""
_DIFFERENCES = [*KEYS, "kind", "student_number", "name", "submission_id", "elsewhere"]
UNLISTED = "（名单外）"
"""The major of submissions without a registry row whose own major the registry does not know."""


def make_headcount(roster: Frame, certifications: Frame, extras: Frame) -> Frame:
    """Return `headcount`: a row per major, and `UNLISTED` per college that `extras` (no registry row) claim."""
    certified = certifications[(certifications["identity"] == "certified") & (certifications["record"] == "certified")]
    marks = pd.DataFrame(
        {
            **{key: roster[key] for key in KEYS},
            "registered": 1,
            "male": roster["gender"] == "男",
            "female": roster["gender"] == "女",
            "submitted": roster["submission_id"] != "",
            "certified": is_in(roster["submission_id"], certified["submission_id"]) & (roster["submission_id"] != ""),
            "awaiting": roster["status"] == "awaiting",
            "approved": roster["status"] == "approved",
            "missing": roster["status"] == "missing",
            "extra": 0,
        }
    )
    claimed = _claimed(extras[KEYS], roster)
    claimed = claimed.assign(**{name: 0 for name in marks.columns if name not in KEYS}).assign(extra=1)
    counted = pd.concat([marks, claimed], ignore_index=True).groupby(KEYS, sort=True, as_index=False).sum()
    # if all registered are approved, both sets are equal; an extra is in neither
    equal = (counted["approved"] == counted["registered"]) & (counted["registered"] > 0)
    return conform(counted.assign(equal=equal), "headcount")


def sum_headcounts(parts: Frame) -> Frame:
    """Return the sum of the headcounts of all parts. Several parts may count extras in the same row."""
    numbers = [name for name in COLUMNS["headcount"] if name not in KEYS]
    sums = parts.groupby(KEYS, sort=True, as_index=False)[numbers].sum()
    return conform(sums.assign(equal=sums["equal"] > 0), "headcount")


def _claimed(extras: Frame, roster: Frame) -> Frame:
    """Return `extras` with registry values only, so that no claimed text reaches a table."""
    known = [pd.MultiIndex.from_frame(extras[columns]).isin(pd.MultiIndex.from_frame(roster[columns]))
             for columns in (KEYS, KEYS[:2])]  # fmt: skip
    return extras.assign(
        school=extras["school"].where(extras["school"].isin(roster["school"].unique()), UNLISTED),
        college=extras["college"].where(known[1], UNLISTED),
        education_level=extras["education_level"].where(known[0], ""),
        major=extras["major"].where(known[0], UNLISTED),
    )


def make_differences(roster: Frame, counting: Frame) -> Frame:
    """Return a row per person by whom registered, submitted and approved differ within a major.

    `kind` is missing (registered, nothing submitted), not_approved (any other status), extra (in no registry),
    moved_out (registered here, submitted for `elsewhere`) or moved_in (the reverse). `counting` are the submissions
    that count, with the columns `CLAIMED`.
    """
    extras = counting[~is_in(counting["submission_id"], roster["submission_id"])]
    standing = roster[roster["submission_id"] != ""]
    claimed = counting.set_index("submission_id")[KEYS].reindex(standing["submission_id"]).set_axis(standing.index)
    registered = standing[KEYS]
    complete = (claimed != "").all(axis=1)
    differing = [by_distinct(claimed[key], comparable) != by_distinct(registered[key], comparable) for key in KEYS]
    moved = standing[complete & pd.concat(differing, axis=1).any(axis=1)]
    target = claimed.loc[moved.index]
    parts = [
        _rows(roster[roster["status"] == "missing"], "missing"),
        _rows(roster[~roster["status"].isin(["approved", "missing"])], "not_approved"),
        _rows(extras, "extra"),
        _rows(moved, "moved_out", elsewhere=_joined_keys(target)),
        _rows(moved.assign(**{key: target[key] for key in KEYS}), "moved_in", elsewhere=_joined_keys(moved[KEYS])),
    ]
    return pd.concat(parts, ignore_index=True).sort_values([*KEYS, "kind", "student_number"], ignore_index=True)


def _joined_keys(keys: Frame) -> pd.Series:
    return keys["school"] + " " + keys["college"] + " " + keys["education_level"] + " " + keys["major"]


def _rows(people: Frame, kind: str, elsewhere: pd.Series | None = None) -> Frame:
    columns = people[CLAIMED]
    return columns.assign(kind=kind, elsewhere="" if elsewhere is None else elsewhere)[_DIFFERENCES].astype("str")


_EXTRA_COLUMNS = ["rework", "score_low", "score_high"]
_STANDING = ["first_pass_rate", "submitted_on_time", "score", *_EXTRA_COLUMNS]
_COLLEGE = ["school", "college"]
_CLASS = ["school", "college", "class_name"]
_FROM_REGISTRY = (
    "school", "college", "class_name", "major", "education_level", "student_number", "name", "gender",
)  # fmt: skip
_OUTSIDE = {"outside": "reason", "outside_source": "source", "outside_by": "by", "outside_at": "at"}
"""Columns of students to columns of the table `outside`."""


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
    return Tabulated(tables, counts, rework_rates(_rework_rounds(judged.submissions, reviewed, _codes(cohort))))


def make_roster(registry: Frame, submissions: pd.Series, findings: Frame, decisions: Frame, counselors: Frame) -> Frame:
    """Return `roster`. `submissions` (the matched id or blank) and `decisions` are by registry index.

    `registry` are normalised rows of the cohort, `findings` have exceptions applied. `decisions` has `decision_state`
    (approved, stale, returned, blank), `decided_by`, `decided_at`. `counselors` has `school, college, class_name,
    name`.
    """
    status = statuses(registry.assign(submission_id=submissions), decisions["decision_state"], findings)
    counted = findings[~findings["excepted"] & (findings["severity"] != "info") & (findings["submission_id"] != "")]
    open_count = submissions.map(counted["submission_id"].value_counts()).fillna(0).astype("int64")
    names = counselors.drop_duplicates(_CLASS).set_index(_CLASS)["name"]
    counselor = pd.Series("", index=registry.index, dtype="str")
    if not registry.empty:  # no student and no counselor: pandas cannot join two such tables of texts
        counselor = registry[_CLASS].join(names, on=_CLASS)["name"].fillna("").astype("str")
    return conform(
        pd.DataFrame(
            {
                **{name: registry[name] for name in _FROM_REGISTRY},
                "submission_id": submissions,
                "status": status,
                # without a submission there is the one finding cohort.missing, or the registrar's
                "open_findings": open_count.where(submissions != "", 1),
                "counselor": counselor,
                "decided_by": decisions["decided_by"],
                "decided_at": decisions["decided_at"],
            }
        ),
        "roster",
    )


def make_course(roster: Frame, submissions: Frame) -> Frame:
    """Return `course`: first submissions and approvals per class and day. `day` is blank when it is unknown."""
    # the earliest time of a person's submissions, by the id of the one that counts
    counting = submissions["superseded_by"].where(submissions["superseded_by"] != "", submissions["submission_id"])
    dated = submissions["submitted_at"].where(_day(submissions["submitted_at"]) != "", "9999")
    first = roster["submission_id"].map(dated.groupby(counting).min().replace("9999", "").astype("str"))
    events = {
        "submitted": (roster["submission_id"] != "", first),
        "approved": (roster["status"] == "approved", roster["decided_at"]),
    }
    marks = [
        roster.loc[counts, _CLASS].assign(day=_day(moments[counts]), **{event: int(event == name) for event in events})
        for name, (counts, moments) in events.items()
    ]
    return conform(pd.concat(marks, ignore_index=True).groupby([*_CLASS, "day"], as_index=False).sum(), "course")


def _day(moments: pd.Series) -> pd.Series:
    days = moments.astype("str").fillna("").str.slice(0, 10)
    return days.where(days.str.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"), "")


def tabulate_colleges(cohort: Cohort, parts: list[Tabulated], entries: Frame) -> Frame:
    """Return `colleges`, ranked among all colleges of the cohort."""
    counts = pd.concat([part.counts for part in parts], ignore_index=True)
    rework = pd.concat([part.rework for part in parts], ignore_index=True)
    counts = counts.sort_values(["school", "college"], ignore_index=True)
    return make_colleges(counts, rework, college_states(entries), cohort.standing, _codes(cohort))


def _codes(cohort: Cohort) -> dict[str, str]:
    return {school.name: school.code for school in cohort.schools}


def _rework_rounds(submissions: Frame, reviewed: Reviewed, codes: dict[str, str]) -> Frame:
    students = reviewed.students[reviewed.students["outside"] == ""]
    returned = reviewed.entries[(reviewed.entries["kind"] == "decision") & (reviewed.entries["action"] == "return")]
    keys = students["school"].map(codes).fillna("").astype("str") + "/" + students["student_number"]
    resubmitted = is_in(students["submission_id"], submissions["superseded_by"].unique())
    return students[["school", "college", "submission_id"]].assign(
        resubmitted=resubmitted & (students["submission_id"] != ""),
        returned=is_in(keys, returned["school_code"] + "/" + returned["student_number"]),
    )


def extra_submissions(matched: Matched) -> Frame:
    """Return the claimed values of submissions without a registry row, of schools with a registry."""
    unregistered = (matched.evidence["roster_row"] < 0) & ~matched.counting["school"].isin(list(matched.unread))
    return matched.counting[unregistered][KEYS]


def make_colleges(counts: Frame, rework: Frame, signatures: Frame, weights: Standing, codes: dict[str, str]) -> Frame:
    """Return `colleges`. A college's standing is fixed at its acceptance; only its rank changes."""
    colleges = counts.merge(rework, on=_COLLEGE, how="left")
    colleges["rework"] = colleges["rework"].fillna(0.0)
    ranked = standing(colleges, weights)
    coded = ranked.assign(school_code=ranked["school"].map(codes).fillna("").astype("str"))
    joined = coded.merge(signatures, on=["school_code", "college"], how="left")
    text = {name: joined[name].fillna("").astype("str") for name in ("signed_at", "accepted_at", "standing")}
    return typed(_restore_accepted(joined.assign(**text)))[[*COLUMNS["colleges"], *_EXTRA_COLUMNS]]


def standing_of(colleges: Frame, college: College) -> dict[str, float]:
    """Return the standing values of one college in a run's `colleges`. `accept` stores them."""
    row = college.rows_of(colleges)
    return {} if row.empty else {name: float(row[name].iloc[0]) for name in _STANDING}


def _restore_accepted(rows: Frame) -> Frame:
    """Replace the standing of accepted colleges by the stored one, and rank again."""
    stored = [json.loads(text) if text else {} for text in rows["standing"]]
    if not any(stored):
        return rows
    for name in _STANDING:
        values = pd.Series([accepted.get(name) for accepted in stored], index=rows.index, dtype="float64")
        rows[name] = values.fillna(rows[name].astype("float64"))
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
    submitted = roster["submission_id"] != ""
    on_time = submitted & (day >= window.opens.isoformat()) & (day <= window.closes.isoformat())
    marks = pd.DataFrame(
        {
            **{key: roster[key] for key in _COLLEGE},
            "open_findings": roster["open_findings"],
            "with_submission": submitted,
            "first_passed": submitted & ~is_in(roster["submission_id"], first_failed),
            "on_time": on_time,
        }
    )
    columns = ["registered", "submitted", "certified", "approved"]
    counts = headcount[headcount["registered"] > 0].groupby(_COLLEGE)[columns].sum()
    sums = counts.join(marks.groupby(_COLLEGE).sum()).reset_index()
    return sums.assign(
        first_pass_rate=_share(sums["first_passed"], sums["with_submission"]),
        submitted_on_time=_share(sums["on_time"], sums["registered"]),
        days_left=(window.college_due - as_of).days,
    )


def _share(part: pd.Series, whole: pd.Series) -> pd.Series:
    return (part / whole.where(whole > 0, 1)).astype("float64")
