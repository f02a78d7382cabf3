"""The students of a college or class, and 核对签名表: the sheet on which students check and sign their own data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import inf
from typing import Any
from unicodedata import east_asian_width

import numpy as np
import pandas as pd

from pipeline import fields
from pipeline.check.logic import compared_form
from pipeline.colleges import College
from pipeline.logs import mask_id, mask_phone
from pipeline.match.membership import names_by_reason
from pipeline.render.printed_headcount import outside_in_words
from pipeline.resources import report_table
from pipeline.states import states
from pipeline.tables import STATUSES, Frame
from pipeline.typeset import BOXED, Paper, paper_of
from pipeline.view.remaining_work import group_name, month_day
from pipeline.view.run_tables import Run

EQUAL, DIFFERS, UNCOMPARED = "✓", "≠", "－"
_CAUSE_FIELDS = {"name_differs": "name", "wrong_school": "school"}
"""The field that differs, by the cause of a failed identity. For every other cause it is the ID number."""


@dataclass(frozen=True)
class Students:
    """The registry's students of a college, or of one of its classes.

    `submissions`: those of the college that count, by `submission_id`. `findings`, `outside`, `registry`: the
    college's. `faults`: its `registry_findings`.
    """

    run: Run
    college: College
    roster: Frame
    submissions: Frame
    findings: Frame
    outside: Frame
    registry: Frame
    faults: Frame
    certified: frozenset[str]
    """The submissions whose identity is certified."""
    class_name: str = ""
    college_rows: tuple[Students, np.ndarray] | None = None
    """For a class: its college, and the class's rows in the college's roster. Marks are computed once per college."""

    @cached_property
    def submitted(self) -> Frame:
        """The submitted fields of each roster row, blank if there is no submission."""
        return self.submissions[fields.names()].reindex(self.roster["submission_id"]).fillna("").astype("str")

    @property
    def counts(self) -> dict[str, int]:
        """The number of students by word of state. States without students are left out."""
        numbers = self.roster["status"].value_counts()
        return {word: int(numbers[name]) for name, word in STATUSES.items() if name in numbers}

    @property
    def counselors(self) -> str:
        """The counselors' names."""
        return "、".join(dict.fromkeys(filter(None, self.roster["counselor"])))

    def by_class(self) -> Iterator[Students]:
        """Yield the students of each class, sorted by name. All students of a class may be outside the cohort."""
        for name in sorted({*self.roster["class_name"], *self.outside["class_name"]}):
            yield self.of_class(str(name))

    def of_class(self, name: str) -> Students:
        """Return the students of one class."""
        rows = np.flatnonzero(self.roster["class_name"] == name)
        outside = self.outside[self.outside["class_name"] == name].reset_index(drop=True)
        roster = self.roster.iloc[rows].reset_index(drop=True)
        return replace(self, roster=roster, outside=outside, class_name=name, college_rows=(self, rows))

    @cached_property
    def marks(self) -> Frame:
        """`EQUAL`, `DIFFERS` or `UNCOMPARED` for each roster row and registry field.

        The findings decide. They do not cover submissions without certified identity: those are compared here.
        """
        if self.college_rows:
            college, rows = self.college_rows
            return college.marks.iloc[rows]
        names = fields.in_registry()
        rows = self.registry.drop_duplicates("student_number").set_index("student_number", drop=False)
        registered = rows[names].reindex(self.roster["student_number"]).fillna("").reset_index(drop=True)
        submitted = self.submitted[names].reset_index(drop=True)
        ids = self.roster["submission_id"].tolist()
        differing, compared = self._differing(), self._compared(names)
        uncertified = [row for row, submission in enumerate(ids) if submission and submission not in self.certified]
        marks: dict[str, pd.Series] = {}
        for name in names:
            differs = np.array([submission in differing[name] for submission in ids], dtype=bool)
            if uncertified:
                left, right = (compared_form(side[name].iloc[uncertified], name) for side in (submitted, registered))
                differs[uncertified] |= left.ne(right).to_numpy()
            comparable = (submitted[name] != "") & (registered[name] != "") & compared[name]
            marks[name] = pd.Series(np.where(comparable, np.where(differs, DIFFERS, EQUAL), UNCOMPARED), dtype="str")
        return pd.DataFrame(marks)

    @cached_property
    def lines(self) -> list[tuple[dict[str, str], dict[str, str], dict[str, str]]]:
        """For each roster row: its columns on the sheet, the submitted fields, and the marks."""
        if self.college_rows:
            college, rows = self.college_rows
            return [college.lines[row] for row in rows]
        listed = self.roster[["name", "student_number", "submission_id", "status"]]
        return list(zip(*map(text_records, (listed, self.submitted[_FIELDS], self.marks)), strict=True))

    def _compared(self, names: list[str]) -> dict[str, np.ndarray]:
        """Return by field a mask of the compared rows: the rule ran, and the registry's value has no finding."""
        entries, schools = self.run.summary.get("not_checked", []), ("", self.college.school)
        unchecked = {str(entry["rule"]) for entry in entries if str(entry.get("school") or "") in schools}
        faulty = set(self.faults[["student_number", "field"]].itertuples(index=False, name=None))
        numbers = self.roster["student_number"].tolist()
        return {
            name: np.array(
                [f"{name}.registry" not in unchecked and (number, name) not in faulty for number in numbers], bool
            )
            for name in names
        }

    def _differing(self) -> dict[str, set[str]]:
        """Return by field the ids of the submissions that differ from the registry, according to the findings."""
        differing = defaultdict[str, set[str]](set)
        for submission, rule in self.findings[["submission_id", "rule"]].itertuples(index=False):
            base, _, kind = str(rule).partition(".")
            if kind == "registry" and base in fields.fields():
                differing[base].add(str(submission))
            elif base == "identity" and kind != "not_checked":
                differing[_CAUSE_FIELDS.get(kind, "id_number")].add(str(submission))
        return differing


