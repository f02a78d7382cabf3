"""The rows and the text of `review list`."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from pipeline import fields
from pipeline.colleges import College
from pipeline.errors import UsageError
from pipeline.review.chain import TYPED
from pipeline.review.review_snapshot import Desk, college_students
from pipeline.tables import STATUSES

COLUMNS = [
    "school_code", "school", "college", "class_name", "student_number", "status", "change_request", "exception_expired",
    "changed_fields", "submission_id", "decided_by", "decided_at", "decided_checked",
]  # fmt: skip


def listed_students(desk: Desk, college: College | None, status: str | None) -> list[dict[str, Any]]:
    """Return students (of a college, of a status by code or Chinese word) as `COLUMNS` and `reasons`, without names.

    Raises:
        UsageError: the college has no students, or the status is unknown.
    """
    rows = desk.people
    if college:
        rows = college_students(rows, college)
    if status:
        code = next((code for code, word in STATUSES.items() if status in (code, word)), "")
        if not code:
            raise UsageError(f"没有状态 {status}", where="--status", remedy=f"可选：{'、'.join(STATUSES)}")
        rows = rows[rows["status"] == code]
    ordered = rows.sort_values(["school_code", "college", "class_name", "student_number"])
    return [
        {**{str(key): value for key, value in row.items()}, "reasons": desk.reasons(str(row["submission_id"]))}
        for row in ordered[COLUMNS].to_dict("records")
    ]


def listing_lines(rows: list[dict[str, Any]], run_id: str) -> str:
    """Return rows of `listed_students` as Chinese lines by college, then counts and the run's id."""
    lines: list[str] = []
    for (school, college), group in groupby(rows, lambda row: (row["school"], row["college"])):
        own = list(group)
        lines += [f"{college}（{school}）", *_columns([_cells(row) for row in own]), ""]
    counts = {word: sum(row["status"] == code for row in rows) for code, word in STATUSES.items()}
    total = "，".join(f"{word} {count}" for word, count in counts.items() if count)
    typed = sum(bool(row["decided_by"]) and not row["decided_checked"] for row in rows)
    names = [f"其中 {typed} 人的审核人{TYPED}"] if typed else []
    return "\n".join([*lines, f"共 {len(rows)} 人" + (f"：{total}" if total else ""), *names, f"看的是运行 {run_id}"])


def _cells(row: dict[str, Any]) -> tuple[str, str, str, str]:
    said: list[str] = []
    if row["change_request"]:
        said.append("申请修改")
    if row["exception_expired"]:
        said.append("例外已到期")
    if row["changed_fields"]:
        said.append("改动：" + "、".join(fields.label(name) for name in row["changed_fields"].split(",")))
    if row["status"] not in ("approved", "stale", "missing"):
        said += row["reasons"]
    return f"{row['school_code']}/{row['student_number']}", row["class_name"], STATUSES[row["status"]], "；".join(said)


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    padded = [[cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)] for row in rows]
    return ["  ".join(cells).rstrip() for cells in padded]
