"""What the students typed: a submission for each registered person, with the spellings that are right all the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache

import numpy as np
import pyarrow as pa

from pipeline import fields
from tests.invented import numbers, places
from tests.invented.arrow import Table
from tests.invented.arrow import compute as pc
from tests.invented.kinds import Kind
from tests.invented.numbers import Column, Ints
from tests.invented.people import School

Change = Callable[[Column], Column]

_OWN_PHONES = ["130", "131", "132", "135", "136", "138", "150", "151", "173", "186"]
_FAMILY_PHONES = ["133", "134", "139", "153", "159", "177", "182", "183", "185", "189"]
_MILLION = 1_000_000
_QQ = (1_000_000_000, 2_899_999_999)  # ten digits
_POLITICAL = {"共青团员": 70, "中共党员": 8, "中共预备党员": 9, "群众": 8, "团员": 3, "党员": 2}
_EXAM = {"城镇应届": 40, "农村应届": 45, "城镇往届": 5, "农村往届": 7, "城市应届": 3}
_LANGUAGE = {"英语": 93, "日语": 3, "俄语": 2, "英文": 2}
_HARDSHIP = {"非困难生": 70, "家庭困难": 14, "就业困难": 3, "残疾": 1, "无": 6, "家庭经济困难": 4, "": 2}
_LEVEL_WORDS = ("大学本科", "硕士", "博士")
_ROADS = ["建设路", "人民路", "解放路", "中山路", "朝阳街", "文化路", "和平街", "新华路", "环城路", "桃花村"]
_SELDOM = 0.03


def make_forms(school: School, kind: Kind, rng: np.random.Generator) -> Table:
    """Return one submission a person, every field of the form as text, in the form's order."""
    given = {name: school.registry[name].combine_chunks() for name in school.registry.column_names}
    given |= _contacts(school, rng) | _answers(len(school.index), rng)
    given["submitted_at"] = submitted_at(kind.opens, min(kind.closes, kind.as_of), len(school.index), rng)
    given["photo"] = pc.binary_join_element_wise(given["student_number"], ".jpg", "")
    spelt = _spell(given, school, rng)
    return pa.table({name: spelt[name] for name in fields.names()})