def text_records(frame: Frame) -> list[dict[str, str]]:
    """Return one dict per row. `DataFrame.to_dict` takes five times as long for Arrow strings."""
    names = list(frame.columns)
    return [dict(zip(names, row, strict=True)) for row in frame.to_numpy(dtype=object).tolist()]


def paper_students(run: Run, college: College) -> Students:
    """Return the students of one college of a run."""
    names = ("roster", "findings", "outside", "registry", "registry_findings")
    tables = {name: run.rows(name, school=college.school, college=college.name) for name in names}
    ids = [one for one in {*tables["roster"]["submission_id"], *tables["findings"]["submission_id"]} if one]
    rows = run.rows_in("submissions", "submission_id", ids, ["submission_id", *fields.names()], college.school)
    identity = run.rows_in("certifications", "submission_id", ids, ["submission_id", "identity"], college.school)
    certified = frozenset(identity["submission_id"][identity["identity"] == "certified"])
    return Students(
        run, college, tables["roster"], rows.set_index("submission_id"), tables["findings"], tables["outside"],
        tables["registry"], tables["registry_findings"], certified,
    )  # fmt: skip


PROOF = "核对签名表"
PHOTO_WARNING = "本表印有完整的身份证号码：请勿拍照、转发，核对后由辅导员收回，用完销毁。"
_PROOF_COLUMNS: dict[str, tuple[int, tuple[tuple[str, ...], ...]]] = {
    "姓名\n学号": (28, (("name",), ("student_number",))),
    "性别\n民族": (18, (("gender",), ("ethnicity",))),
    "身份证号码\n考生号": (34, (("id_number",), ("exam_number",))),
    "生源地": (34, (("origin_province",), ("origin_city", "origin_county"))),
    "学校、院系\n专业、班级": (27, (("school", "college"), ("major", "class_name"))),
    "学历\n学制": (18, (("education_level",), ("study_years",))),
    "入学\n毕业": (18, (("enrolment_month",), ("graduation_month",))),
    "培养方式\n师范生": (22, (("training_mode", "commissioning_unit"), ("teacher_training",))),
    "政治面貌\n手机": (20, (("political_status",), ("phone",))),
}
"""The width in mm, and the fields of each line."""
_FIELDS = [name for _, lines in _PROOF_COLUMNS.values() for line in lines for name in line]
_SHARED = {"school": "学校", "college": "院系", "major": "专业", "class_name": "班级"}
"""Fields that a class shares: a value that equals the registry's is printed as this word."""
_NOTE = str(report_table("words")["texts"]["roster"])


def proof_paper(students: Students, cohort: str, *, full: bool) -> Paper:
    """Return the sheet of one class. `full` prints ID numbers in full. `cohort` is a name such as 2017届."""
    college, notes = students.college, [_NOTE.format(month_day(students.run.window.closes))]
    if len(students.outside):
        outside = "；".join(f"{reason}：{'、'.join(names)}" for reason, names in names_by_reason(students.outside))
        notes.append(f"不在本届，不用签名：{outside}。")
    title = f"{college.school}{cohort}毕业生信息{PROOF}"
    return paper_of(
        "proof",
        students.run.as_of,
        {
            "title": title,
            "about": _about(students),
            "warning": PHOTO_WARNING if full else "",
            "foot": f"{college.name}　{group_name(students.class_name, 'class_name')}" + ("　请勿拍照" if full else ""),
            "as_of": f"数据截至 {students.run.as_of.isoformat()}",
            "headings": ["序号", *_PROOF_COLUMNS, "本人签名", "备注"],
            "widths": [width for width, _ in _PROOF_COLUMNS.values()],
            "rows": [_row(number, *line, full=full) for number, line in enumerate(students.lines, 1)],
            "notes": notes,
            "boxed_note": BOXED,
            "sign": ["全班已逐人核对。", "辅导员签字：", "　　　　年　　月　　日"],
        },
    )


