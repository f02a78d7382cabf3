"""Which college a text means."""

from types import SimpleNamespace

import pandas as pd
import pytest

from pipeline.colleges import find_college
from pipeline.errors import UsageError

SCHOOLS = {"甲大学": "10534", "乙大学": "12649"}
COHORT = SimpleNamespace(
    schools=[SimpleNamespace(name=name, code=code) for name, code in SCHOOLS.items()],
    school_of_code=lambda code: next((school for school in COHORT.schools if school.code == code), None),
)


def found(text, *rows):
    return str(find_college(text, COHORT, pd.DataFrame(rows, columns=["school", "college", "aliases"], dtype="str")))


def test_a_college_on_two_rows_is_one():
    rows = [("甲大学", "土木学院", ""), ("甲大学", "土木学院", "建工系")]
    assert found("土木学院", *rows) == found("建工系", *rows) == "10534/土木学院"


def test_one_name_in_two_schools_lists_both():
    rows = [("甲大学", "土木学院", ""), ("乙大学", "土木学院", ""), ("乙大学", "土木学院", "")]
    with pytest.raises(UsageError, match="有 2 个院系叫") as told:
        found("土木学院", *rows)
    assert "10534/土木学院、12649/土木学院" in str(told.value)
    assert found("12649/土木学院", *rows) == "12649/土木学院"


def test_a_table_without_colleges_says_so():
    with pytest.raises(UsageError, match="院系表里还没有院系"):
        found("土木学院")
