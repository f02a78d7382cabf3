"""Small tables for tests: a good submission and its registry row, of which each test changes what it is about."""

from __future__ import annotations

import pandas as pd

from pipeline import fields

GOOD: dict[str, str] = {
    "submitted_at": "2016-10-01 09:30",
    "school": "湖南科技大学",
    "email": "1105417280@qq.com",
    "id_number": "430302199503141041",
    "education_level": "本科",
    "graduation_month": "2017-06",
    "name": "郑诚伟",
    "gender": "女",
    "ethnicity": "汉族",
    "political_status": "共青团员",
    "origin_province": "湖南省",
    "origin_city": "湘潭市",
    "origin_county": "雨湖区",
    "exam_number": "13430300000052",
    "exam_category": "农村应届",
    "college": "商学院",
    "class_name": "13会计学1班",
    "major": "会计学",
    "student_number": "1305030101",
    "enrolment_month": "2013-09",
    "study_years": "4",
    "teacher_training": "否",
    "training_mode": "非定向",
    "commissioning_unit": "",
    "foreign_language": "英语",
    "hardship_category": "非困难生",
    "qq": "1105417280",
    "phone": "17300411788",
    "family_phone": "0731-58290000",
    "postcode": "411201",
    "home_province": "湖南省",
    "home_city": "湘潭市",
    "home_county": "雨湖区",
    "home_address": "雨湖区建设路112号1单元201",
    "photo": "",
}


def submissions(*changes: dict[str, str]) -> pd.DataFrame:
    """Return given rows (file, sheet, row, fields): the good one with each of the changes."""
    rows = [{"file": "a.xlsx", "sheet": "一", "row": n, **GOOD, **change} for n, change in enumerate(changes, 2)]
    frame = pd.DataFrame(rows, columns=["file", "sheet", "row", *fields.names()])
    return frame.astype(dict.fromkeys(["file", "sheet", *fields.names()], "str") | {"row": "int64"})


def registry(*changes: dict[str, str]) -> pd.DataFrame:
    """Return given registry rows: the good student's with each of the changes."""
    names = fields.registry_columns()
    rows = [
        {"school_code": "10534", "row": n, **{name: GOOD.get(name, "") for name in names}, **change}
        for n, change in enumerate(changes, 2)
    ]
    for row in rows:
        row["school_code"] = "12649" if row["school"].endswith("潇湘学院") else "10534"
    frame = pd.DataFrame(rows, columns=["school_code", "row", *names])
    return frame.astype(dict.fromkeys(["school_code", *names], "str") | {"row": "int64"})
