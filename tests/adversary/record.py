"""Odd values in the registry, on both sides, or on the student's alone; and what one source has wrong in common."""

# ruff: noqa: E501 - tables of values
from __future__ import annotations

from datetime import date, datetime
from typing import Any

from tests.adversary.bench import Case, Person, Want, each, right, wrong

NOTHING = [
    "无",
    "-",
    "/",
    "NULL",
    "N/A",
    "暂无",
    "不详",
    "(空)",
    "（跳过）",
    "(跳过)",
    "-3",
    "——",
    "none",
    "未填",
    "\\",
    "#N/A",
    "、",
    "无。",
]


def _both(p: Person, value: tuple[str, Any]) -> Want:
    """A value that no rule allows stands in the registry and in the form."""
    if value[0] in ("college", "class_name"):  # of a class of its own: it makes the registry's classes doubtful
        p.of_college("化学化工学院")
    p.both(*value)
    return right()


def _held(p: Person, value: tuple[str, Any]) -> Want:
    """The registry's value breaks its own rule, the student's is right."""
    if value[0] == "college":
        p.of_college("化学化工学院")
    p.own[value[0]] = value[1]
    return right()


def _held_blank(p: Person, value: tuple[str, str]) -> Want:
    p.own[value[0]] = value[1]
    return right()


def _given(p: Person, value: tuple[str, Any, str]) -> Want:
    """The student's value is not the registry's."""
    p.of_college("外国语学院")
    p.form[value[0]] = value[1]
    return wrong(*value[2].split())


def _blank(p: Person, value: tuple[str, str]) -> Want:
    name, word = value
    p.form[name] = word
    compared = name not in {"email", "political_status", "exam_category", "foreign_language"}
    rules = {f"{name}.required", *(["origin.precision"] if name in ("origin_province", "origin_city") else [])}
    return Want("correct", frozenset(rules), record="failed" if compared else "certified")


def _optional(p: Person, value: tuple[str, str]) -> Want:
    p.form[value[0]] = value[1]
    return right()


def _spelt(p: Person, value: tuple[str, str, str]) -> Want:
    """Two ways to write the same: `field, held, given`."""
    p.own[value[0]], p.form[value[0]] = value[1], value[2]
    return right()


def _postgraduate(p: Person, value: tuple[Any, Any, Any, Any]) -> Want:
    held, given, month, month_given = value
    for side, level, m in ((p.own, held, month), (p.form, given, month_given)):
        side.update(education_level=level, graduation_month=m, enrolment_month="2014-09", study_years="3")
    return right()


def _unit(p: Person, value: tuple[str, str, str, str]) -> Want:
    for side, mode, unit in ((p.own, *value[:2]), (p.form, *value[2:])):
        side.update(training_mode=mode, commissioning_unit=unit)
    return right()


def _month_cell(p: Person, value: tuple[Any, str]) -> Want:
    p.form["enrolment_month"], p.own["enrolment_month"] = value
    p.both("study_years", str(2017 - int(value[1][:4])))
    return right()


def _college(p: Person, given: str) -> Want:
    p.of_college("土木工程学院")
    p.form["college"] = given
    return right()


def _other_class(p: Person, field: str) -> Want:
    p.of_college("土木工程学院")
    if field == "class":
        p.form["class_name"] = "13工程管理1班" if p.own["class_name"] == "13土木工程1班" else "13土木工程1班"
        return wrong("class_name.registry", "class_name.major")
    if field == "college":
        p.form["college"] = "商学院"
        return wrong("college.registry", "class_name.college")
    p.form["major"] = "英语"
    return wrong("major.registry", "class_name.major")


def _gender(p: Person, side: str) -> Want:
    """Registry or student has a gender that the ID number denies."""
    other = "女" if p.own["gender"] == "男" else "男"
    if side in ("registry", "both"):
        p.own["gender"] = other
    if side in ("form", "both"):
        p.form["gender"] = other
    return wrong("gender.registry", "gender.matches_id") if side == "form" else right()


REQUIRED = [
    "email", "education_level", "graduation_month", "gender", "ethnicity", "political_status", "origin_province",
    "origin_city", "exam_number", "exam_category", "college", "class_name", "student_number", "enrolment_month",
    "study_years", "teacher_training", "training_mode", "foreign_language",
]  # fmt: skip

