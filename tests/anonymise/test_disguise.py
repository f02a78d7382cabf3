"""Disguised values: other ones, with all that a rule looks at kept."""

from time import process_time

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.anonymise.disguise import Disguise
from pipeline.knowledge import identifiers
from pipeline.logs import mask
from tests.invented.numbers import check_character

DISGUISE = Disguise(7)
digits = st.text("0123456789", min_size=17, max_size=17)


def valid(number: str) -> bool:
    return bool(identifiers.IdNumbers(pd.Series([number], dtype="str")).checksum_ok.iloc[0])


@given(digits)
def test_a_right_check_character_stays_right(body: str) -> None:
    number = body + check_character(body)
    new = DISGUISE.id_number(number)
    assert new[-1] == check_character(new[:-1])
    assert new[:6] == number[:6]
    assert int(new[16]) % 2 == int(number[16]) % 2
    assert DISGUISE.prefix(number[:15]) == new[:15]


@given(digits, st.sampled_from("0123456789X"))
def test_a_wrong_check_character_stays_wrong(body: str, last: str) -> None:
    new = DISGUISE.id_number(body + last)
    assert (new[-1] == check_character(new[:-1])) == (last == check_character(body))


@given(digits, digits)
def test_different_numbers_stay_different(one: str, other: str) -> None:
    first, second = (DISGUISE.id_number(body + check_character(body)) for body in (one, other))
    assert (first == second) == (one == other)


def test_how_a_number_was_typed_is_kept() -> None:
    plain = DISGUISE.id_number("43030219950314123X")
    assert DISGUISE.id_number(" 43030219950314123x\u200b") == f" {plain[:-1]}{plain[-1].lower()}\u200b"
    phone = DISGUISE.number("phone", "13800001234")
    assert DISGUISE.number("phone", "138-0000 1234").replace("-", "").replace(" ", "") == phone
    assert DISGUISE.number("phone", "+86 13800001234") == f"+86 {phone}"
    assert phone.startswith("1380")


def test_a_name_that_differs_a_little_still_does() -> None:
    disguise = Disguise(3)
    base = disguise.name("欧阳晓明")
    near = disguise.name("欧阳晓朋", "欧阳晓明")
    assert near[:3] == base[:3]
    assert near != base
    assert disguise.name(" 欧阳晓明 ") == f" {base} "
    assert disguise.name("买买提·吐尔逊")[3] == "·"


def test_qq_and_its_mailbox_agree_still() -> None:
    assert DISGUISE.email("1234567890@qq.com") == DISGUISE.number("qq", "1234567890") + "@qq.com"
    assert DISGUISE.email("zhang.san@163.con").endswith("@163.con")


def test_a_short_address_stays_short_and_a_formula_a_formula() -> None:
    assert len(DISGUISE.address("长沙")) == 2
    assert DISGUISE.address('=HYPERLINK("http://a","b")').startswith("=")
    assert "湘潭" not in DISGUISE.address("湘潭市雨湖区解放路12号")


@given(st.sampled_from(["student_number", "exam_number", "phone", "qq"]), digits, st.integers(0, 50))
def test_no_number_stays_what_it_was(field: str, body: str, secret: int) -> None:
    disguise = Disguise(secret)
    assert disguise.number(field, body) != body
    assert disguise.id_number(body + check_character(body)) != body + check_character(body)


def test_a_name_beside_a_number_is_changed_and_a_plain_word_is_not() -> None:
    for typed in ("13800001234（金丝雀）", "金丝雀", "金丝雀13800001234"):
        new = DISGUISE.number("phone", typed)
        assert "金丝雀" not in new
        assert len(new) == len(typed)
    for word in ("无", "没有QQ", "同上", "本人电话"):
        assert DISGUISE.number("qq", word) == word
    assert "金丝雀" not in DISGUISE.id_number("金丝雀")
    assert "金丝雀" not in DISGUISE.email("金丝雀@qq.com")
    assert "13800001234" not in DISGUISE.email("a@b.cn 13800001234")
    assert "430302199503141236" not in DISGUISE.name("430302199503141236")


def test_a_person_in_another_column_is_changed() -> None:
    disguise = Disguise(5)
    disguise.add_known({"金丝雀", "王伟"}, {"1305030101", "2017"})
    for typed in (
        "金丝雀",
        "王伟",
        "土木1班金丝雀",
        "学号1305030101",
        "430302199503141236",
        "a.b@qq.com",
        "打13800001234",
    ):
        new = disguise.text(typed)
        assert new != typed
        assert not [one for one in ("金丝雀", "1305030101", "1995031412", "a.b@", "13800001234") if one in new]
    for plain in ("湖南省", "2017-06", "20120901", "土木工程2013级01班", "王伟大厦", ""):
        assert disguise.text(plain) == plain


@pytest.mark.parametrize("marks", ["a", "1", "张", "，", "a.", "@"])
def test_a_cell_without_end_takes_no_time(marks: str) -> None:
    """A search that begins anew at every letter, or compares two names letter by letter, would take minutes."""
    disguise, cell, before = Disguise(7), marks * 100_000, process_time()
    disguise.add_known({"金丝雀"}, set())
    for change in (disguise.text, disguise.name, disguise.email, disguise.id_number, disguise.address, mask):
        change(cell)
    disguise.number("student_number", cell)
    disguise.name(f"{cell}甲", cell)
    assert process_time() - before < 5
