"""Standing of the colleges: its formula, ties, small colleges."""

import pandas as pd

from pipeline.cohort_sections import Standing
from pipeline.review import standing as s


def colleges(*rows):
    columns = ["college", "registered", "submitted", "first_pass_rate", "submitted_on_time", "rework"]
    return pd.DataFrame(rows, columns=columns)


def test_the_formula_is_all_there_is():
    found = s.standing(colleges(["甲", 100, 100, 0.8, 0.9, 0.1], ["乙", 100, 0, 0.0, 0.0, 0.0]), Standing())
    assert found["score"].tolist() == [85.0, 0.0]
    assert found["rank"].tolist() == [1, 2]
    assert s.formula_text(Standing()).startswith("得分 = 50 × 一次通过率 + 30 × 按时提交率 + 20 ×（1 − 返工率）")
    doubled = s.standing(colleges(["甲", 100, 100, 0.8, 0.9, 0.1]), Standing(first_pass=5, on_time=3, rework=2))
    assert doubled["score"].tolist() == [85.0]


def test_ties_share_a_rank_and_small_colleges_get_an_interval():
    rows = [["甲", 100, 100, 1.0, 1.0, 0.0], ["乙", 3, 3, 1.0, 1.0, 0.0], ["丙", 50, 50, 0.5, 1.0, 0.0]]
    found = s.standing(colleges(*rows), Standing())
    assert found["rank"].tolist() == [1, 1, 3]
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