BOTH = [
    ("ethnicity", "穿青人"), ("ethnicity", "革家人"), ("ethnicity", "摩梭人"), ("ethnicity", "未识别民族"), ("ethnicity", "外国血统"),
    ("graduation_month", "2017-07"), ("graduation_month", "2017-12"), ("graduation_month", "夏季"), ("study_years", "四"),
    ("study_years", "弹性"), ("study_years", "9"), ("enrolment_month", "大一"), ("enrolment_month", "2013秋"),
    ("teacher_training", "公费师范生"), ("teacher_training", "优师计划"), ("training_mode", "国防生"), ("training_mode", "联合培养"),
    ("education_level", "第二学士学位"), ("education_level", "高起本"), ("origin_city", "省直辖县级行政区划某"),
    ("origin_county", "某开发片区"), ("exam_number", "无"), ("exam_number", "不详"), ("exam_number", "A-13/0077"), ("college", "国际交流处"),
    ("class_name", "留学生班"), ("origin_province", "缅甸"),
]  # fmt: skip
HELD = [
    ("ethnicity", "穿青人"), ("ethnicity", "98"), ("graduation_month", "2017-07"), ("graduation_month", "毕业"), ("graduation_month", "2017年夏"),
    ("study_years", "四年半载"), ("study_years", "40"), ("enrolment_month", "不明年份"), ("enrolment_month", "20130"),
    ("teacher_training", "定向师范?"), ("training_mode", "国防生"), ("education_level", "高起本"), ("gender", "3"), ("gender", "未知"),
    ("exam_number", "1.34E+13"), ("exam_number", "1.34303E+13"), ("origin_city", "某某市"), ("origin_county", "不存在县"),
    ("origin_province", "某某省"), ("college", "不存在的学院"),
]  # fmt: skip
GIVEN: list[tuple[str, Any, str]] = [
    ("ethnicity", "满族", "ethnicity.registry"), ("ethnicity", "穿青族", "ethnicity.vocabulary ethnicity.registry"),
    ("study_years", "5", "study_years.registry study_years.span"), ("study_years", "四年多", "study_years.range study_years.registry"),
    ("enrolment_month", "2013-03", "enrolment_month.registry"), ("enrolment_month", "2013-10", "enrolment_month.registry"),
    ("enrolment_month", "军训那会", "enrolment_month.format enrolment_month.registry"),
    ("teacher_training", "是", "teacher_training.registry"), ("teacher_training", "也许", "teacher_training.vocabulary teacher_training.registry"),
    ("training_mode", "自筹", "training_mode.registry"), ("training_mode", "走读", "training_mode.vocabulary training_mode.registry"),
    ("graduation_month", "2017-07", "graduation_month.june graduation_month.registry"),
    ("graduation_month", "2018-06", "graduation_month.cohort graduation_month.registry study_years.span"),
    ("graduation_month", "明年", "graduation_month.format graduation_month.registry"),
    ("education_level", "专科", "education_level.registry"), ("education_level", "夜大", "education_level.vocabulary education_level.registry"),
    ("exam_number", "99999999999999", "exam_number.registry"), ("student_number", "1305999999", "student_number.registry"),
    ("college", "火箭学院", "college.vocabulary college.registry class_name.college"), ("class_name", "13火箭1班", "class_name.vocabulary class_name.registry"),
    ("gender", "保密", "gender.vocabulary gender.registry"),
]  # fmt: skip
SPELT: list[tuple[str, Any, Any]] = [
    ("ethnicity", "汉族", "汉"), ("ethnicity", "01", "汉族"), ("ethnicity", "汉族", "01汉族"), ("gender", "1", "男"), ("gender", "男", "1.男"),
    ("gender", "男性", "男"), ("education_level", "本科", "31-本科"), ("education_level", "大学本科", "本科"), ("study_years", "4.0", "4年"),
    ("study_years", "4", "四年"), ("study_years", "4", 4), ("study_years", "4", "４"), ("enrolment_month", "20130901", "2013年9月"),
    ("enrolment_month", "2013/9/1", "2013.09"), ("enrolment_month", "2013-09", 41518), ("enrolment_month", "2013-09", "二〇一三年九月"),
    ("enrolment_month", "41518", "2013-9"), ("enrolment_month", "2013-09-01 00:00:00", "201309"), ("graduation_month", "2017-06-30", "2017年6月"),
    ("graduation_month", "201706", "2017/06"), ("teacher_training", "0", "否"), ("teacher_training", "非师范", "否"), ("training_mode", "非定向", "1非定向"),
    ("training_mode", "统招", "非定向"), ("political_status", "", "03共青团员"), ("teacher_training", "否", "不是"),
]  # fmt: skip
UNITS = [
    "",
    "无",
    "否",
    "0",
    "无单位",
    "不填",
    "/",
    "非定向",
    "统招",
    "没有",
    "无定向单位",
    "—",
    "N/A",
    "NO",
    "无委培单位",
    "(空)",
    "无定向/委培单位",
]


