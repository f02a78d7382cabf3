"""问题表: submissions with open findings, in the layout of the collection workbook.

A source with `amends = true` reads the corrected workbook by the 提交编号 of each row. Cells hold the values as
submitted: an untouched cell normalises to the present value and changes nothing.
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
_FINISHED = ("approved", "stale")
_COLOURS = {"critical": "#F9D3C8", "warning": "#FFF0C2"}
_GREY = "#F2F3F5"


@dataclass(frozen=True)
class CorrectionRow:
    """A submission to correct: its fields as submitted, and (severity, advice) of each faulty field ("": no field)."""

    submission_id: str
    class_name: str
    """The class in the registry. The one in `submitted` may differ."""
    submitted: Mapping[str, str]
    faults: Mapping[str, tuple[str, str]]

    @property
    def to_do(self) -> str:
        """The text of the column 需要更正: student number and name, then the corrections as a numbered list."""
        advices = list(dict.fromkeys(advice for _, advice in self.faults.values()))
        advices += [] if self.identified else [_UNKNOWN]
        who = f"{self.submitted['student_number']} {self.submitted['name']}".strip()
        return "\n".join([who, *(f"{number}. {advice}" for number, advice in enumerate(advices, 1))])

    @property
    def identified(self) -> bool:
        """Whether name and a number identify the student. Otherwise the row cannot be read in again."""
        return bool(self.submitted["name"]) and any(self.submitted[number] for number in _NUMBERS)

    def may_change(self, name: str) -> bool:
        """Return whether a field may be corrected here. One of the two numbers stays locked as identification."""
        if name in _NUMBERS:
            other_number = next(number for number in _NUMBERS if number != name)
            return name in self.faults and other_number not in self.faults and bool(self.submitted[other_number])
        return self.identified and name not in _LOCKED


def _masked(row: CorrectionRow) -> CorrectionRow:
    """Return the row for mail: ID and telephone numbers are blank, and the advice on a wrong one quotes it masked."""
    submitted, faults = dict(row.submitted), dict(row.faults)
    for name, mask in _MASKS.items():
        if name in faults and submitted[name]:
            severity, advice = faults[name]
            faults[name] = (severity, f"{advice}（原填 {mask(submitted[name])}）")
        submitted[name] = ""
    for name, value in submitted.items():
        submitted[name] = "" if _LONG.search(value) else value  # a photo's file name may be an ID number
    return replace(row, submitted=submitted, faults=faults)


def rows_to_correct(students: Students) -> list[CorrectionRow]:
    """Return the rows that a student or counselor can correct, by class and student number, without the approved."""
    finished = students.roster["submission_id"][students.roster["status"].isin(_FINISHED)]
    findings = students.findings
    findings = findings[~findings["excepted"] & findings["severity"].isin(list(_COLOURS))]
    findings = findings[findings["actor"].isin(_ACTORS) & ~findings["submission_id"].isin(["", *finished])]
    findings = one_per_mistake(findings.sort_values("severity", kind="stable"))
    submitted = _as_submitted(students, list(dict.fromkeys(findings["submission_id"])))
    faults: dict[str, dict[str, tuple[str, str]]] = {}
    classes: dict[str, str] = {}
    for row in text_records(findings[["submission_id", "class_name", "field", "severity", "message", "expected"]]):
        submission, field = row["submission_id"], row["field"]
        classes.setdefault(submission, row["class_name"])
        message = safe_message(row["message"], field, row["expected"], submitted[submission]["name"])
        field_faults = faults.setdefault(submission, {})
        severity, earlier = field_faults.get(field, (row["severity"], ""))  # the critical one is first
        field_faults[field] = severity, f"{earlier}；{message}" if earlier else message
    rows = [CorrectionRow(key, classes[key], submitted[key], of_row) for key, of_row in faults.items()]
    place = ("class_name", "student_number")
    return sorted(rows, key=lambda row: (*(row.submitted[name] for name in place), row.submission_id))


def _as_submitted(students: Students, ids: list[str]) -> dict[str, dict[str, str]]:
    """Return the fields of submissions by id, as submitted: `given` of the table `changes`, else the present value."""
    values = dict(zip(ids, text_records(students.submissions[fields.names()].loc[ids].astype("str")), strict=True))
    changes = students.run.rows_in(
        "changes", "submission_id", ids, ["submission_id", "field", "given"], students.college.school
    )
    for submission, name, value in changes.drop_duplicates(["submission_id", "field"]).itertuples(index=False):
        if name in fields.fields():
            values[str(submission)][str(name)] = str(value)
    return values


def corrections_workbook(rows: list[CorrectionRow], scope_name: str, form: Form, *, masked: bool = False) -> bytes:
    """Return the workbook of the college or class `scope_name`. `masked`: without ID and phone numbers, for mail."""
    rows = [_masked(row) for row in rows] if masked else rows
    buffer = BytesIO()
    with new_workbook(buffer) as book:
        columns = form.columns
        sheet = book.add_worksheet(template.SHEET)
        title = f"{form.cohort} {scope_name} {NAME}"
        book.set_properties({"title": title})
        template.write_head(book, sheet, columns, title, _NOTE)
        ranges = template.write_lists(book, columns)
        for column in columns:
            sheet.set_column(column.index, column.index, column.width)
            template.add_validation(
                sheet, column, ranges.get(column.field.name, ""), template.FIRST_ROW, template.FIRST_ROW + len(rows) - 1
            )
        for index, label, width in ((0, TO_DO, _WIDTH), (len(columns) + 1, SUBMISSION_ID, 24)):
            sheet.set_column(index, index, width)
            sheet.write_string(template.HEADER, index, label, template.label_style(book))
        formats = _formats(book)
        to_do = template.style(book, num_format="@", text_wrap=True, bg_color=_GREY, **template.EDGE)
        for index, row in enumerate(rows, template.FIRST_ROW):
            sheet.set_row(index, row_height([row.to_do], [_WIDTH], line=15, minimum=22))
            sheet.write_string(index, 0, row.to_do[:MAX_CELL], to_do)
            _write_row(sheet, index, row, columns, formats)
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
    """The cohort's name and the columns of its collection workbook. All workbooks of a cohort share them."""

    cohort: str
    columns: list[FormColumn]

    @classmethod
    def for_cohort(cls, cohort: Cohort) -> Form:
        """Return the form of a cohort."""
        return cls(cohort.name, template.form_columns(cohort, first=1))


def _formats(book: Workbook) -> dict[tuple[bool, str], Format]:
    """Return the cell formats by locked and severity ("": no fault)."""
    return {
        (locked, severity): template.style(
            book, num_format="@", locked=locked, **template.EDGE, **({"bg_color": colour} if colour else {})
        )
        for locked in (True, False)
        for severity, colour in {**_COLOURS, "": _GREY if locked else ""}.items()
    }


def _write_row(
    sheet: Worksheet, index: int, row: CorrectionRow, columns: list[FormColumn], formats: dict[tuple[bool, str], Format]
) -> None:
    for column in columns:
        name = column.field.name
        severity, advice = row.faults.get(name, ("", ""))
        cell_format = formats[not row.may_change(name), severity]
        if row.submitted[name]:
            sheet.write_string(index, column.index, row.submitted[name][:MAX_CELL], cell_format)
        else:
            sheet.write_blank(index, column.index, None, cell_format)
        if advice:
            sheet.write_comment(index, column.index, advice, {"x_scale": 1.6, "font_size": 9})
    sheet.write_string(index, columns[-1].index + 1, row.submission_id, formats[True, ""])
