"""Registry rows that stand twice."""

import pandas as pd
import pytest

from pipeline.match.membership import merge_rows, scope_by_registry, status_meanings, with_scope
from tests.frames import GOOD, registry

MATE = {
    "id_number": "430302199610011029",
    "student_number": "1305030102",
    "exam_number": "13430300000053",
    "name": "王琳",
}


def merged(*changes: dict[str, str]) -> pd.DataFrame:
    rows, equal = merge_rows(scope_by_registry(registry(*changes), status_meanings(), 2017))
    assert len(rows) <= len(changes) - len(equal)
    return rows


def test_equal_rows_are_one_and_the_others_are_told():
    rows, equal = merge_rows(with_scope(registry({}, MATE, {}, {})))
    assert rows["student_number"].tolist() == [GOOD["student_number"], MATE["student_number"]]
    assert equal["row"].tolist() == [4, 5]
    assert not rows["doubted"].any()
    assert (rows["differing_fields"] == "").all()


def test_rows_that_differ_in_what_is_compared_are_one_person_of_whom_that_is_not_compared():
    rows = merged({}, {"ethnicity": "苗族", "class_name": "13会计学2班"})
    assert len(rows) == 1
    assert rows["ethnicity"].item() == ""
    assert rows["class_name"].item() == GOOD["class_name"]
    assert rows["differing_fields"].item() == " ethnicity  class_name "
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


def test_of_two_people_of_one_number_the_order_says_nothing_of_who_stands_twice():
    other = {**MATE, "student_number": GOOD["student_number"]}
    for changes in (({}, other, {"ethnicity": "苗族"}), ({"enrolment_status": "休学"}, other, {})):
        rows = merged(*changes)
        assert sorted(rows["name"]) == sorted([GOOD["name"], "王琳"])
        assert rows["doubted"].all()


@pytest.mark.parametrize(
    ("statuses", "outside", "asked"),
    [
        (("注册学籍", "退学"), "", True),
        (("", "休学", "注册学籍"), "", True),
        (("在读", "注册学籍"), "", False),
        (("休学", "保留学籍"), "休学、保留学籍", False),
        (("挂起", "退学"), "", True),
        (("挂起", "注册学籍"), "", True),
        (("退学", "退学（2016-09）"), "退学", False),
    ],
)
def test_of_two_statuses_none_goes_before_by_its_place(statuses: tuple[str, ...], outside: str, asked: bool):
    """A person whom one row has in the class and another one not is asked about, and stands where that one says."""
    rows = [{"enrolment_status": status, "class_name": f"{status}班"} for status in statuses]
    for changes in (rows, rows[::-1]):
        (row,) = merged(*changes).to_dict("records")
        assert (sorted(row["outside_registry"].split("、")), row["status_unknown"]) == (
            sorted(outside.split("、")),
            asked,
        )
        assert row["class_name"] not in ("休学班", "退学班") or outside


def test_rows_without_a_name_and_an_id_number_are_nobodys_and_end_no_run():
    blank = {"name": "", "id_number": ""}
    assert len(merged(blank, {**blank, "ethnicity": "苗族"}, {})) == 3


@pytest.mark.parametrize("number", ["", "1.30503E+09"])
def test_blank_and_damaged_numbers_and_other_schools_are_not_one_number(number: str):
    other = {"school": "湖南科技大学潇湘学院"}
    blank = {"student_number": number}
    rows = merged(blank, {**blank, "ethnicity": "苗族"}, {}, {**other, "ethnicity": "苗族"})
    assert len(rows) == 4
    assert not rows["doubted"].any()