def _male(p: Person, value: tuple[str, Any, Any]) -> Want:
    while p.own["gender"] != "男":
        q = p.mate()
        p.n, p.own, p.form = q.n, q.own, q.form
    return _spelt(p, value)


SPAN = [("enrolment_month", "2012-09"), ("study_years", "5")]


def _cells(p: Person, value: tuple[str, Any]) -> Want:
    """A spreadsheet kept a right value as a number or a date."""
    name, kind = value
    p.form[name] = kind(p.form[name]) if callable(kind) else kind
    return right()


CELLS: list[tuple[str, Any]] = [
    ("student_number", int), ("student_number", float), ("exam_number", int), ("exam_number", float), ("study_years", float), ("study_years", int),
    ("enrolment_month", datetime(2013, 9, 1)), ("enrolment_month", date(2013, 9, 12)), ("enrolment_month", 2013.09), ("enrolment_month", 201309),
    ("graduation_month", datetime(2017, 6, 1)), ("graduation_month", 2017.06), ("graduation_month", 201706), ("qq", int), ("phone", int), ("phone", float),
    ("family_phone", int), ("enrolment_month", 20130901), ("qq", float),
]  # fmt: skip

CASES: list[Case] = [
    *each("cell", CELLS, _cells),
    *each("span", SPAN, lambda p, value: (_both(p, value), right("study_years.span"))[1]),
    *each("both", BOTH, _both), *each("held", HELD, _held),
    *each("held nothing", [(name, word) for at, name in enumerate([
        "ethnicity", "gender", "origin_province", "origin_city", "origin_county", "exam_number", "major", "education_level",
        "study_years", "enrolment_month", "graduation_month", "teacher_training", "training_mode", "commissioning_unit",
    ]) for word in ("", NOTHING[at % len(NOTHING)], NOTHING[(at * 5 + 3) % len(NOTHING)])], _held_blank),
    *each("given", GIVEN, _given),
    *each("blank", [(name, word) for at, name in enumerate(REQUIRED) if name != "student_number"
                    for word in ("", NOTHING[at % len(NOTHING)], NOTHING[(at * 7 + 2) % len(NOTHING)])], _blank),
    *each("optional", [(name, word) for name in ("origin_county", "hardship_category", "major", "family_phone")
                       for word in ("", *NOTHING[:6])], _optional),
    *each("spelt", SPELT, _male),
    *each("unit", UNITS, lambda p, word: _unit(p, ("非定向", "", "非定向", word))),
    *each("unit held", UNITS, lambda p, word: _unit(p, ("非定向", word, "非定向", ""))),
    *each("unit same", [("定向", "怀化市教育局", "定向", "怀化市教育局"), ("委培", "某某（集团）公司", "委培", "某某(集团)公司")], _unit),
    *each("postgraduate", [
        ("硕士研究生", "研究生", "2017-06", "2017-06"), ("研究生", "硕士研究生", "2017-06", "2017-06"), ("研究生", "博士研究生", "2017-12", "2017-12"),
        ("硕士研究生", "硕士", "2017-10", 2017.1), ("硕士研究生", "硕士研究生", "2017-01", "2017.1"), ("硕士研究生", "研究生", "2017-10", "2017.10"),
        ("博士研究生", "博士", "2017-12", "2017年12月"), ("研究生", "研究生", "2017-06", "2017-06"),
    ], _postgraduate),
    *each("month", [(2012.09, "2012-09"), ("2012.9", "2012-09"), (201209, "2012-09"), (41153, "2012-09"), ("Sep-12", "2012-09"), ("2012.1", "2012-10"),
                    ("2012.1", "2012-01")], _month_cell),
    *each("college", ["土木学院", "建筑工程系", "土木工程学院 ", "土木 工程学院", "土木工程學院"][:4], _college),
    *each("other", ["class", "college", "major"], _other_class),
    *each("gender", ["registry", "both", "form"], _gender),
]  # fmt: skip
