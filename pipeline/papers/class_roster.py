"""The students of a college or class for papers, and 核对签名表, on which students check and sign their own data."""

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
from pipeline.view.remaining_work import month_day
from pipeline.view.run_tables import Run

EQUAL, DIFFERS, UNCOMPARED = "✓", "≠", "－"
NO_CLASS = "没有班级"
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
    within: tuple[Students, np.ndarray] | None = None
    """Of a class: its college, which computes marks and lines for all classes at once, and its rows of that roster."""

    @cached_property
    def submitted(self) -> Frame:
        """The submitted fields of each roster row, blank if there is no submission."""
        return self.submissions[fields.names()].reindex(self.roster["submission_id"]).fillna("").astype("str")

    @property
    def counts(self) -> dict[str, int]:
        """The number of students by the word of their state, if there are any."""
        found = self.roster["status"].value_counts()
        return {word: int(found[name]) for name, word in STATUSES.items() if name in found}

    @property
    def counselors(self) -> str:
        """The counselors' names."""
        return "、".join(dict.fromkeys(filter(None, self.roster["counselor"])))

    def by_class(self) -> Iterator[Students]:
        """Yield the students of each class, by name. A class may have students outside the cohort only."""
        for name in sorted({*self.roster["class_name"], *self.outside["class_name"]}):
            yield self.of_class(str(name))

    def of_class(self, name: str) -> Students:
        """Return the students of one class."""
        rows = np.flatnonzero(self.roster["class_name"] == name)
        outside = self.outside[self.outside["class_name"] == name].reset_index(drop=True)
        roster = self.roster.iloc[rows].reset_index(drop=True)
        return replace(self, roster=roster, outside=outside, class_name=name, within=(self, rows))

    @cached_property
    def marks(self) -> Frame:
        """For each roster row and registry field `EQUAL`, `DIFFERS` or `UNCOMPARED`, by the findings.

        Findings do not compare the record of a submission without certified identity, so it is compared here.
        """
        if self.within:
            college, rows = self.within
            return college.marks.iloc[rows]
        names = fields.in_registry()
        rows = self.registry.drop_duplicates("student_number").set_index("student_number", drop=False)
        held = rows[names].reindex(self.roster["student_number"]).fillna("").reset_index(drop=True)
        given = self.submitted[names].reset_index(drop=True)
        ids = self.roster["submission_id"].tolist()
        told, judged = self._differing(), self._compared(names)
        looked_at = [at for at, submission in enumerate(ids) if submission and submission not in self.certified]
        marks: dict[str, pd.Series] = {}
        for name in names:
            unlike = np.array([submission in told[name] for submission in ids], dtype=bool)
            if looked_at:
                mine, other = (compared_form(side[name].iloc[looked_at], name) for side in (given, held))
                unlike[looked_at] |= mine.ne(other).to_numpy()
            asked = (given[name] != "") & (held[name] != "") & judged[name]
            marks[name] = pd.Series(np.where(asked, np.where(unlike, DIFFERS, EQUAL), UNCOMPARED), dtype="str")
        return pd.DataFrame(marks)

    @cached_property
    def lines(self) -> list[tuple[dict[str, str], dict[str, str], dict[str, str]]]:
        """For each roster row its data on the sheet: the row, the submitted fields, and the marks."""
        if self.within:
            college, rows = self.within
            return [college.lines[at] for at in rows]
        listed = self.roster[["name", "student_number", "submission_id", "status"]]
        return list(zip(*map(text_records, (listed, self.submitted[_FIELDS], self.marks)), strict=True))

    def _compared(self, names: list[str]) -> dict[str, np.ndarray]:
        """Return by field which rows were compared: the rule ran, and the registry's value broke no rule of its own."""
        told = self.run.summary.get("not_checked", [])
        lost = {str(one["rule"]) for one in told if str(one.get("school") or "") in ("", self.college.school)}
        faulty = set(self.faults[["student_number", "field"]].itertuples(index=False, name=None))
        numbers = self.roster["student_number"].tolist()
        return {
            name: np.array(
                [f"{name}.registry" not in lost and (number, name) not in faulty for number in numbers], bool
            )
            for name in names
        }

    def _differing(self) -> dict[str, set[str]]:
        """Return by field the submissions that differ in it according to the findings."""
        found = defaultdict[str, set[str]](set)
        for submission, rule in self.findings[["submission_id", "rule"]].itertuples(index=False):
            base, _, kind = str(rule).partition(".")
            if kind == "registry" and base in fields.fields():
                found[base].add(str(submission))
            elif base == "identity" and kind != "not_checked":
                found[_CAUSE_FIELDS.get(kind, "id_number")].add(str(submission))
        return found


def text_records(frame: Frame) -> list[dict[str, str]]:
    """Return the rows of a table of texts by column. `DataFrame.to_dict` takes five times as long for Arrow's texts."""
    names = list(frame.columns)
    return [dict(zip(names, row, strict=True)) for row in frame.to_numpy(dtype=object).tolist()]


