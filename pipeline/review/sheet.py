"""The table of decisions of one college, to be filled in: one line for each student, with the 提交编号 decided on."""

from __future__ import annotations

from pathlib import Path

import xlsxwriter

from pipeline.colleges import College
from pipeline.errors import UsageError
from pipeline.review.desk import Desk, records, students_of
from pipeline.review.exceptions import PROOFS
from pipeline.review.worksheet import COLUMNS, SCOPE_OPINIONS, WORKSHEET
from pipeline.tables import STATUSES
from pipeline.whole import appearing

_BESIDE = ("班级", "姓名", "状态", "未解决")
_WIDTHS = (20, 16, 10, 10, 24, 36, 14, 16, 10, 14, 40)


def write_sheet(path: Path, desk: Desk, college: College) -> Path:
    """Write the workbook and return where it is; its cells are text, nothing in it a formula.

    Raises:
        UsageError: there is such a file already: somebody's decisions may stand in it.
    """
    if path.exists():
        raise UsageError(f"已有文件 {path}，里面可能有填好的意见", where="--out", remedy="请换一个文件名")
    rows = students_of(desk.people, college).sort_values(["class_name", "student_number"])
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with appearing(path) as draft, xlsxwriter.Workbook(str(draft), options) as book:
        sheet = book.add_worksheet(WORKSHEET)
        text = book.add_format({"num_format": "@"})
        for at, (heading, width) in enumerate(zip((*COLUMNS, *_BESIDE), _WIDTHS, strict=True)):
            sheet.set_column(at, at, width, text)
            sheet.write_string(0, at, heading, book.add_format({"bold": True, "bg_color": "#ECECEC"}))
        for row, student in enumerate(records(rows), 1):
            submission = str(student["submission_id"])
            told = {
                "学校名称": student["school"],
                "学号": student["student_number"],
                "提交编号": submission,
                "班级": student["class_name"],
                "姓名": student["name"],
                "状态": STATUSES[str(student["status"])],
                "未解决": "；".join(desk.reasons(submission)),
            }
            for at, heading in enumerate((*COLUMNS, *_BESIDE)):
                if told.get(heading):
                    sheet.write_string(row, at, str(told[heading])[:32_767], text)
        opinion = {"validate": "list", "source": ["通过", "退回", "取消审核", *SCOPE_OPINIONS], "ignore_blank": True}
        sheet.data_validation(1, COLUMNS.index("意见"), max(len(rows), 1), COLUMNS.index("意见"), opinion)
        proof = {"validate": "list", "source": list(PROOFS), "ignore_blank": True}
        sheet.data_validation(1, COLUMNS.index("证明"), max(len(rows), 1), COLUMNS.index("证明"), proof)
        sheet.freeze_panes(1, 2)
    path.chmod(0o600)
    return path
