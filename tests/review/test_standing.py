"""Standing, deadlines, chase lists."""

from datetime import date

import pandas as pd
import pytest

from pipeline.cohort import Standing, Window
from pipeline.review import standing as s
from pipeline.review.deadlines import chase_lists, deadline, late_days


def colleges(*rows):
    columns = ["college", "registered", "submitted", "first_pass_rate", "submitted_on_time", "rework"]
    return pd.DataFrame(rows, columns=columns)


def test_the_formula_is_all_there_is():
    found = s.standing(colleges(["甲", 100, 100, 0.8, 0.9, 0.1], ["乙", 100, 0, 0.0, 0.0, 0.0]), Standing())
    assert found["score"].tolist() == [85.0, 0.0]
    assert found["rank"].tolist() == [1, 2]
    assert s.formula(Standing()).startswith("得分 = 50 × 一次通过率 + 30 × 按时提交率 + 20 ×（1 − 返工率）")
    doubled = s.standing(colleges(["甲", 100, 100, 0.8, 0.9, 0.1]), Standing(first_pass=5, on_time=3, rework=2))
    assert doubled["score"].tolist() == [85.0]


def test_ties_share_a_rank_and_small_colleges_get_an_interval():
    rows = [["甲", 100, 100, 1.0, 1.0, 0.0], ["乙", 3, 3, 1.0, 1.0, 0.0], ["丙", 50, 50, 0.5, 1.0, 0.0]]
    found = s.standing(colleges(*rows), Standing())
    assert found["rank"].tolist() == [1, 1, 3]
    assert found["small"].tolist() == [False, True, False]
    assert found["score_low"][1] < found["score_low"][0] < 100.0
    assert (found["score_low"] <= found["score"]).all()
    assert (found["score_high"] >= found["score"]).all()
    assert s.standing(colleges(), Standing()).empty


def test_wilson_of_the_textbook():
    low, high = s.wilson(pd.Series([0.5, 0.0, 0.0]), pd.Series([10, 10, 0]))
    assert low.round(4).tolist() == [0.2366, 0.0, 0.0]
    assert high.round(4).tolist() == [0.7634, 0.2775, 1.0]


def test_rework_counts_a_student_once():
    rows = [("s1", True, True), ("s2", False, False), ("", False, True), ("s3", False, True), ("s4", False, False)]
    students = pd.DataFrame(rows, columns=["submission_id", "resubmitted", "returned"]).assign(
        school="甲", college="土木"
    )
    assert s.rework_rates(students)["rework"].tolist() == [0.5]


WINDOW = Window(opens=date(2016, 9, 20), closes=date(2016, 10, 31), college_due=date(2016, 11, 20))


@pytest.mark.parametrize(
    ("day", "phase", "close", "due"),
    [
        (date(2016, 9, 19), "before", 42, 62),
        (date(2016, 9, 20), "open", 41, 61),
        (date(2016, 10, 31), "open", 0, 20),
        (date(2016, 11, 1), "review", -1, 19),
        (date(2016, 11, 20), "review", -20, 0),
        (date(2016, 11, 21), "late", -21, -1),
    ],
)
def test_deadlines_are_inclusive(day, phase, close, due):
    found = deadline(WINDOW, day)
    assert (found.phase, found.days_to_close, found.days_to_due) == (phase, close, due)


def test_late_days():
    assert late_days("", date(2016, 11, 20), date(2016, 11, 20)) == 0
    assert late_days("", date(2016, 11, 20), date(2016, 11, 23)) == 3
    assert late_days("2016-11-21T08:00:00+08:00", date(2016, 11, 20), date(2017, 1, 1)) == 1


def test_chase_lists_go_by_counselor_and_class():
    rows = [
        ("3", "awaiting", "赵", "一班"),
        ("1", "approved", "赵", "一班"),
        ("2", "missing", "赵", "一班"),
        ("4", "correct", "钱", "二班"),
    ]
    roster = pd.DataFrame(rows, columns=["student_number", "status", "counselor", "class_name"], dtype="str")
    found = chase_lists(roster.assign(school="甲", college="土木"))
    assert list(zip(found["student_number"], found["list"], strict=True)) == [
        ("2", "未登记"), ("3", "待审核"), ("4", "待学生更正"),
    ]  # fmt: skip
