"""What a run says of colleges and people, held against plain pandas on the raw files and the ledger."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline.cohort import load_cohort
from pipeline.office.desk_cohort import Listing
from pipeline.render.frames import column_text
from pipeline.review.decision_rows import listed_students
from pipeline.review.ledger import open_ledger
from pipeline.review.review_snapshot import build_snapshot, load_tables
from pipeline.student_facts import student_facts_of
from pipeline.tables import STATUSES, read_table
from pipeline.view.remaining_work import course_of
from pipeline.view.run_tables import load_run
from tests.conftest import Once
from tests.recount import plain
from tests.recount.season import KINDS, Season, make_season

BOTH = pytest.mark.parametrize("day", [0, 1])


@pytest.fixture(scope="session")
def season(once: Once) -> Season:
    return once("recount", make_season)


@BOTH
def test_states(season: Season, day: int):
    found = read_table(season.days[day].run, "roster").set_index(["school", "student_number"])["status"]
    wanted = season.people(day).set_index(["学校名称", "学号"])["status"]
    assert found.sort_index().to_dict() == wanted.sort_index().to_dict()
    if day:
        assert set(wanted) == {"missing", "correct", "awaiting", "returned", "approved", "stale"}


@BOTH
def test_colleges(season: Season, day: int):
    found = read_table(season.days[day].run, "colleges").set_index(["school", "college"])
    wanted = plain.colleges(season.people(day)).set_index(["school", "college"])
    assert set(found.index) == set(wanted.index) and len(found) > 1
    shares = column_text(found["rework"]).to_dict()  # as tables.xlsx shows them
    for place, row in wanted.to_dict("index").items():
        own = found.loc[[place]].iloc[0]
        for name in ("registered", "submitted", "certified", "approved", "rank"):
            assert own[name] == row[name], (place, name)
        for name in ("first_pass_rate", "submitted_on_time", "rework"):
            assert own[name] == pytest.approx(float(row[name]), abs=5e-5), (place, name)
        for name in ("score", "score_low", "score_high"):
            assert own[name] == pytest.approx(float(row[name]), abs=0.05 + 1e-9), (place, name)
        assert shares[place] == f"{float(row['rework']):.1%}"
        assert own["days_left"] == (pd.Timestamp("2016-11-20") - pd.Timestamp(season.days[day].as_of)).days


@BOTH
def test_headcount(season: Season, day: int):
    keys = ["school", "college", "education_level", "major"]
    found = read_table(season.days[day].run, "headcount").set_index(keys)
    wanted = plain.headcount(season.people(day)).rename(
        columns=dict(zip(["学校名称", "院系", "学历", "专业"], keys, strict=True))
    )
    pd.testing.assert_frame_equal(
        found.drop(columns="extra").sort_index(), wanted.set_index(keys).sort_index()[found.columns.drop("extra")],
        check_dtype=False,
    )  # fmt: skip
    assert found["extra"].sum() == 1


@BOTH
def test_course(season: Season, day: int):
    run, as_of = load_run(season.days[day].run), season.days[day].as_of
    people = season.people(day)
    found = course_of(run.table("course"), len(people), as_of, run.window)
    submitted, approved = dict(found.submitted), dict(found.approved)
    assert {str(one): (submitted[one], approved[one]) for one in submitted} == plain.course(people, str(as_of))


def test_desk_list_and_explain(season: Season):
    """What is asked live says the same: how many in each state, and each student's own."""
    cohort, people = load_cohort(season.cohort), season.people(1)
    with open_ledger(cohort) as ledger:
        entries = ledger.entries()
    tables = load_tables(cohort, season.days[1].run)
    desk = build_snapshot(tables, entries, season.days[1].as_of)
    for status, number in people["status"].value_counts().items():
        assert len(Listing(desk, status=STATUSES[status]).matching()) == number
        assert len(listed_students(desk, None, str(status))) == number
    for status, own in people.groupby("status"):
        code, number = season.codes[own["学校名称"].iloc[0]], own["学号"].iloc[0]
        facts = student_facts_of(tables, season.days[1].run, entries, f"{code}/{number}", season.days[1].as_of)
        assert facts["student"]["status"] == status


def test_every_kind_of_student_is_there(season: Season):
    assert len(season.people(1)) >= 4 * len(KINDS)
