"""Times of submissions as forms and people write them, and which row of a person counts by them."""

# ruff: noqa: E501 - tables of values
from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.adversary.bench import Case, Person, Want, each, right


def _time(p: Person, value: Any) -> Want:
    p.form["submitted_at"] = value
    return right()


def _late(p: Person, value: Any) -> Want:
    p.form["submitted_at"] = value
    return right("submitted_at.window")


def _unreadable(p: Person, value: Any) -> Want:
    p.form["submitted_at"] = value
    return right("submitted_at.unreadable")


def _twice(p: Person, value: tuple[Any, Any, bool]) -> Want:
    """Two rows of one certified person; the first is wrong in the study years. `True`: the second counts."""
    first, second, last = value
    again = dict(p.form, submitted_at=second)
    p.form.update(submitted_at=first, study_years="3" if last else p.form["study_years"])
    if not last:
        again["study_years"] = "3"
    p.forms.append(again)
    unread = {"submitted_at.unreadable"} if _odd(second if last else first) else set[str]()
    return Want("awaiting", frozenset(unread))


def _odd(value: Any) -> bool:
    return isinstance(value, str) and (not value or not value[:4].isdigit() or value[:4] > "2017")


def _thrice(p: Person, times: tuple[str, str, str]) -> Want:
    """The latest of three counts, wherever it stands."""
    rows = [dict(p.form, submitted_at=when, study_years="4" if when == max(times) else "3") for when in times]
    p.form, p.forms = rows[0], [*rows[1:], *p.forms]
    return right()


CASES: list[Case] = [
    *each("time", [
        "2016-10-05 09:30", "2016/10/5 9:30", "2016年10月5日 9:30", "2016年10月5日9时30分", "2016-10-05T09:30:00", "2016-10-05T09:30:00+08:00",
        "2016-10-05T01:30:00Z", "2016-10-05", "2016.10.5", "20161005093000", "2016/10/05 下午 3:20:11", "2016-10-5 上午9:05", 42648.396, "42648.396",
        datetime(2016, 10, 5, 9, 30), "2016-10-05 09:30:00.000", "10/5/2016 9:30:00", "2016/10/05 3:20:11 下午 GMT+8", "２０１６－１０－０５　０９：３０",
        "2016-10-05 星期三 09:30", "2016-10-05 09:30:15", " 2016-10-05 09:30 ", "2016年10月05日", "2016-10-05 9：30", "20161005", "2016-10-05 (周三) 09:30",
        "Oct 5, 2016 9:30 AM", "10/5/2016 9:30 PM", "5 Oct 2016 09:30", "2016-10-05，09:30", "2016年10月5日 09:30:21（北京时间）", "2016-10-05 09点30分",
        "Wed Oct 05 2016 09:30:00 GMT+0800", "2016-10-05_09:30", "2016-10-05 09:30 AM",
    ], _time),
    *each("window", ["2016-09-19 23:59", "2016-11-01 00:00", "2015-10-05 09:00", "2016-11-01 18:00", "2016/9/1", "1999-10-01 10:00"], _late),
    *each("edge", ["2016-09-20 00:00", "2016-10-31 23:59:59", "2016-10-31"], _time),
    *each("unreadable", [
        "2099-01-01 00:00", "昨天", "国庆节", "", "2016-13-05", "2016-02-30 10:00", "0000-00-00", "无", "十月", "2061-10-05 09:30", "9999-12-31", "-", "NULL",
        "2116-10-05 09:30", "25:99", "2016", "上周三", "#########", "2027-01-05 10:00",
    ], _unreadable),
    *each("twice", [
        ("2016-10-01 08:00", "2016-10-02 08:00", True), ("2016-10-02 08:00", "2016-10-01 08:00", False), ("2016-10-02", "2016-10-02", True),
        ("2016-10-02 08:00", "昨天", True), ("2016-10-02 08:00", "", True), ("2016-10-02 08:00", "2099-01-01", True),
        ("2016/10/9 9:00", "2016/10/10 9:00", True), ("2016-10-02 08:00:01", "2016-10-02 08:00:02", True), ("2016-10-02 08:00:02", "2016-10-02 08:00:01", False),
        ("2016-10-02 晚上 8:00", "2016-10-02 09:00", False), ("2016-10-02 8:05", "2016-10-02 10:05", True), ("", "", True), ("昨天", "前天", True),
    ], _twice),
    *each("thrice", [("2016-10-01 08:00", "2016-10-20 08:00", "2016-10-10 08:00"), ("2016-10-30 08:00", "2016-10-20 08:00", "2016-10-10 08:00"),
                     ("2016-10-01 08:00", "2016-10-02 08:00", "2016-10-03 08:00")], _thrice),
]  # fmt: skip