def _about(students: Students) -> list[list[str]]:
    majors = "、".join(dict.fromkeys(filter(None, students.roster["major"])))
    counted = "，".join(f"{word} {number}" for word, number in students.counts.items())
    outside = outside_in_words(students.outside)
    sizes = f"全班在册 {len(students.roster)} 人：{counted}" + (f"；不在本届：{outside}" if outside else "")
    return [
        [f"院系：{students.college.name}　班级：{group_name(students.class_name, 'class_name')}", f"专业：{majors}"],
        [sizes, f"辅导员：{students.counselors or '（未登记）'}"],
    ]


def _row(
    number: int, student: Mapping[str, str], submitted: Mapping[str, str], marks: Mapping[str, str], *, full: bool
) -> dict[str, Any]:
    """Return a row. `lines` is the height of its tallest cell; 0 means unknown, and typst measures it."""
    state = states()[student["status"]]
    if student["submission_id"]:
        cells = [
            _cell(heading, tuple((submitted[name], marks.get(name, "")) for line in lines for name in line), full=full)
            for heading, (_, lines) in _PROOF_COLUMNS.items()
        ]
        state_text, remark = "", state.word
    else:
        first, _ = next(iter(_PROOF_COLUMNS.values()))
        cells = [wrap_lines([[(student["name"], "")], [(student["student_number"], "")]], first)]
        state_text, remark = f"{state.word}：{state.sheet}", ""
    tallest = max(tall for _, tall in cells) if all(tall for _, tall in cells) else 0
    texts = {"number": str(number), "state": state_text, "remark": remark}
    return {**texts, "cells": [cell for cell, _ in cells], "lines": tallest}


_MarkedValue = tuple[str, str]
"""A value and its mark."""
_EMS = {**dict.fromkeys("0123456789", 0.57), "*": 0.49, "-": 0.36, " ": 0.27, EQUAL: 0.7, DIFFERS: 1.1}
"""The widths of common narrow characters in both fonts, rounded up."""
_ASCII, _WIDEST = 1.1, 3.0
_POINTS = 72 / 25.4 / 8.5  # ems of 8.5 points in a mm


_Cell = tuple[str | list[list[_MarkedValue]], int]
"""A cell's content, and its number of lines (0: a part is too long for one line)."""


@lru_cache(1 << 14)
def _cell(heading: str, values: tuple[_MarkedValue, ...], *, full: bool) -> _Cell:
    """Return the cell of one column. `values` are its fields as submitted, with their marks."""
    (width, lines), remaining = _PROOF_COLUMNS[heading], iter(values)
    named = [[(name, *next(remaining)) for name in line] for line in lines]
    required = {name for name, field in fields.fields().items() if field.required == "yes"}
    parts = [[_marked_value(*value, full=full) for value in line if value[1] or value[0] in required] for line in named]
    return wrap_lines(parts, width)


def wrap_lines(lines: list[list[_MarkedValue]], width: int) -> _Cell:
    """Wrap lines between their parts at `width` mm.

    The result is one text unless a part is framed, because typst sets a text much faster than parts.
    """
    line_width, broken, fits = (width - 1.8) * _POINTS, list[list[_MarkedValue]](), True
    for parts in lines:
        remaining = 0.0
        for part in parts:
            part_width = _ems(part)
            fits = fits and part_width <= line_width
            if part_width > remaining:
                broken.append([])
                remaining = line_width
            broken[-1].append(part)
            remaining -= part_width + _EMS[" "]
    if fits and all(mark != DIFFERS for parts in broken for _, mark in parts):
        return "\n".join(" ".join(value + mark for value, mark in parts) for parts in broken), len(broken)
    return broken, len(broken) if fits else 0


def _ems(part: _MarkedValue) -> float:
    """Return an upper bound for the width of a value with its mark, in ems."""
    value, mark = part
    if not value.isprintable():  # a line break, too
        return inf
    width = sum(
        _EMS.get(char) or (_ASCII if char.isascii() else 1.0 if east_asian_width(char) in "WF" else _WIDEST)
        for char in value + mark
    )
    return width + 0.8 if mark == DIFFERS else width  # its frame, and a space


def _marked_value(name: str, value: str, mark: str, *, full: bool) -> _MarkedValue:
    if not value:
        return f"{fields.label(name).removeprefix('是否')}未填", ""
    if name in _SHARED and mark == EQUAL:
        return _SHARED[name], mark
    if name == "id_number" and not full:
        value = mask_id(value)
    if name == "phone":
        value = mask_phone(value)
    if name == "teacher_training":
        value = {"是": "师范", "否": "非师范"}.get(value, value)
    return f"{value}年" if name == "study_years" and value else value, mark
