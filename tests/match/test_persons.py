"""Which submissions are of one person: a later one supersedes, a classmate is never erased."""

import pandas as pd
import pytest

from tests.frames import GOOD, registry, submissions
from tests.matching import supersede

OTHER = {
    "id_number": "430302199610011029",
    "student_number": "1305030102",
    "exam_number": "13430300000053",
    "name": "郑诚伟",
}


def _superseded(rows: pd.DataFrame, held: pd.DataFrame) -> list[str]:
    named = rows.assign(submission_id=[f"s{n}" for n in range(len(rows))])
    return supersede(named, held)["superseded_by"].tolist()


LATER = {"submitted_at": "2016-10-05 08:00"}
CASES = {
    "same person again": ([{}, LATER], ["s1", ""]),
    "the later time counts, not the later row": ([LATER, {}], ["", "s0"]),
    "same minute: the later row": ([{}, {}], ["s1", ""]),
    "a time that cannot be read comes before one that can": ([{"submitted_at": "昨天"}, {}], ["s1", ""]),
    "of two that cannot be read the later row": ([{"submitted_at": "昨天"}, {"submitted_at": "今天"}], ["s1", ""]),
    "number corrected": ([{"student_number": "1"}, LATER], ["s1", ""]),
    "ID corrected": ([{"id_number": "430302199503141033"}, LATER], ["s1", ""]),
    "name corrected": ([{"name": "郑成伟"}, LATER], ["s1", ""]),
    "wrong school, then the right one": ([{"school": "湖南科技大学潇湘学院"}, LATER], ["s1", ""]),
    "a namesake with the same number typed by mistake": ([{}, {**OTHER, "student_number": "1305030101"}], ["", ""]),
    "a namesake who gave the other's ID number": ([{}, {**OTHER, "id_number": GOOD["id_number"]}], ["", ""]),
    "a classmate's student number": ([{}, {**OTHER, "name": "王琳", "student_number": "1305030101"}], ["", ""]),
    "a chain of three": (
        [{"student_number": "1"}, {"submitted_at": "2016-10-03 08:00"}, {**LATER, "id_number": ""}],
        ["s2", "s2", ""],
    ),
}


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_superseding(case: str):
    changes, expected = CASES[case]
    assert _superseded(submissions(*changes), registry({}, OTHER)) == expected


def test_damaged_numbers_join_nobody():
    rows = submissions(
        {"id_number": "4.30302E+17", "student_number": "1"}, {"id_number": "4.30302E+17", "student_number": "2"}
    )
    assert _superseded(rows, registry({}, OTHER)) == ["", ""]
