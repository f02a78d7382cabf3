"""Counting at its boundaries: invented classes on frames, held against plain pandas."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pandas as pd
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from pipeline.cohort_sections import Standing, Window
from pipeline.normalise.dates import moment
from pipeline.render.printed_headcount import headcount_lines
from pipeline.review.signatures import college_states
from pipeline.review.standing import rework_rates
from pipeline.tabulate.tabulate_stage import count_colleges, make_colleges, make_course, make_headcount
from pipeline.view.remaining_work import course_of
from tests.recount import plain

WINDOW = (date(2016, 9, 20), date(2016, 10, 31), date(2016, 11, 20))
OF_COHORT = Window(opens=WINDOW[0], closes=WINDOW[1], college_due=WINDOW[2])
SCHOOL = "甲大学"
# as people and forms write them, at both ends of the window; the last has no date
MOMENTS = (
    "2016-09-19 23:59:59", "2016-09-20", "2016-09-20 00:00", "2016-09-19T16:00:00Z", "2016-09-19T15:59:59Z",
    "2016-10-31 23:59:59", "2016-10-31T15:59:59Z", "2016-10-31T16:00:00Z", "2016-11-01 00:00:00", "2016-10-31",
    "2016-10-31T18:00:00+10:00", "2016-10-15 12:00", "不详",
)  # fmt: skip
STATES = ("missing", "correct", "awaiting", "returned", "stale", "approved")

STUDENT = st.fixed_dictionaries(
    {
        "院系": st.sampled_from("甲乙丙"),
        "专业": st.sampled_from("子丑"),
        "性别": st.sampled_from("男女"),
        "status": st.sampled_from(STATES),
        "moments": st.lists(st.sampled_from(MOMENTS), min_size=1, max_size=3),
        "first_passed": st.booleans(),
        "returned": st.booleans(),
        "certified": st.booleans(),
        "approved_on": st.sampled_from(["2016-09-01", "2016-10-10", "2016-11-02", "2017-01-01"]),
    }
)
QUICK = settings(max_examples=40, phases=(Phase.explicit, Phase.generate), deadline=None)
CLASS = st.lists(STUDENT, min_size=1, max_size=40)
ONE = {"院系": "甲", "专业": "子", "性别": "女", "status": "correct", "moments": ["2016-10-31 23:59:59"],
       "first_passed": False, "returned": True, "certified": True, "approved_on": "2016-10-10"}  # fmt: skip


def frames(students: list[dict]) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return roster, submissions and what plain pandas is given, of the same students."""
    roster, submissions, people = [], [], []
    for number, one in enumerate(students):
        missing = one["status"] == "missing"
        made = [] if missing else one["moments"]
        ids = [f"{number}-{at}" for at in range(len(made))]
        approved_on = one["approved_on"] if one["status"] == "approved" else ""
        roster.append({
            "school": SCHOOL, "college": one["院系"], "class_name": "一班", "major": one["专业"],
            "education_level": "本科", "student_number": str(number), "gender": one["性别"], "status": one["status"],
            "submission_id": ids[-1] if ids else "", "open_findings": 0, "decided_at": approved_on,
        })  # fmt: skip
        for sid, text in zip(ids, made, strict=True):
            superseded = "" if sid == ids[-1] else ids[-1]
            submissions.append({"submission_id": sid, "superseded_by": superseded, "submitted_at": moment(text)})
        at = [plain.moment(text) for text in made]
        people.append(one | {
            "学校名称": SCHOOL, "学号": str(number), "学历": "本科", "again": len(made) > 1,
            "returned": one["returned"], "certified": one["certified"] and not missing,
            "first_passed": one["first_passed"] and not missing, "approved_on": approved_on,
            "on_time": bool(at) and plain.OPENS <= at[-1][:10] <= plain.CLOSES,
            "day": min(filter(None, at), default="")[:10],
        })  # fmt: skip
    columns = ["submission_id", "superseded_by", "submitted_at"]
    texts = pd.DataFrame(roster).astype({"submission_id": "str", "decided_at": "str"})
    return texts, pd.DataFrame(submissions, columns=columns, dtype="str"), pd.DataFrame(people)


