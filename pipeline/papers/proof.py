"""核对签名表: the sheet on which each student of a class checks what he submitted, and signs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline import fields
from pipeline.logs import mask_id, mask_phone
from pipeline.papers.class_roster import EQUAL, NO_CLASS, Students
from pipeline.render.printed_headcount import outside_in_words
from pipeline.states import states
from pipeline.typeset import BOXED, Paper, paper_of
from pipeline.view.remaining_work import month_day

NAME = "核对签名表"
PHOTOGRAPH = "本表印有完整的身份证号码：请勿拍照、转发，核对后由辅导员收回，用完销毁。"
_COLUMNS: dict[str, tuple[tuple[str, ...], ...]] = {
    "姓名\n学号": (("name",), ("student_number",)),
    "性别\n民族": (("gender",), ("ethnicity",)),
    "身份证号码\n考生号": (("id_number",), ("exam_number",)),
    "生源地": (("origin_province",), ("origin_city", "origin_county")),
    "学校、院系\n专业、班级": (("school", "college"), ("major", "class_name")),
    "学历\n学制": (("education_level",), ("study_years",)),
    "入学\n毕业": (("enrolment_month",), ("graduation_month",)),
    "培养方式\n师范生": (("training_mode", "commissioning_unit"), ("teacher_training",)),
    "政治面貌\n手机": (("political_status",), ("phone",)),
}
_SAME = {"school": "学校", "college": "院系", "major": "专业", "class_name": "班级"}
"""Fields that a class shares: these words stand for the value where it equals the registry's."""
_NOTE = (
    "✓ 与学籍一致；≠ 与学籍不一致；－ 没有填写，或学籍没有这一项，未比对。"
    "请本人照身份证、户口簿逐项核对，确认无误后签名；≠ 和填错的项目请在备注栏写明，并在 {} 截止前改好重交。"
)


def proof_paper(students: Students, cohort: str, *, full: bool) -> Paper:
    """Return the sheet of one class.

    Args:
        students: of one class.
        cohort: its name, such as 2017届.
        full: print ID numbers in full.
    """
    own = students.college
    title = f"{own.school}{cohort}毕业生信息{NAME}"
    return paper_of(
        "proof",
        students.run.as_of,
        {
            "title": title,
            "about": _about(students),
            "warning": PHOTOGRAPH if full else "",
            "foot": f"{own.name}　{students.class_name or NO_CLASS}" + ("　请勿拍照" if full else ""),
            "as_of": f"数据截至 {students.run.as_of.isoformat()}",
            "headings": ["序号", *_COLUMNS, "本人签名", "备注"],
            "rows": _rows(students, full=full),
            "notes": _notes(students),
            "boxed_note": BOXED,
            "sign": ["全班已逐人核对。", "辅导员签字：", "　　　　年　　月　　日"],
        },
    )


def _about(students: Students) -> list[list[str]]:
    majors = "、".join(dict.fromkeys(filter(None, students.roster["major"])))
    counted = "，".join(f"{word} {number}" for word, number in students.counts.items())
    outside = outside_in_words(students.outside)
    told = f"全班在册 {len(students.roster)} 人：{counted}" + (f"；不在本届：{outside}" if outside else "")
    return [
        [f"院系：{students.college.name}　班级：{students.class_name or NO_CLASS}", f"专业：{majors}"],
        [told, f"辅导员：{students.counselors or '（未登记）'}"],
    ]


def _notes(students: Students) -> list[str]:
    closes = month_day(students.run.window.closes)
    outside = students.outside_by_name()
    return [_NOTE.format(closes), *([f"不在本届，不用签名：{outside}。"] if outside else [])]


def _rows(students: Students, *, full: bool) -> list[dict[str, Any]]:
    return [_row(at, *line, full=full) for at, line in enumerate(students.lines, 1)]


def _row(
    at: int, listed: Mapping[Any, Any], given: Mapping[Any, Any], marks: Mapping[Any, Any], *, full: bool
) -> dict[str, Any]:
    state = states()[str(listed["status"])]
    number = str(at)
    if not listed["submission_id"]:
        names = [[[str(listed["name"]), ""]], [[str(listed["student_number"]), ""]]]
        return {"number": number, "cells": [names], "state": f"{state.word}：{state.sheet}", "remark": ""}
    cells = [
        [[_part(name, given, marks, full=full) for name in line if _shown(name, given)] for line in lines]
        for lines in _COLUMNS.values()
    ]
    return {"number": number, "cells": cells, "state": state.word, "remark": state.word}


def _shown(name: str, given: Mapping[Any, Any]) -> bool:
    return bool(given[name]) or fields.fields()[name].required == "yes"


def _part(name: str, given: Mapping[Any, Any], marks: Mapping[Any, Any], *, full: bool) -> list[str]:
    value, mark = str(given[name]), str(marks.get(name, ""))
    if not value:
        return [f"{fields.label(name).removeprefix('是否')}未填", ""]
    if name in _SAME and mark == EQUAL:
        return [_SAME[name], mark]
    if name == "id_number" and not full:
        value = mask_id(value)
    if name == "phone":
        value = mask_phone(value)
    if name == "teacher_training":
        value = {"是": "师范", "否": "非师范"}.get(value, value)
    return [f"{value}年" if name == "study_years" and value else value, mark]
