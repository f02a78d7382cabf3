"""Registry rows that stand twice."""

import pandas as pd
import pytest

from pipeline.match.membership import merge_rows
from tests.frames import GOOD, registry

MATE = {
    "id_number": "430302199610011029",
    "student_number": "1305030102",
    "exam_number": "13430300000053",
    "name": "王琳",
}


def merged(*changes: dict[str, str]) -> pd.DataFrame:
    rows, equal = merge_rows(registry(*changes))
    assert len(rows) <= len(changes) - len(equal)
    return rows


def test_equal_rows_are_one_and_the_others_are_told():
    rows, equal = merge_rows(registry({}, MATE, {}, {}))
    assert rows["student_number"].tolist() == [GOOD["student_number"], MATE["student_number"]]
    assert equal["row"].tolist() == [4, 5]
    assert not rows["doubted"].any()
    assert (rows["differs"] == "").all()


def test_rows_that_differ_in_what_is_compared_are_one_person_of_whom_that_is_not_compared():
    rows = merged({}, {"ethnicity": "苗族", "class_name": "13会计学2班"})
    assert len(rows) == 1
    assert rows["ethnicity"].item() == ""
    assert rows["class_name"].item() == GOOD["class_name"]
    assert rows["differs"].item() == " ethnicity  class_name "
    assert not rows["doubted"].item()


def test_one_person_whose_id_number_or_name_is_in_doubt():
    for change in ({"name": "郑成伟"}, {"id_number": "430302199503141033"}):
        rows = merged({}, change)
        assert len(rows) == 1
        assert rows["doubted"].item()


def test_two_people_of_one_number_both_stand_in_doubt():
    rows = merged({}, {**MATE, "student_number": GOOD["student_number"]}, MATE)
    assert rows["name"].tolist() == [GOOD["name"], "王琳", "王琳"]
    assert rows["doubted"].tolist() == [True, True, False]


def test_two_people_of_whom_one_stands_twice():
    rows = merged({}, {**MATE, "student_number": GOOD["student_number"]}, {"ethnicity": "苗族"})
    assert rows["name"].tolist() == [GOOD["name"], "王琳"]
    assert rows["doubted"].all()


@pytest.mark.parametrize("number", ["", "1.30503E+09"])
def test_blank_and_damaged_numbers_and_other_schools_are_not_one_number(number: str):
    other = {"school": "湖南科技大学潇湘学院"}
    blank = {"student_number": number}
    rows = merged(blank, {**blank, "ethnicity": "苗族"}, {}, {**other, "ethnicity": "苗族"})
    assert len(rows) == 4
    assert not rows["doubted"].any()
