"""The headcount as PDF/A and A4 workbook, with the page's numbers. Signed files are kept beside `cohort.toml`."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import segno

from pipeline.atomic_files import atomic_path, sha256_of
from pipeline.cohort import Cohort
from pipeline.colleges import College
from pipeline.errors import MingceError
from pipeline.render import printed_headcount as printed
from pipeline.render.printed_headcount import Headcount
from pipeline.review.review_snapshot import ReviewSnapshot, college_students
from pipeline.review.signatures import code_of, signed_digest
from pipeline.tables import read_table
from pipeline.tabulate.tabulate_stage import make_headcount
from pipeline.typeset import paper_of, qr_svg, watermark
from pipeline.workbook_writer import A4, PAGE_FOOTER, new_workbook, row_height

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

_HEADINGS = ("学历", "专业", *printed.COLUMNS.values(), "一致")
_TOP = 3  # 0-based row of the headings
_LAST = len(_HEADINGS) - 1


def write_headcount_pdf(path: Path, headcount: Headcount) -> None:
    """Write the PDF, without places to sign and a code until the college may sign. Raises MingceError."""
    pictures = {"qr": qr_svg(headcount.code) if headcount.code else ""}
    try:
        pdf = paper_of("headcount", headcount.as_of, _pdf_data(headcount), pictures).pdf()
    except MingceError as error:
        what, remedy = f"人数表 {error.what}", "请先用 headcount.xlsx 打印"
        raise MingceError(what, where=headcount.college, remedy=remedy) from None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pdf)


def _pdf_data(headcount: Headcount) -> dict[str, Any]:
    return {
        "title": headcount.title,
        "addressee": headcount.addressee,
        "about": [f"院系：{headcount.college}", f"统计日期：{headcount.date_text}", "单位：人"],
        "as_of": f"数据截至 {headcount.as_of.isoformat()}",
        "foot": headcount.footer,
        "flipped": not headcount.portrait,
        "draft": "" if headcount.signable else printed.DRAFT,
        "headings": list(printed.COLUMNS.values()),
        "note": headcount.note,
        "boxed_note": "表中的□是字体里没有的字，原字见 headcount.xlsx。",
        "attestation": headcount.attestation,
        "ready": headcount.signable,
        "signatures": list(printed.SIGNATURES) if headcount.signable else [],
        "seal": [printed.SEAL, printed.DATE],
        "lines": [
            {
                "kind": line.kind,
                "span": span,
                "level": line.level,
                "major": line.major,
                "cells": [*map(str, line.numbers), line.equal_text],
            }
            for line, span in headcount.level_spans()
        ],
    }


def write_headcount_xlsx(path: Path, headcount: Headcount) -> None:
    """Write the workbook (sheet 人数统计). Until the college may sign, it has no places to sign and no code."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_workbook(path) as book:
        book.set_properties({"title": headcount.title, "author": ""})
        sheet, formats = book.add_worksheet("人数统计"), _Formats(book)
        _write_heads(sheet, formats, headcount)
        _write_lines(sheet, formats, headcount)
        end = _write_below(sheet, formats, headcount, _TOP + 1 + len(headcount.lines))
        _page_setup(sheet, headcount, end)


class _Formats:
    def __init__(self, book: Workbook) -> None:
        def add(**properties: object) -> Format:
            return book.add_format({"font_name": "宋体", "font_size": 11, "valign": "vcenter", **properties})

        self.title = add(font_size=18, align="center", bold=True)
        self.plain = add()
        self.right = add(align="right")
        self.center = add(align="center")
        self.head = add(border=1, align="center", bg_color="#ECECEC", text_wrap=True, bold=True)
        self.text = add(border=1, indent=1, text_wrap=True, num_format="@")
        self.level = add(border=1, align="center", text_wrap=True, num_format="@")
        self.number = add(border=1, align="center")
        self.total = add(border=1, bold=True, align="center")
        self.note = add(text_wrap=True, valign="top", font_size=10)
        self.warning = add(text_wrap=True, bold=True, border=1, indent=1, font_size=10)
        self.attested = add(text_wrap=True, indent=1)
        self.line = add(bottom=1, locked=False)


def _write_heads(sheet: Worksheet, formats: _Formats, headcount: Headcount) -> None:
    sheet.merge_range(0, 0, 0, _LAST, headcount.title, formats.title)
    for row, points in enumerate((44, 26, 22)):
        sheet.set_row(row, points)
    sheet.write_string(1, 0, headcount.addressee, formats.plain)
    sheet.write_string(2, 0, f"院系：{headcount.college}", formats.plain)
    sheet.write_string(2, _LAST, f"统计日期：{headcount.date_text}　单位：人", formats.right)
    sheet.set_row(_TOP, 30)
    for column, heading in enumerate(_HEADINGS):
        sheet.write_string(_TOP, column, heading, formats.head)


def _write_lines(sheet: Worksheet, formats: _Formats, headcount: Headcount) -> None:
    width = _widths(headcount)[1] - 2
    for row, (line, span) in enumerate(headcount.level_spans(), _TOP + 1):
        number = formats.number if line.kind == "major" else formats.total
        sheet.set_row(row, row_height([line.major], [width], line=15, minimum=24))
        if span > 1:
            sheet.merge_range(row, 0, row + span - 1, 0, line.level, formats.level)
        elif span:
            sheet.write_string(row, 0, line.level, formats.level)
        if line.kind == "major":
            sheet.write_string(row, 1, line.major, formats.text)
        else:
            sheet.merge_range(row, 0, row, 1, line.major, formats.total)
        for column, value in enumerate(line.numbers, 2):
            sheet.write_number(row, column, value, number)
        sheet.write_string(row, _LAST, line.equal_text, number)


