"""The table of decisions of one college, to be filled in: one line for each student, with the 提交编号 decided on."""

from __future__ import annotations

from pathlib import Path

from pipeline.colleges import College
from pipeline.errors import UsageError
from pipeline.review.exceptions import PROOFS
from pipeline.review.review_snapshot import Desk, Student, college_students, records
from pipeline.review.worksheet import COLUMNS, SCOPE_OPINIONS, WORKSHEET
from pipeline.tables import STATUSES
from pipeline.whole import appearing
from pipeline.workbook_writer import text_book, write_row

_BESIDE = ("班级", "姓名", "状态", "未解决")
_WIDTHS = (20, 16, 10, 10, 24, 36, 14, 16, 10, 14, 40)


def write_sheet(path: Path, desk: Desk, college: College) -> Path:
    """Write the workbook and return where it is; its cells are text, nothing in it a formula.

    Raises:
        UsageError: there is such a file already: somebody's decisions may stand in it.
    """
    if path.exists():
        raise UsageError(f"已有文件 {path}，里面可能有填好的意见", where="--out", remedy="请换一个文件名")
    rows = college_students(desk.people, college).sort_values(["class_name", "student_number"])
    headings = (*COLUMNS, *_BESIDE)
    with appearing(path) as draft, text_book(draft) as book:
        sheet = book.add_worksheet(WORKSHEET)
        text = book.add_format({"num_format": "@"})
        for at, width in enumerate(_WIDTHS):
            sheet.set_column(at, at, width, text)
        write_row(sheet, 0, headings, book.add_format({"bold": True, "bg_color": "#ECECEC"}))
        for row, student in enumerate(records(rows), 1):
            told = _told(desk, student)
            write_row(sheet, row, [str(told.get(heading, "")) for heading in headings], text)
        opinion = {"validate": "list", "source": ["通过", "退回", "取消审核", *SCOPE_OPINIONS], "ignore_blank": True}
        sheet.data_validation(1, COLUMNS.index("意见"), max(len(rows), 1), COLUMNS.index("意见"), opinion)
        proof = {"validate": "list", "source": list(PROOFS), "ignore_blank": True}
        sheet.data_validation(1, COLUMNS.index("证明"), max(len(rows), 1), COLUMNS.index("证明"), proof)
        sheet.freeze_panes(1, 2)
    path.chmod(0o600)
    return path


def _told(desk: Desk, student: Student) -> dict[str, object]:
    """Return a student's cells by heading."""
    submission = str(student["submission_id"])
    return {
        "学校名称": student["school"],
        "学号": student["student_number"],
        "提交编号": submission,
        "班级": student["class_name"],
        "姓名": student["name"],
        "状态": STATUSES[str(student["status"])],
        "未解决": "；".join(desk.reasons(submission)),
    }
