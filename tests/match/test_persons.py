"""Which submissions are of one person: a later one supersedes, a classmate is never erased."""

import pandas as pd
import pytest

from tests.frames import GOOD, registry, submissions
from tests.matching import match, registries_of
from tests.spec.judge import LATEST

OTHER = {
    "id_number": "430302199610011029",
    "student_number": "1305030102",
    "exam_number": "13430300000053",
    "name": "郑诚伟",
}
NUMBERS = {name: OTHER[name] for name in ("student_number", "exam_number")}


def matched_of(rows: pd.DataFrame, *held: dict[str, str], withdrawn=()):
    named = rows.assign(submission_id=[f"s{n}" for n in range(len(rows))], superseded_by="")
    return match(named, registries_of(registry(*held)), LATEST, withdrawn)


def superseded(*changes: dict[str, str], held=({}, OTHER)) -> list[str]:
    return matched_of(submissions(*changes), *held).submissions["superseded_by"].tolist()


LATER = {"submitted_at": "2016-10-05 08:00"}
EARLIER = {"submitted_at": "2016-09-25 08:00"}
STRANGER = {"id_number": "110101199001011237", "exam_number": "", "college": "", "major": ""}
CASES = {
    "same person again": ([{}, LATER], ["s1", ""]),
    "the later time counts, not the later row": ([LATER, {}], ["", "s0"]),
    "same minute: the later row": ([{}, {}], ["s1", ""]),
    "number corrected": ([{"student_number": "1"}, LATER], ["s1", ""]),
    "ID corrected": ([{"id_number": "430302199503141033"}, LATER], ["s1", ""]),
    "name corrected": ([{"name": "郑成伟"}, LATER], ["s1", ""]),
    "wrong school, then the right one": ([{"school": "湖南科技大学潇湘学院"}, LATER], ["s1", ""]),
    "right school, then the wrong one: not certified": ([{}, {"school": "湖南科技大学潇湘学院", **LATER}], ["", "s0"]),
    "a namesake with the same number typed by mistake": ([{}, {**OTHER, "student_number": "1305030101"}], ["", ""]),
    "a namesake who gave the other's ID number": ([{}, {**OTHER, "id_number": GOOD["id_number"]}], ["", ""]),
    "a namesake with the other's two numbers": ([{}, {**LATER, **NUMBERS}, OTHER], ["", "", ""]),
    "a classmate's student number": ([{}, {**OTHER, "name": "王琳", "student_number": "1305030101"}], ["", ""]),
    "all numbers another's, the name this one's typed number's": (
        [{"student_number": OTHER["student_number"]}, {**OTHER, **LATER, "id_number": ""}],
        ["", ""],
    ),
    "a chain of three: the certified one counts": (
        [{"student_number": "1"}, {"submitted_at": "2016-10-03 08:00"}, {**LATER, "id_number": ""}],
        ["s1", "", "s1"],
    ),
    "a chain of three strangers to the registry": (
        [{**STRANGER, "student_number": "1"}, STRANGER, {**STRANGER, **LATER, "id_number": "110101199001011253"}],
        ["s2", "s2", ""],
    ),
    "name and number of a certified student, dated 2099": (
        [{}, {**STRANGER, "submitted_at": "2099-01-01 08:00"}],
        ["", "s0"],
    ),
    "of two that are not certified the later": ([STRANGER, {**STRANGER, **LATER}], ["s1", ""]),
    "the correction after a stranger's row": ([STRANGER, {}, LATER], ["s2", "s2", ""]),
}


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_superseding(case: str):
    changes, expected = CASES[case]
    assert superseded(*changes) == expected


TIMES = {
    "no time: just after the row above": (["2016-10-01 09:00", "", "2016-10-01 08:00"], "s1"),
    "no time above: before all others": (["", "2016-10-01 09:00", "2016-10-01 08:00"], "s1"),
    "a word for a time": (["2016-10-01 09:00", "国庆", "2016-10-01 08:00"], "s1"),
    "no such day": (["2016-10-01 09:00", "2016-13-45", "2016-10-01 08:00"], "s1"),
    "the future orders nothing": (["2017-10-01 09:00", "2016-10-01 09:00", "2016-10-01 08:00"], "s1"),
    "after every row of the person above it": (["2016-10-03 09:00", "2016-10-01 09:00", ""], "s2"),
    "a later time below still counts": (["2016-10-01 09:00", "", "2016-10-01 10:00"], "s2"),
    "none has a time: the last row": (["", "", ""], "s2"),
    "a date without a time of day": (["2016-10-02", "2016-10-01 23:59", "2016-10-01"], "s0"),
}


