"""Keys and sounds of names."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.knowledge import names


def column(*values):
    return pd.Series(list(values), dtype="str")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("张伟", "張偉"),
        ("古丽娜尔·艾力", "古丽娜尔艾力"),
        ("John Smith", "JOHN  SMITH"),
        ("古丽娜尔•艾力", "古丽娜尔．艾力"),
    ],
)
def test_one_name_has_one_key(one, other):
    key, same = names.clean_name(column(one, other)).map(names.matching_key)
    assert key == same != ""


def test_another_name_has_another_key():
    assert len({names.matching_key(name) for name in ("张伟", "张炜", "")}) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [("单玲", "善玲"), ("仇英", "求英"), ("解勇", "谢勇"), ("查良", "扎良"), ("曾军", "增军"), ("区健", "欧健"),
     ("尉迟恭", "玉迟恭"), ("朴信", "飘信"), ("盖聪", "葛聪"), ("张伟", "章炜")],
)  # fmt: skip
def test_names_that_sound_alike_meet(one, other):
    assert names.pinyin_readings(one) & names.pinyin_readings(other)


def test_names_that_do_not_sound_alike():
    assert not names.pinyin_readings("张伟") & names.pinyin_readings("李娜")
    assert names.pinyin_readings("") == frozenset()


def test_long_names_are_bounded():
    assert 0 < len(names.pinyin_readings("阿卜杜热合曼" * 5)) <= 1024


@given(st.text(max_size=12))
def test_cleaning_twice_changes_nothing(name):
    once = names.clean_name(column(name))
    assert names.clean_name(once).tolist() == once.tolist()


@given(st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1, max_size=8))
def test_han_names_are_right_and_stay(name):
    assert names.clean_name(column(name)).tolist() == [name]
    assert names.name_ok(column(name)).all()


def test_every_lookalike_becomes_a_han_or_latin_character():
    assert all(
        ord(meant) < 0xE000 or ord(meant) > 0xF8FF for meants in names.confusables().values() for meant in meants
    )
    assert names.confusables()[0x2ED3] == "长"
    assert names.confusables()[0x2F24] == "大"
    # GBK's eighty characters of private use, every one of them
    assert all(code in names.confusables() for code in range(0xE815, 0xE865))
