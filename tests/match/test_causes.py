"""The cause of a failed identity, as rules.csv defines each, one table row a case."""

import pandas as pd
import pytest

from pipeline.check.rules.identity_rules import cause, certified
from pipeline.match.evidence import NO_ROW, find_evidence
from pipeline.match.keys import PERSON_KEYS, candidate_pairs, key_frame
from tests.frames import GOOD, registry, submissions

MATE = {
    "id_number": "430302199610011029",
    "student_number": "1305030102",
    "exam_number": "13430300000053",
    "name": "王琳",
}
AWAY = {
    "school": "湖南科技大学潇湘学院",
    "id_number": "430304199511020029",
    "student_number": "1305030101",
    "exam_number": "13430400000099",
    "name": "李芳",
}
NOBODY = {"id_number": "110101199001011237", "student_number": "9", "exam_number": "8", "name": "查无此"}
VALID_OTHER = "430302199503141121"

CASES = {
    "all equal": ({}, ""),
    "record differs, identity does not": ({"student_number": "777", "class_name": "x"}, ""),
    "one digit of the ID mistyped": ({"id_number": "430302199503141051"}, "id_mistyped"),
    "ID blank": ({"id_number": ""}, "id_mistyped"),
    "ID damaged by a number cell": ({"id_number": "4.30302199503141E+17"}, "id_mistyped"),
    "ID damaged and numbers wrong: 15 digits, gender and name": (
        {"id_number": "4.30302199503141E+17", "student_number": "9", "exam_number": "8"},
        "id_mistyped",
    ),
    "another valid ID": ({"id_number": VALID_OTHER}, "registry_outdated"),
    "name differs": ({"name": "郑成为"}, "name_differs"),
    "name differs, numbers unknown": ({"name": "郑成为", "student_number": "9", "exam_number": ""}, "name_differs"),
    "a classmate's ID": ({"id_number": MATE["id_number"]}, "id_of_another"),
    "a classmate's ID and name, own numbers": ({"id_number": MATE["id_number"], "name": MATE["name"]}, "id_of_another"),
    "the other school": ({**AWAY, "school": "湖南科技大学"}, "wrong_school"),
    "an ID of the other school's student": ({"id_number": AWAY["id_number"]}, "id_of_another"),
    "ID and number of two people, name of neither": (
        {"id_number": MATE["id_number"], "exam_number": "", "name": "查无此"},
        "ambiguous",
    ),
    "a right ID number of a child": ({"id_number": "430302200903141046"}, "id_mistyped"),
    "nothing fits": (NOBODY, "unknown"),
    "homophone name and mistyped ID": ({"name": "郑成伟", "id_number": "430302199503141051"}, "id_mistyped"),
}


SETTLED = {
    "registry_read": True, "registry_graduation_month": "2017-06", "registry_faults": "", "school_named": True,
}  # fmt: skip
"""What check's table knows beside the evidence."""


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_cause(case: str):
    change, expected = CASES[case]
    rows = submissions(change)
    evidence = find_evidence(rows, registry({}, MATE, AWAY))
    table = pd.concat([rows, evidence], axis=1).assign(**SETTLED)
    assert cause(table).tolist() == [expected]
    assert certified(table).tolist() == [expected == ""]


ELSEWHERE = {"class_name": "13会计2班", "origin_county": "安化县"}