def submitted_at(first: date, last: date, rows: int, rng: np.random.Generator) -> Column:
    """Return moments from 07:00 to 23:59 of the days from `first` to `last`, as YYYY-MM-DD HH:MM."""
    day = np.datetime64(first) + rng.integers(0, (last - first).days + 1, rows)
    month = day.astype("datetime64[M]")
    months = month.astype(np.int64)
    minute = rng.integers(7 * 60, 24 * 60, rows)
    dash, colon, space = (numbers.fixed(mark, rows) for mark in "-: ")
    matrix = numbers.beside(
        numbers.digits(months // 12 + 1970, 4), dash, numbers.digits(months % 12 + 1, 2), dash,
        numbers.digits((day - month).astype(np.int64) + 1, 2), space,
        numbers.digits(minute // 60, 2), colon, numbers.digits(minute % 60, 2),
    )  # fmt: skip
    return numbers.text(matrix)


def mobiles(index: Ints, prefixes: list[str]) -> Column:
    """Return an invented mobile number for each index, no two alike: from the lowest blocks behind a prefix."""
    block = 2 * _MILLION
    slot = numbers.scatter(index, len(prefixes) * block, 17)
    rest = numbers.text(numbers.digits(slot % block, 8))
    return pc.binary_join_element_wise(numbers.chosen(prefixes, slot // block), rest, "")


def qq_numbers(index: Ints) -> Column:
    """Return an invented QQ number of ten digits for each index."""
    return numbers.text(numbers.digits(_QQ[0] + numbers.scatter(index, _QQ[1] - _QQ[0], 29), 10))


def _contacts(school: School, rng: np.random.Generator) -> dict[str, Column]:
    rows = len(school.index)
    qq = qq_numbers(school.index)
    mail = pc.binary_join_element_wise("s", school.registry["student_number"].combine_chunks(), "@example.edu.cn", "")
    landline = numbers.text(numbers.beside(numbers.fixed("0731-8", rows), numbers.digits(school.index, 7)))
    home = {name.replace("origin", "home"): school.registry[name].combine_chunks() for name in _ORIGIN}
    return {
        "qq": qq,
        "email": pc.if_else(pa.array(rng.random(rows) < 0.9), pc.binary_join_element_wise(qq, "@qq.com", ""), mail),
        "phone": mobiles(school.index, _OWN_PHONES),
        "family_phone": pc.if_else(pa.array(rng.random(rows) < 0.8), mobiles(school.index, _FAMILY_PHONES), landline),
        "postcode": pc.binary_join_element_wise(
            numbers.chosen(_postcode_heads(), school.place_at),
            numbers.text(numbers.digits(rng.integers(0, 10_000, rows), 4)),
            "",
        ),
        **home,
        "home_address": pc.binary_join_element_wise(
            home["home_county"], numbers.chosen(_streets(), rng.integers(0, len(_streets()), rows)), ""
        ),
    }


@cache
def _postcode_heads() -> Column:
    return numbers.column([places.POSTCODES[place.province] for place in places.places()])


@cache
def _streets() -> Column:
    ways = [(road, number) for road in _ROADS for number in range(1, 400)]
    return numbers.column([f"{road}{n}号{1 + n % 8}单元{100 * (1 + n % 6) + 1}室" for road, n in ways])


_ORIGIN = ("origin_province", "origin_city", "origin_county")


def _answers(rows: int, rng: np.random.Generator) -> dict[str, Column]:
    tables = {
        "political_status": _POLITICAL,
        "exam_category": _EXAM,
        "foreign_language": _LANGUAGE,
        "hardship_category": _HARDSHIP,
    }
    return {
        field: numbers.chosen(list(table), numbers.weighted(rng, list(map(float, table.values())), rows))
        for field, table in tables.items()
    }


def _spell(given: dict[str, Column], school: School, rng: np.random.Generator) -> dict[str, Column]:
    """Return the columns with some cells written otherwise, all of which normalising reads as the same."""
    out = dict(given)
    rows = len(school.index)
    for field, share, change in _CHANGES:
        mask = pa.array(rng.random(rows) < share)
        out[field] = _swap(out[field], mask, change)
    alias = [plan.college.alias or plan.college.name for plan in school.classes]
    mine = rng.random(rows) < 0.1
    out["college"] = pc.if_else(pa.array(mine), numbers.chosen(alias, school.class_at), out["college"])
    words = pa.array(rng.random(rows) < _SELDOM)
    out["education_level"] = pc.if_else(words, numbers.chosen(list(_LEVEL_WORDS), school.level), out["education_level"])
    return out


def _swap(column: Column, mask: Column, change: Change) -> Column:
    """Return `column` with `change` done to the cells of `mask`."""
    return pc.replace_with_mask(column, mask, change(column.filter(mask)))


def _replaced(old: str, new: str) -> Change:
    return lambda column: pc.replace_substring(column, old, new)


def _ended(tail: str) -> Change:
    return lambda column: pc.binary_join_element_wise(column, tail, "")


def _begun(head: str) -> Change:
    return lambda column: pc.binary_join_element_wise(head, column, "")


def parted(mark: str) -> Change:
    """Return the change that writes `mark` after the third and the seventh character, as people write phones."""

    def part(column: Column) -> Column:
        pieces = [pc.utf8_slice_codeunits(column, *span) for span in ((0, 3), (3, 7), (7,))]
        return pc.binary_join_element_wise(*pieces, mark)

    return part


def _with_unit_of_time(column: Column) -> Column:
    return pc.binary_join_element_wise(pc.replace_substring(column, "-", "年"), "月", "")


def _unless_filled(word: str) -> Change:
    return lambda column: pc.if_else(pc.equal(column, ""), word, column)


def _blank(column: Column) -> Column:
    return pa.repeat("", len(column))


def full_width(column: Column) -> Column:
    """Return the cells in full-width digits and letters."""
    wide = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
    return pa.array([str(cell).translate(wide) for cell in column.to_pylist()], type=pa.string())


_CHANGES: list[tuple[str, float, Change]] = [
    ("ethnicity", _SELDOM, lambda column: pc.utf8_rtrim(column, characters="族")),
    ("enrolment_month", 0.08, _replaced("-", "/")),
    ("enrolment_month", 0.04, _replaced("-0", "/")),
    ("enrolment_month", 0.12, lambda column: _swap(column, pc.match_substring(column, "-"), _with_unit_of_time)),
    ("enrolment_month", _SELDOM, _replaced("-", "")),
    ("graduation_month", _SELDOM, _replaced("-", "/")),
    ("graduation_month", 0.002, full_width),
    ("study_years", 0.08, _ended("年")),
    ("study_years", 0.005, full_width),
    ("id_number", 0.02, lambda column: pc.utf8_lower(column)),
    ("id_number", 0.01, _begun(" ")),
    ("id_number", 0.005, _ended("\u200b")),
    ("id_number", 0.002, full_width),
    ("name", 0.01, _ended(" ")),
    ("name", 0.3, _replaced("·", "•")),
    ("name", 0.2, _replaced("·", "．")),
    ("phone", 0.02, parted(" ")),
    ("phone", 0.02, parted("-")),
    ("gender", 0.01, _ended("性")),
    ("training_mode", 0.01, _replaced("非定向", "统招")),
    ("commissioning_unit", 0.08, _unless_filled("无")),
    ("commissioning_unit", 0.01, _unless_filled("/")),
    ("teacher_training", 0.01, _replaced("否", "非师范")),
    ("major", 0.05, _blank),
    ("origin_county", 0.01, _blank),
]
