"""A counselor's page: the college's pieces for the counselor's classes."""

from __future__ import annotations

from pipeline.errors import InputError
from pipeline.render.college import (
    open_page,
    show_chase,
    show_head,
    show_matrix,
    show_notes,
    show_progress,
    show_reasons,
    show_today,
)
from pipeline.view.people import Scope

__all__ = [
    "open_counselor",
    "show_chase",
    "show_head",
    "show_matrix",
    "show_notes",
    "show_progress",
    "show_reasons",
    "show_today",
]


def open_counselor(run: str, college: str, school: str, counselor: str) -> Scope:
    """Read the students of a counselor's classes in one college. `counselor` is a name or an e-mail address.

    Raises:
        InputError: no class or student of this college has this counselor, or two counselors have this name.
    """
    page = open_page(run, college, school)
    people = page.run.rows("counselors", school=page.run.school_name(school), college=college)
    mine = people[(people["email"].str.lower() == counselor.strip().lower()) | (people["name"] == counselor.strip())]
    if mine.empty or not counselor.strip():
        raise InputError(f"{college}没有这位辅导员的班级", remedy="请按 counselors.csv 中的姓名或邮箱填写")
    if mine["email"].nunique() > 1:
        raise InputError(f"{college}有不止一位同名的辅导员", remedy="请改用邮箱")
    own = page.of_classes(set(mine["class_name"]), str(mine["name"].iloc[0]))
    if own.roster.empty:
        raise InputError("这位辅导员的班级里没有本届学生", remedy="请核对 counselors.csv 中的班级名称")
    return own
