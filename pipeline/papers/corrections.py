"""问题表: submissions with open findings, in the layout of the collection workbook. It is corrected and read in again.

A source with `amends = true` reads it by the 提交编号 of each row. Cells hold what was given, so an untouched cell
normalises to the present value and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING

from pipeline import fields
from pipeline.cohort import Cohort
from pipeline.collect import template
from pipeline.collect.template import FormColumn
from pipeline.logs import mask_id, mask_phone
from pipeline.papers.class_roster import Students, text_records
from pipeline.resources import report_table
from pipeline.review.decisions import one_per_mistake
from pipeline.scale.across import SUBMISSION_ID
from pipeline.view.answers import safe_message
from pipeline.workbook_writer import MAX_CELL, new_workbook, row_height

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

NAME = "问题表"
TO_DO = "需要更正"
_NOTE = str(report_table("words")["texts"]["corrections"])
_ACTORS = ("student", "counselor")
_LOCKED = ("submitted_at", "name")
_NUMBERS = ("student_number", "id_number")
_MASKS = {"id_number": mask_id, "phone": mask_phone, "family_phone": mask_phone}
_LONG = re.compile("[0-9]{15}")
_WIDTH = 46
_UNKNOWN = "没有姓名，或学号和身份证号码都没有：不能在这里更正，请学生重新提交"
_DONE = ("approved", "stale")
_COLOURS = {"critical": "#F9D3C8", "warning": "#FFF0C2"}
_GREY = "#F2F3F5"


@dataclass(frozen=True)
class ToCorrect:
    """A submission to correct: the fields as given, and severity and advice of each faulty field (blank: of none)."""

    submission_id: str
    class_name: str
    """The class that the registry has; in `given` stands the one that he wrote."""
    given: Mapping[str, str]
    faults: Mapping[str, tuple[str, str]]

    @property
    def to_do(self) -> str:
        """Student number and name, then the corrections as a numbered list."""
        told = list(dict.fromkeys(advice for _, advice in self.faults.values()))
        told += [] if self.known else [_UNKNOWN]
        who = f"{self.given['student_number']} {self.given['name']}".strip()
        return "\n".join([who, *(f"{at}. {advice}" for at, advice in enumerate(told, 1))])

    @property
    def known(self) -> bool:
        """Whether name and a number identify the student. Otherwise the row cannot be read in again."""
        return bool(self.given["name"]) and any(self.given[number] for number in _NUMBERS)

    def may_change(self, name: str) -> bool:
        """Return whether a field may be corrected here. One of the two numbers stays, to identify the student."""
        if name in _NUMBERS:
            other = next(one for one in _NUMBERS if one != name)
            return name in self.faults and other not in self.faults and bool(self.given[other])
        return self.known and name not in _LOCKED


def _masked(row: ToCorrect) -> ToCorrect:
    """Return the row for mail. Numbers become blank, and the advice on a wrong one has it masked."""
    given, faults = dict(row.given), dict(row.faults)
    for name, mask in _MASKS.items():
        if name in faults and given[name]:
            severity, advice = faults[name]
            faults[name] = (severity, f"{advice}（原填 {mask(given[name])}）")
        given[name] = ""
    given = {name: "" if _LONG.search(value) else value for name, value in given.items()}  # a photo's name may be one
    return replace(row, given=given, faults=faults)


def rows_to_correct(students: Students) -> list[ToCorrect]:
    """Return rows that student or counselor can correct, by class and student number. Approved students have none."""
    done = students.roster["submission_id"][students.roster["status"].isin(_DONE)]
    found = students.findings
    found = found[~found["excepted"] & found["severity"].isin(list(_COLOURS)) & found["actor"].isin(_ACTORS)]
    found = found[(found["submission_id"] != "") & ~found["submission_id"].isin(list(done))]
    found = one_per_mistake(found.sort_values("severity", kind="stable"))
    given = _as_submitted(students, list(dict.fromkeys(found["submission_id"])))
    faults: dict[str, dict[str, tuple[str, str]]] = {}
    classes: dict[str, str] = {}
    for row in text_records(found[["submission_id", "class_name", "field", "severity", "message", "expected"]]):
        submission, field = row["submission_id"], row["field"]
        classes.setdefault(submission, row["class_name"])
        told = safe_message(row["message"], field, row["expected"], given[submission]["name"])
        own = faults.setdefault(submission, {})
        severity, before = own.get(field, (row["severity"], ""))  # the critical one is first
        own[field] = severity, f"{before}；{told}" if before else told
    rows = [ToCorrect(one, classes[one], given[one], own) for one, own in faults.items()]
    return sorted(rows, key=lambda row: (row.given["class_name"], row.given["student_number"], row.submission_id))


def _as_submitted(students: Students, ids: list[str]) -> dict[str, dict[str, str]]:
    """Return the fields of submissions as given, from `changes`, or as they are if unchanged."""
    values = dict(zip(ids, text_records(students.submissions[fields.names()].loc[ids].astype("str")), strict=True))
    changes = students.run.rows_in(
        "changes", "submission_id", ids, ["submission_id", "field", "given"], students.college.school
    )
    for submission, name, given in changes.drop_duplicates(["submission_id", "field"]).itertuples(index=False):
        if name in fields.fields():
            values[str(submission)][str(name)] = str(given)
    return values


def corrections_workbook(rows: list[ToCorrect], whose: str, form: Form, *, masked: bool = False) -> bytes:
    """Return the workbook of the college or class `whose`. `masked` leaves out ID numbers and telephones, for mail."""
    rows = [_masked(row) for row in rows] if masked else rows
    buffer = BytesIO()
    with new_workbook(buffer) as book:
        columns = form.columns
        sheet = book.add_worksheet(template.SHEET)
        title = f"{form.cohort} {whose} {NAME}"
        book.set_properties({"title": title})
        template.write_head(book, sheet, columns, title, _NOTE)
        ranges = template.write_lists(book, columns)
        for column in columns:
            sheet.set_column(column.at, column.at, column.width)
            template.add_validation(
                sheet, column, ranges.get(column.field.name, ""), template.FIRST_ROW, template.FIRST_ROW + len(rows) - 1
            )
        for at, label, width in ((0, TO_DO, _WIDTH), (len(columns) + 1, SUBMISSION_ID, 24)):
            sheet.set_column(at, at, width)
            sheet.write_string(template.HEADER, at, label, template.label_style(book))
        looks, to_do = (
            _formats(book),
            template.style(book, num_format="@", text_wrap=True, bg_color=_GREY, **template.EDGE),
        )
        for at, row in enumerate(rows, template.FIRST_ROW):
            sheet.set_row(at, row_height([row.to_do], [_WIDTH], line=15, minimum=22))
            sheet.write_string(at, 0, row.to_do[:MAX_CELL], to_do)
            _write_row(sheet, at, row, columns, looks)
        end = template.HEADER + len(rows), len(columns) + 1
        sheet.freeze_panes(template.FIRST_ROW, 1)
        sheet.autofilter(template.HEADER, 0, *end)
        sheet.print_area(0, 0, *end)
        sheet.set_comments_author("")
        sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})
        sheet.protect("", dict.fromkeys(("format_columns", "format_rows", "autofilter"), True))
    return buffer.getvalue()


@dataclass(frozen=True)
class Form:
    """The cohort's name and columns of the collection workbook, which all its workbooks share."""

    cohort: str
    columns: list[FormColumn]

    @classmethod
    def of(cls, cohort: Cohort) -> Form:
        """Return the form of a cohort."""
        return cls(cohort.name, template.form_columns(cohort, first=1))


def _formats(book: Workbook) -> dict[tuple[bool, str], Format]:
    """Return the formats of cells, by whether they are locked and by severity (blank: nothing to mend)."""
    return {
        (locked, severity): template.style(
            book, num_format="@", locked=locked, **template.EDGE, **({"bg_color": colour} if colour else {})
        )
        for locked in (True, False)
        for severity, colour in {**_COLOURS, "": _GREY if locked else ""}.items()
    }


def _write_row(
    sheet: Worksheet, at: int, row: ToCorrect, columns: list[FormColumn], looks: dict[tuple[bool, str], Format]
) -> None:
    for column in columns:
        name = column.field.name
        severity, advice = row.faults.get(name, ("", ""))
        look = looks[not row.may_change(name), severity]
        if row.given[name]:
            sheet.write_string(at, column.at, row.given[name][:MAX_CELL], look)
        else:
            sheet.write_blank(at, column.at, None, look)
        if advice:
            sheet.write_comment(at, column.at, advice, {"x_scale": 1.6, "font_size": 9})
    sheet.write_string(at, columns[-1].at + 1, row.submission_id, looks[True, ""])
