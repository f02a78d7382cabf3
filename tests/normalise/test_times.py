"""Months, moments and years in the spellings that people and spreadsheets give them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.normalise import dates

MONTHS = """
2013-09              2013-09
2013/9               2013-09
2013年09月           2013-09
2013年9月            2013-09
201309               2013-09
2013.9               2013-09
2013.10              2013-10
2013-9-1             2013-09
2013-09-01 00:00:00  2013-09
20130901             2013-09
9/2013               2013-09
Sep-13               2013-09
二〇一三年九月       2013-09
2013年十一月         2013-11
2017.1               2017.1
2013                 2013
2013-13              2013-13
九月                 九月
"""
MOMENTS = """
2016-09-19 23:52             2016-09-19 23:52
2016-09-19T23:52:07          2016-09-19 23:52:07
2016/9/20 下午3:05:12        2016-09-20 15:05:12
2016/9/20 上午12:05          2016-09-20 00:05
9/20/2016 15:05:12           2016-09-20 15:05:12
2016-09-20T10:30:00Z         2016-09-20 18:30:00
2016年9月20日 8时5分         2016-09-20 08:05
2016-9-2                     2016-09-02
2016/9/20 周二 15:05:12       2016-09-20 15:05:12
2016年9月20日（星期二）15:05   2016-09-20 15:05
2016-09-20 早上 8:05          2016-09-20 08:05
2016-09-20 中午 1:05          2016-09-20 13:05
2016-09-20 中午 11:50         2016-09-20 11:50
2016-09-20 中午 12:05         2016-09-20 12:05
2016-09-20 傍晚 6:05          2016-09-20 18:05
2016/9/20 3:05:12 下午 GMT+8  2016-09-20 15:05:12
2016/9/20 3:05:12 PM GMT+8   2016-09-20 15:05:12
2016/09/20 23:30:00 GMT-3    2016-09-21 10:30:00
2016/9/20 3:05 GMT+99        2016/9/20 3:05 GMT+99
20160920150512               2016-09-20 15:05:12
20160930250512               20160930250512
20160920                     2016-09-20
Sep 20, 2016 3:05 PM         2016-09-20 15:05
September 20, 2016           2016-09-20
20 Sep 2016 15:05            2016-09-20 15:05
Tue Sep 20 2016 15:05:12 GMT+0800 (CST)  2016-09-20 15:05:12
Abc 20, 2016 3:05 PM         Abc 20, 2016 3:05 PM
2016-09-20，15:05            2016-09-20 15:05
2016年9月20日 15:05（北京时间）  2016-09-20 15:05
2016-02-30 10:00             2016-02-30 10:00
2016-09-20 23:30-0800        2016-09-21 15:30
0016-09-20 10:00Z            0016-09-20 18:05
2016-09-20 10:00+99:00       2016-09-20 10:00+99:00
9999-12-31 23:00-08:00       9999-12-31 23:00-08:00
昨天                         昨天
"""
YEARS = """
4      4
4年    4
4.0    4
四年   4
4年制  4
2.5    2.5
两年半 2.5
四年多 四年多
"""


def _cases(text: str) -> list[tuple[str, str]]:
    lines = [line.rstrip() for line in text.strip().splitlines()]
    return [tuple(part.strip() for part in line.replace("  ", "\t").split("\t") if part.strip()) for line in lines]  # type: ignore[misc]


@pytest.mark.parametrize(("given_text", "kept"), _cases(MONTHS))
def test_month(given_text: str, kept: str):
    assert dates.month(given_text) == kept


@pytest.mark.parametrize(("given_text", "kept"), _cases(MOMENTS))
def test_moment(given_text: str, kept: str):
    assert dates.moment(given_text) == kept


@pytest.mark.parametrize("line", YEARS.strip().splitlines())
def test_study_years(line: str):
    given_text, kept = line.split()
    assert dates.study_years(given_text) == kept


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        ("41518", "2013-09"),
        ("201309", "2013-09"),
        ("2013.09", "2013-09"),
        ("2017.1", "2017.1"),
        ("2017.11", "2017-11"),
        ("20139", "20139"),
    ],
)
def test_a_numeric_cell_as_a_month(number: str, kept: str):
    assert dates.month(number) == kept


@given(st.text(max_size=20))
def test_reading_twice_changes_nothing(text: str):
    for read in (dates.month, dates.moment, dates.study_years):
        assert read(read(text)) == read(text)
