"""The desk as a list: what `review list` shows."""

from __future__ import annotations

from typing import Any

from pipeline.colleges import College
from pipeline.errors import UsageError
from pipeline.review.desk import Desk, students_of
from pipeline.tables import STATUSES

COLUMNS = [
    "school_code", "school", "college", "class_name", "student_number", "status", "change_request", "changed_fields",
    "submission_id", "decided_by", "decided_at",
]  # fmt: skip


def listed(desk: Desk, college: College | None, status: str | None) -> list[dict[str, Any]]:
    """Return the desk's students (of one college, of one status by code or Chinese word) as rows, no names.

    Raises:
        UsageError: no student is of the college, or no such status.
    """
    rows = desk.people
    if college:
        rows = students_of(rows, college)
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


def printed(rows: list[dict[str, Any]]) -> str:
    """Return the rows as lines for people, and how many there are of each status."""
    lines = [_line(row) for row in rows]
    counts = {word: sum(row["status"] == code for row in rows) for code, word in STATUSES.items()}
    total = "，".join(f"{word} {count}" for word, count in counts.items() if count)
    return "\n".join([*lines, f"共 {len(rows)} 人" + (f"：{total}" if total else "")])


def _line(row: dict[str, Any]) -> str:
    from pipeline import fields

    parts = [
        f"{row['school_code']}/{row['student_number']}",
        row["college"],
        row["class_name"],
        STATUSES[row["status"]],
    ]
    if row["change_request"]:
        parts.append("申请修改")
    if row["changed_fields"]:
        parts.append("改动：" + "、".join(fields.label(name) for name in row["changed_fields"].split(",")))
    if row["status"] not in ("approved", "stale", "missing"):
        parts += row["reasons"]
    return "  ".join(parts)
