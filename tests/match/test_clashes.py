"""What two students gave alike is the fault of the one who does not own it by the registry."""

import pandas as pd
import pytest

from pipeline.check.logic import LOGIC
from tests.frames import GOOD, registry, submissions
from tests.matching import match, registries_of
from tests.spec.judge import LATEST, facts

MATE = {
    "id_number": "430302199610011029",
    "student_number": "1305030102",
    "exam_number": "13430300000053",
    "name": "王琳",
    "phone": "13812345678",
    "qq": "23456789",
    "email": "w@qq.com",
}
STRANGER = {**MATE, "id_number": "110101199001011237", "student_number": "9", "exam_number": "8", "name": "查无此"}
HELD = ({}, {name: MATE[name] for name in ("id_number", "student_number", "exam_number", "name")})


def marks(*changes: dict[str, str], photos: list[str] | None = None) -> pd.DataFrame:
    rows = submissions(*changes).assign(superseded_by="")
    rows["submission_id"] = [f"s{n}" for n in range(len(rows))]
    if photos is not None:
        photo = {"found": True, "readable": True, "bytes": 1, "width": 1, "height": 1, "sha256": photos, "phash": ""}
        rows = rows.assign(**{f"photo_{name}": value for name, value in photo.items()})
    matched = match(rows, registries_of(registry(*HELD)), LATEST)
    return matched.marks if matched.photos is None else matched.photos


NUMBERS = ["student_number", "exam_number", "id_number"]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("thief", [MATE, STRANGER], ids=["mate", "stranger"])
def test_who_owns_a_number_is_only_told(name: str, thief: dict[str, str]):
    told = marks({}, {**thief, name: GOOD[name]})
    assert told[f"{name}_clash"].tolist() == [True, True]
    assert told[f"{name}_clash_owned"].tolist() == [True, False]


@pytest.mark.parametrize("name", NUMBERS)
def test_the_owner_is_told_mildly(name: str):
    broken = LOGIC[f"expect_{name}_unique"](marks({}, {**MATE, name: GOOD[name]}), facts(), name)
    assert broken.rows.tolist() == [True, True]
    assert broken.severity is not None
    assert broken.severity.tolist() == ["info", ""]


@pytest.mark.parametrize("name", ["student_number", "exam_number"])
def test_who_registered_with_the_wrong_school_owns_his_numbers(name: str):
    there = {"school": "湖南科技大学潇湘学院"}
    assert marks(there, {**STRANGER, **there, name: GOOD[name]})[f"{name}_clash_owned"].tolist() == [True, False]


def test_a_number_that_is_neither_ones_is_the_fault_of_both():
    told = marks({"student_number": "77"}, {**MATE, "student_number": "77"})
    assert told["student_number_clash"].all()
    assert not told["student_number_clash_owned"].any()


@pytest.mark.parametrize("name", ["student_number", "exam_number"])
def test_a_number_without_its_last_digits_is_nobodys(name: str):
    damaged = {name: "1.34303E+13"}
    assert not marks(damaged, {**MATE, **damaged})[f"{name}_clash"].any()


@pytest.mark.parametrize("name", ["phone", "qq", "email"])
def test_contacts_belong_to_the_one_who_alone_is_certified(name: str):
    told = marks({}, {**STRANGER, name: GOOD[name]})
    assert told[f"{name}_shared_owned"].tolist() == [True, False]
    both = marks({}, {**MATE, name: GOOD[name]})
    assert both[f"{name}_shared"].tolist() == [True, True]
    assert both[f"{name}_shared_owned"].tolist() == [False, False]


def test_a_picture_named_by_a_number_is_the_numbers_owners():
    told = marks({"photo": f"{GOOD['student_number']}.jpg"}, {**MATE, "photo": "1305030101.JPG"}, photos=["a", "a"])
    assert told["shared"].tolist() == [True, True]
    assert told["shared_owned"].tolist() == [True, False]


def test_a_picture_with_a_name_of_its_own_is_the_certified_ones():
    told = marks({"photo": "me.jpg"}, {**STRANGER, "photo": "me.jpg"}, photos=["a", "a"])
    assert told["shared_owned"].tolist() == [True, False]


def test_others_are_not_marked():
    assert not marks({}, MATE).drop(columns=["later_id", "later_cause", "contacts_changed"]).to_numpy().any()