@pytest.mark.parametrize(
    ("change", "stands", "expected"),
    [
        # who types another's ID number under another name stands on no row, whatever else he invents
        ({**NOBODY, **ELSEWHERE, "id_number": GOOD["id_number"]}, False, "name_differs"),
        ({**NOBODY, "id_number": GOOD["id_number"], "origin_county": "安化县"}, False, "name_differs"),
        ({**NOBODY, "id_number": GOOD["id_number"], "class_name": ""}, False, "name_differs"),
        ({**NOBODY, **ELSEWHERE, "id_number": AWAY["id_number"]}, False, "name_differs"),
        ({**NOBODY, **ELSEWHERE, "id_number": MATE["id_number"], "student_number": "1305030101"}, False, "ambiguous"),
        # one who has changed his name or mistyped a number is still that person
        ({**NOBODY, "id_number": GOOD["id_number"]}, True, "name_differs"),
        ({**NOBODY, **ELSEWHERE, "id_number": GOOD["id_number"], "name": "郑成为"}, True, "name_differs"),
        ({"name": "查无此", **ELSEWHERE}, True, "name_differs"),
        ({**ELSEWHERE, "name": "查无此", "student_number": "9"}, True, "name_differs"),
        ({"name": "查无此", "student_number": "", "exam_number": "", "class_name": ""}, True, "name_differs"),
        ({**NOBODY, "id_number": MATE["id_number"], "student_number": "1305030101"}, True, "ambiguous"),
    ],
)
def test_who_knows_a_number_alone_stands_on_nobodys_row(change: dict[str, str], stands: bool, expected: str):
    rows = submissions(change)
    evidence = find_evidence(rows, registry({}, MATE, AWAY))
    assert (evidence["roster_row"].iloc[0] >= 0) == stands
    assert cause(pd.concat([rows, evidence], axis=1).assign(**SETTLED)).tolist() == [expected]


@pytest.mark.parametrize(
    ("other", "row"),
    [
        ("430302199503141051", 0),  # one slip
        ("430302199503142051", 0),  # two slips
        ("430302199503242051", NO_ROW),  # three
        ("430302199608082021", 1),  # nearer to the namesake's
    ],
)
def test_of_namesakes_the_nearest_id_number_is_meant(other: str, row: int):
    alone = {"id_number": other, "student_number": "", "exam_number": ""}
    namesake = {**MATE, "name": GOOD["name"], "id_number": "430302199608082028"}
    evidence = find_evidence(submissions(alone), registry({}, namesake))
    assert evidence["similar_row"].tolist() == [row]


def test_score_is_100_for_an_exact_row_only():
    rows = submissions({}, {"student_number": "1305030191"}, NOBODY)
    scores = find_evidence(rows, registry({}, MATE))["score"].tolist()
    assert scores[0] == 100
    assert 0 < scores[1] < 100
    assert scores[2] == 0


def test_a_number_of_a_whole_school_is_nobodys():
    """无 for an exam number: every row that gave it would meet every student, and each would be a stranger's."""
    class_of_sixty = [
        {**MATE, "id_number": f"{n:018d}", "student_number": str(n), "exam_number": "无"} for n in range(60)
    ]
    held = registry({"exam_number": "无"}, *class_of_sixty)
    rows = submissions({"exam_number": "无", "name": "查无此"}, *({"exam_number": "无"} for _ in range(60)))
    assert len(candidate_pairs(key_frame(rows, PERSON_KEYS), key_frame(held, PERSON_KEYS))) == len(rows)
    table = pd.concat([rows, find_evidence(rows, held)], axis=1).assign(**SETTLED)
    assert cause(table).tolist() == ["name_differs"] + [""] * 60


@pytest.mark.parametrize("own", [{"exam_number": "7"}, {}])  # {}: who changed his major kept his exam number
def test_a_registry_that_holds_one_person_twice_is_settled_by_the_number(own: dict[str, str]):
    rows, held = submissions({}, {"id_number": ""}), registry({}, {"student_number": "1305030199", **own})
    evidence = find_evidence(rows, held)
    assert evidence["id_name_row"].tolist() == [0, -1]
    assert evidence["numbers_row"].tolist()[1] == 0
    table = pd.concat([rows, evidence], axis=1).assign(**SETTLED)
    assert cause(table).tolist() == ["", "id_mistyped"]


def test_a_registry_that_holds_one_person_twice_with_all_numbers_is_ambiguous():
    evidence = find_evidence(submissions({}), registry({}, {}))
    table = pd.concat([submissions({}), evidence], axis=1).assign(**SETTLED)
    assert cause(table).tolist() == ["ambiguous"]


def test_an_unread_registry_is_never_unknown():
    rows = submissions(GOOD)
    table = pd.concat([rows, find_evidence(rows, registry())], axis=1).assign(**{**SETTLED, "registry_read": False})
    assert cause(table).tolist() == ["not_checked"]
