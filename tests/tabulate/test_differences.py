"""Who makes the sets differ, by name: missing, extra, moved."""

import pandas as pd

from pipeline.tabulate.tabulate_stage import make_differences
from tests.frames import submissions


def _roster(*rows: dict[str, str]) -> pd.DataFrame:
    base = {"school": "湖南科技大学", "college": "商学院", "education_level": "本科", "major": "会计学"}
    return pd.DataFrame([base | row for row in rows], dtype="str")


def test_people_by_whom_sets_differ():
    counted = submissions({}, {"major": "法学", "college": "法学院"}, {"name": "查无此", "student_number": "9"})
    counted = counted.assign(submission_id=["a", "b", "x"])
    roster = _roster(
        {"student_number": "1", "name": "甲", "submission_id": "a", "status": "approved"},
        {"student_number": "2", "name": "乙", "submission_id": "b", "status": "correct"},
        {"student_number": "3", "name": "丙", "submission_id": "", "status": "missing"},
    )
    table = make_differences(roster, counted)
    told = {(row.kind, row.student_number, row.major) for row in table.itertuples()}
    assert told == {
        ("missing", "3", "会计学"),
        ("not_approved", "2", "会计学"),
        ("extra", "9", "会计学"),
        ("moved_out", "2", "会计学"),
        ("moved_in", "2", "法学"),
    }
    moved = table[table["kind"] == "moved_in"].iloc[0]
    assert moved["elsewhere"] == "湖南科技大学 商学院 本科 会计学"
