"""Comparisons of sets: registered with submitted and approved, and this year with the year before."""

from __future__ import annotations

from pipeline.render.pieces import Piece
from pipeline.render.sections import listing
from pipeline.render.table_words import DIFFERENCES
from pipeline.tables import Frame
from pipeline.view.all_colleges import Overview
from pipeline.view.moves import who_moved
from pipeline.view.people import Scope

_SHOWN = [kind for kind in DIFFERENCES if kind != "not_approved"]


def show_differences(page: Scope) -> Piece:
    """Return the students of a college in one set only. Those who only await approval are left out."""
    told: list[tuple[str, ...]] = []
    if page.run.has("differences"):
        columns = ["major", "kind", "student_number", "name", "elsewhere"]
        rows = page.run.rows("differences", columns=columns, school=page.school_name, college=page.college)
        rows = rows[rows["kind"].isin(_SHOWN)]
        told = _rows(rows.assign(kind=rows["kind"].map(DIFFERENCES)), columns)
    return listing(
        "名单差异",
        "differences",
        "人数相同而人不同，也不算一致。",
        told,
        ("专业", "差异", "学号", "姓名", "另一处"),
        "在册的人和提交的人一个不多、一个不少。",
    )


def show_years(page: Overview) -> Piece | None:
    """Return majors whose headcount changed by 20 % or more, with explanations; None without a year before."""
    table = page.run.of_school("years", page.school) if page.run.has("years") else None
    if table is None:
        return None
    table = table[table["explain"] | (table["explanation"] != "")]
    columns = ["school", "college", "education_level", "major", "registered_before", "registered", "explanation"]
    return listing(
        "与上一届相比",
        "years",
        "人数增减达到 20% 的专业，请学院说明；就业办用 mingce except add --college 院系 --major 专业 登记。",
        _rows(table, columns),
        ("学校", "院系", "学历", "专业", "上一届", "本届", "说明"),
        "没有增减达到 20% 的专业。",
    )


def show_outside(page: Overview) -> Piece | None:
    """Return registry students outside the class with the reason and its source; None when there are none."""
    table = page.run.of_school("outside", page.school) if page.run.has("outside") else None
    if table is None or table.empty:
        return None
    decided = table["by"] + " " + table["at"].str.slice(0, 10) + " 登记"
    table = table.assign(said=decided.where(table["source"] == "decision", "学籍库"))
    columns = ["college", "class_name", "student_number", "name", "reason", "said"]
    return listing(
        "不在本届",
        "outside",
        "学籍库里有、不计入本届人数的人；要列入或列出，用 mingce scope，或在办公台登记。",
        _rows(table, columns),
        ("院系", "班级", "学号", "姓名", "原因", "依据"),
        "没有。",
    )


def show_moved(page: Overview) -> Piece | None:
    """Return students who came, left or changed class; None without any and on the page of many schools."""
    moved = None if page.by_school else who_moved(page.run, page.run.school_name(page.school) if page.school else "")
    if moved is None or moved.empty:
        return None
    return listing(
        "谁变动了",
        "moved",
        "来了谁、走了谁、从哪个班到了哪个班。只供就业办核对，请不要转发。",
        _rows(moved, ["student_number", "name", "since", "before", "now"]),
        ("学号", "姓名", "相比", "原来", "现在"),
        "没有。",
    )


def _rows(table: Frame, columns: list[str]) -> list[tuple[str, ...]]:
    return [tuple(map(str, row)) for row in table[columns].itertuples(index=False)]