@pytest.mark.parametrize("case", TIMES, ids=list(TIMES))
def test_times(case: str):
    times, counts = TIMES[case]
    rows = submissions(*({"submitted_at": time} for time in times))
    expected = ["" if f"s{n}" == counts else counts for n in range(len(times))]
    assert matched_of(rows, {}).submissions["superseded_by"].tolist() == expected


def test_the_row_above_may_be_anothers():
    rows = submissions({}, {**OTHER, "name": "王琳", "submitted_at": "2016-10-09 10:00"}, {"submitted_at": ""}, LATER)
    assert matched_of(rows, {}, {**OTHER, "name": "王琳"}).submissions["superseded_by"].tolist() == ["s2", "", "", "s2"]


def test_the_row_above_is_one_of_the_same_sheet():
    rows = submissions({}, LATER, {"submitted_at": ""}).assign(sheet=["一", "一", "二"])
    assert matched_of(rows, {}).submissions["superseded_by"].tolist() == ["s1", "", "s1"]


def test_a_time_that_is_none_is_told_but_not_where_no_row_has_one():
    rows = submissions({}, {"submitted_at": ""}, {"submitted_at": "2099-01-01"}, {"submitted_at": ""})
    rows = rows.assign(sheet=["一", "一", "二", "三"], student_number=["1", "2", "3", "4"], id_number="", name="王琳")
    assert matched_of(rows, {}).marks["untimed"].tolist() == [False, True, True, False]


def test_a_later_row_that_was_not_taken_is_told_with_the_one_that_counts():
    rows = submissions({}, {**STRANGER, **LATER}, {**STRANGER, **EARLIER})
    matched = matched_of(rows, {})
    assert matched.marks["later_id"].tolist() == ["s1"]
    assert matched.later["submission_id"].tolist() == ["s1"]


def test_a_withdrawn_row_counts_nowhere():
    matched = matched_of(submissions({}, {**STRANGER, **LATER}), {}, withdrawn={"s1"})
    assert matched.submissions["superseded_by"].tolist() == ["", "withdrawn"]
    assert matched.marks["later_id"].tolist() == [""]


CONTACTS = {
    "one contact": ({"phone": "13812345678"}, ""),
    "two contacts": ({"phone": "13812345678", "home_address": "别处"}, "个人联系电话、家庭地址"),
    "letters in another case": ({"email": "1105417280@QQ.com", "phone": "13812345678"}, ""),
    "taken away": ({"email": "", "phone": ""}, "个人联系电话、电子邮箱"),
}


@pytest.mark.parametrize("case", CONTACTS, ids=list(CONTACTS))
def test_changed_contacts(case: str):
    change, told = CONTACTS[case]
    assert matched_of(submissions({}, {**LATER, **change}), {}).marks["contacts_changed"].tolist() == [told]


def test_contacts_of_one_who_was_never_certified_are_nobodys():
    change = {"phone": "13812345678", "qq": "23456789"}
    assert matched_of(submissions({**STRANGER}, {**LATER, **change}), {}).marks["contacts_changed"].tolist() == [""]


def test_damaged_numbers_join_nobody():
    rows = ({"id_number": "4.30302E+17", "student_number": "1"}, {"id_number": "4.30302E+17", "student_number": "2"})
    assert superseded(*rows) == ["", ""]


def test_a_namesake_with_the_others_numbers_stands_on_his_own_row():
    """Whose ID number and name are a registry row's is that person, where the other row has its own certified one."""
    torn = {**OTHER, **LATER, "student_number": GOOD["student_number"], "exam_number": GOOD["exam_number"]}
    matched = matched_of(submissions({}, torn), {}, OTHER)
    assert matched.evidence["roster_row"].tolist() == [0, 1]
    alone = matched_of(submissions(torn), {}, OTHER)
    assert alone.evidence["roster_row"].tolist() == [0]