@QUICK
@given(CLASS, st.sampled_from(WINDOW))
@example([ONE], WINDOW[1])
@example([ONE | {"moments": ["2016-10-31T16:00:00Z"]}], WINDOW[1])
def test_colleges(students: list[dict], as_of: date):
    roster, submissions, people = frames(students)
    wanted = plain.colleges(people)
    found = made_colleges(roster, submissions, people, as_of)
    for own, row in zip(found.to_dict("records"), wanted.to_dict("records"), strict=True):
        assert own["college"] == row["college"] and own["days_left"] == (WINDOW[2] - as_of).days
        for name in ("registered", "submitted", "certified", "approved"):
            assert own[name] == row[name], name
        for name in ("first_pass_rate", "submitted_on_time", "rework"):
            assert own[name] == pytest.approx(float(row[name])), name
        assert abs(own["score"] - row["score"]) <= Fraction(1, 20) + Fraction(1, 10**9)
        if row["submitted"]:
            for name in ("score_low", "score_high"):
                assert own[name] == pytest.approx(row[name], abs=0.0501)
            assert own["score_low"] <= own["score"] <= own["score_high"]
        assert own["rank"] == 1 + sum(other > own["score"] for other in found["score"])


def made_colleges(roster: pd.DataFrame, submissions: pd.DataFrame, people: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Return the table of colleges as a run makes it."""
    counted = roster["submission_id"]
    handed = roster.assign(resubmitted=people["again"] & (counted != ""), returned=people["returned"])
    certified = people["certified"].to_numpy()
    certifications = pd.DataFrame(
        {"submission_id": counted[certified], "identity": "certified", "record": "certified"}, dtype="str"
    )
    failed = set(counted[~people["first_passed"].to_numpy()]) - {""}
    headcount = make_headcount(roster, certifications, roster.iloc[:0])
    times = submissions[submissions["superseded_by"] == ""].set_index("submission_id")["submitted_at"]
    counts = count_colleges(roster, headcount, times, failed, OF_COHORT, as_of)
    nothing = college_states(pd.DataFrame({"kind": []}))
    return make_colleges(counts, rework_rates(handed), nothing, Standing(), {SCHOOL: "10534"})


@QUICK
@given(CLASS)
def test_headcount_and_its_totals(students: list[dict]):
    roster, _, people = frames(students)
    certified = roster["submission_id"][people["certified"].to_numpy()]
    certifications = pd.DataFrame({"submission_id": certified, "identity": "certified", "record": "certified"})
    found = make_headcount(roster, certifications.astype("str"), roster.iloc[:0])
    wanted = plain.headcount(people)
    numbers = ["registered", "male", "female", "submitted", "certified", "awaiting", "approved", "missing", "equal"]
    assert found[numbers].values.tolist() == wanted[numbers].values.tolist()
    for college, own in wanted.groupby("院系"):
        total = headcount_lines(found[found["college"] == college])[-1]
        assert total.numbers[:-1] == tuple(own[numbers[:-1]].sum())
        assert total.equal == bool((own["approved"] == own["registered"]).all())


@QUICK
@given(CLASS, st.sampled_from([*WINDOW, date(2016, 11, 30)]))
def test_course(students: list[dict], as_of: date):
    roster, submissions, people = frames(students)
    found = course_of(make_course(roster, submissions), len(roster), as_of, OF_COHORT)
    submitted, approved = dict(found.submitted), dict(found.approved)
    assert {str(day): (submitted[day], approved[day]) for day in submitted} == plain.course(people, str(as_of))
    assert found.approved_by(as_of) == int((people["status"] == "approved").sum())