def _write_below(sheet: Worksheet, formats: _Formats, headcount: Headcount, row: int) -> int:
    """Write notes, attestation, places to sign, seal and code. Return the last row."""
    width = sum(_widths(headcount)) + _LAST
    attested = formats.attested if headcount.signable else formats.warning
    for line, (text, style) in enumerate(((headcount.note, formats.note), (headcount.attestation, attested)), row):
        sheet.merge_range(line, 0, line, _LAST, text, style)
        sheet.set_row(line, row_height([text], [width - 6], line=15, minimum=22))
    if not headcount.signable:
        image = {"image_data": io.BytesIO(watermark(printed.DRAFT)), "object_position": 3, "x_offset": 20}
        sheet.insert_image(_TOP, 1, "draft.png", {**image, "description": printed.DRAFT})
        return max(row + 1, _TOP + 20)  # room for the watermark
    sign_row = row + 3
    sheet.set_row(sign_row, 30)
    for (start, until), name in zip(((0, 1), (3, 5), (7, _LAST)), printed.SIGNATURES, strict=True):
        sheet.merge_range(sign_row, start, sign_row, until, f"{name}：", formats.line)
    _seal_and_code(sheet, formats, headcount.code, sign_row + 2)
    return sign_row + 5


def _seal_and_code(sheet: Worksheet, formats: _Formats, code: str, row: int) -> None:
    picture = io.BytesIO()
    segno.make(code, micro=False, error="m").save(picture, kind="png", scale=3, border=2)
    for at in range(row, row + 4):
        sheet.set_row(at, 22)
    for at, text in ((row, printed.SEAL), (row + 2, printed.DATE)):
        sheet.merge_range(at, 7, at, _LAST, text, formats.center)
    sheet.insert_image(row, 0, "code.png", {"image_data": picture, "object_position": 1, "description": code})
    sheet.write_string(row + 3, 0, f"校验码 {code}", formats.plain)


def _widths(headcount: Headcount) -> list[int]:
    level, major, number, equal = (11, 22, 6, 6) if headcount.portrait else (13, 34, 8, 8)
    return [level, major, *[number] * len(printed.COLUMNS), equal]


def _page_setup(sheet: Worksheet, headcount: Headcount, end: int) -> None:
    for column, width in enumerate(_widths(headcount)):
        sheet.set_column(column, column, width)
    if not headcount.portrait:
        sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.set_margins(left=0.6, right=0.6, top=0.8, bottom=0.8)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(_TOP)
    sheet.print_area(0, 0, end, _LAST)
    sheet.center_horizontally()
    sheet.set_footer(f"&L{headcount.footer}{PAGE_FOOTER}&R数据截至 {headcount.as_of.isoformat()}")
    sheet.freeze_panes(_TOP + 1, 2)
    sheet.protect("", {"format_columns": True, "format_rows": True})
    sheet.hide_gridlines(2)
    if not headcount.one_page:
        sheet.set_h_pagebreaks([_TOP + 1 + len(headcount.lines)])


HEADCOUNT_WRITERS = {"headcount.pdf": write_headcount_pdf, "headcount.xlsx": write_headcount_xlsx}


class SignedFolder:
    """`<cohort>/signed/`, which has a folder per code."""

    def __init__(self, cohort: Cohort) -> None:
        self.path = cohort.folder / "signed"

    def store(self, headcount: Headcount, known: Mapping[str, str]) -> dict[str, str]:
        """Write the signed files and return their SHA-256. Files that match `known` are not written again."""
        digests: dict[str, str] = {}
        for name, write in HEADCOUNT_WRITERS.items():
            path = self.path / code_of(headcount.digest) / name
            if not (known.get(name) and path.is_file() and sha256_of(path) == known[name]):
                with atomic_path(path) as draft:
                    write(draft, headcount)
                    draft.chmod(0o600)
            digests[name] = sha256_of(path)
        return digests

    def copy(self, digest: str, name: str, sha256: str, target: Path) -> None:
        """Copy a signed file to `target` in a run. Raises MingceError if it is missing or changed since."""
        signed = self.path / code_of(digest) / name
        if not signed.is_file() or sha256_of(signed) != sha256:
            remedy = "请从备份找回；找不回来的，请先撤销签字（mingce sign revoke），再由学院重新签字"
            raise MingceError("签字时保存的文件不见了，或被改动过", where=str(signed), remedy=remedy)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(signed, target)


def final_headcount(snapshot: ReviewSnapshot, college: College, cohort: Cohort, day: date) -> Headcount:
    """Return the headcount to sign, by the current decisions in `snapshot`. `day` is the date of the run's data."""
    run = cohort.reports_folder / "runs" / snapshot.tables.run_id
    certifications, outside = (read_table(run, name) for name in ("certifications", "outside"))
    rows = college_students(snapshot.people, college)
    certified = certifications[certifications["submission_id"].isin(rows["submission_id"])]
    claimed = rows.iloc[:0]
    if snapshot.tables.extras is not None:  # one row for each submission outside the roster
        claimed = college.rows_of(snapshot.tables.extras)
        claimed = claimed.loc[claimed.index.repeat(claimed["extra"])].reset_index(drop=True)
    return Headcount(
        cohort=cohort.name,
        school=college.school,
        college=college.name,
        as_of=day,
        lines=printed.headcount_lines(make_headcount(rows, certified, claimed)),
        digest=signed_digest(rows),
        office=cohort.office.name,
        outside=printed.outside_in_words(college.rows_of(outside)),
    )