def paper_students(run: Run, college: College) -> Students:
    """Return the students of one college of a run."""
    tables = ("roster", "findings", "outside", "registry", "registry_findings")
    own = {name: run.rows(name, school=college.school, college=college.name) for name in tables}
    ids = [one for one in {*own["roster"]["submission_id"], *own["findings"]["submission_id"]} if one]
    rows = run.rows_in("submissions", "submission_id", ids, ["submission_id", *fields.names()], college.school)
    identity = run.rows_in("certifications", "submission_id", ids, ["submission_id", "identity"], college.school)
    certified = frozenset(identity["submission_id"][identity["identity"] == "certified"])
    return Students(
        run, college, own["roster"], rows.set_index("submission_id"), own["findings"], own["outside"], own["registry"],
        own["registry_findings"], certified,
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
"""Fields that a class shares: these words stand for the value where it equals the registry's."""
_NOTE = str(report_table("words")["texts"]["roster"])


def proof_paper(students: Students, cohort: str, *, full: bool) -> Paper:
    """Return the sheet of one class. `full` prints ID numbers in full. `cohort` is a name such as 2017届."""
    own, notes = students.college, [_NOTE.format(month_day(students.run.window.closes))]
    if len(students.outside):
        named = "；".join(f"{reason}：{'、'.join(names)}" for reason, names in names_by_reason(students.outside))
        notes.append(f"不在本届，不用签名：{named}。")
    title = f"{own.school}{cohort}毕业生信息{PROOF}"
    return paper_of(
        "proof",
        students.run.as_of,
        {
            "title": title,
            "about": _about(students),
            "warning": PHOTO_WARNING if full else "",
            "foot": f"{own.name}　{students.class_name or NO_CLASS}" + ("　请勿拍照" if full else ""),
            "as_of": f"数据截至 {students.run.as_of.isoformat()}",
            "headings": ["序号", *_PROOF_COLUMNS, "本人签名", "备注"],
            "widths": [width for width, _ in _PROOF_COLUMNS.values()],
            "rows": [_row(at, *line, full=full) for at, line in enumerate(students.lines, 1)],
            "notes": notes,
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


def _row(
    at: int, listed: Mapping[str, str], given: Mapping[str, str], marks: Mapping[str, str], *, full: bool
) -> dict[str, Any]:
    """Return a row: its cells, and the number of lines that the tallest takes (0: not known, typst measures it)."""
    state = states()[listed["status"]]
    if listed["submission_id"]:
        cells = [
            _cell(heading, tuple((given[name], marks.get(name, "")) for line in lines for name in line), full=full)
            for heading, (_, lines) in _PROOF_COLUMNS.items()
        ]
        told, remark = "", state.word
    else:
        first, _ = next(iter(_PROOF_COLUMNS.values()))
        cells = [wrap_lines([[(listed["name"], "")], [(listed["student_number"], "")]], first)]
        told, remark = f"{state.word}：{state.sheet}", ""
    tallest = max(tall for _, tall in cells) if all(tall for _, tall in cells) else 0
    return {"number": str(at), "cells": [cell for cell, _ in cells], "lines": tallest, "state": told, "remark": remark}


_Part = tuple[str, str]
"""A value and its mark."""
_EMS = {**dict.fromkeys("0123456789", 0.57), "*": 0.49, "-": 0.36, " ": 0.27, EQUAL: 0.7, DIFFERS: 1.1}
"""The widths of common narrow characters in both fonts, rounded up."""
_ASCII, _WIDEST = 1.1, 3.0
_POINTS = 72 / 25.4 / 8.5  # ems of 8.5 points in a mm


_Cell = tuple[str | list[list[_Part]], int]
"""What stands in a cell, and the number of its lines (0: a part is too long for one)."""


@lru_cache(1 << 14)
def _cell(heading: str, given: tuple[_Part, ...], *, full: bool) -> _Cell:
    """Return the cell of one column from its fields, as submitted."""
    (width, lines), left = _PROOF_COLUMNS[heading], iter(given)
    shown = [[(name, *next(left)) for name in line] for line in lines]
    required = {name for name, field in fields.fields().items() if field.required == "yes"}
    told = [[_part(*each, full=full) for each in line if each[1] or each[0] in required] for line in shown]
    return wrap_lines(told, width)


def wrap_lines(lines: list[list[_Part]], width: int) -> _Cell:
    """Return lines broken between parts where they are longer than the `width` in mm.

    A text costs typst a fraction of what it needs for parts, so these are kept only where one is framed.
    """
    room, broken, fits = (width - 1.8) * _POINTS, list[list[_Part]](), True
    for parts in lines:
        left = 0.0
        for part in parts:
            wide = _ems(part)
            fits = fits and wide <= room
            if wide > left:
                broken.append([])
                left = room
            broken[-1].append(part)
            left -= wide + _EMS[" "]
    if fits and all(mark != DIFFERS for parts in broken for _, mark in parts):
        return "\n".join(" ".join(value + mark for value, mark in parts) for parts in broken), len(broken)
    return broken, len(broken) if fits else 0


def _ems(part: _Part) -> float:
    """Return how wide a value with its mark is at most, in ems."""
    value, mark = part
    if not value.isprintable():  # a line break, too
        return inf
    told = sum(
        _EMS.get(each) or (_ASCII if each.isascii() else 1.0 if east_asian_width(each) in "WF" else _WIDEST)
        for each in value + mark
    )
    return told + 0.8 if mark == DIFFERS else told  # its frame, and a space


def _part(name: str, value: str, mark: str, *, full: bool) -> _Part:
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
