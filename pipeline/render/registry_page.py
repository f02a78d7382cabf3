"""The page of the registry's own health: a bad registry row must not look like a student's fault."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.render.opened import ready_notebook
from pipeline.render.pieces import FIRST_PAGE, LISTED, Piece, listing, piece, short_digest, token
from pipeline.tables import Frame, empty
from pipeline.view import schools
from pipeline.view.run_tables import Run, load_run


@dataclass(frozen=True)
class RegistryPage:
    """A run with the registry's size and the problems found in it: how many in each school, the first by row."""

    run: Run
    colleges: Frame
    problems: Counter[str]
    first: Frame | None


def open_registry(run: str, school: str = "") -> RegistryPage:
    """Gather what is known of the registry, or of that of one school.

    Args:
        run: path of the run folder.
        school: the school's code; blank: all schools.

    Raises:
        InputError: no such run or school.
    """
    opened = load_run(run)
    ready_notebook()
    colleges = opened.table("colleges", ["school", "college", "registered"])
    if not opened.has("registry_findings"):
        return RegistryPage(opened, colleges, Counter(), None)
    problems: Counter[str] = Counter()
    first = empty("registry_findings")
    for rows in opened.batches("registry_findings", [opened.school_name(school)] if school else []):
        problems.update(rows["school"])
        first = pd.concat([first, rows.head(LISTED - len(first))], ignore_index=True)
    return RegistryPage(opened, colleges, problems, first)


def show_head(page: RegistryPage) -> Piece:
    """Return the heading."""
    run = page.run
    mark = token(run.run_id, "", "")
    facts: dict[str, Any] = {"token": mark, "school": "", "college": "", "title": "学籍库的情况"}
    facts |= {"as_of": str(run.as_of), "links": [FIRST_PAGE], "office": run.office}
    of = f"{len(run.schools)} 所学校" if schools.are_many(run) else "、".join(run.schools.values())
    line = f"{run.cohort} · {of}"
    return piece(
        "head", "学籍库的情况", facts, title="学籍库的情况", line=line, as_of=str(run.as_of), token=mark, banners=[]
    )


def show_schools(page: RegistryPage) -> Piece:
    """Return how many students and colleges each school's registry holds."""
    with_students = page.colleges[page.colleges["registered"] > 0]
    colleges: Counter[str] = Counter(with_students["school"])
    students: Counter[str] = Counter()
    for school, number in zip(with_students["school"], with_students["registered"], strict=True):
        students[school] += number
    rows: list[tuple[str, ...]] = []
    for code, name in page.run.schools.items():
        unread = "" if students[name] else "没有学生：请检查学籍库能否读取"
        rows.append((code, name, str(colleges[name]), str(students[name]), str(page.problems[name] or "–"), unread))
    if schools.are_many(page.run):  # what needs a hand first
        rows.sort(key=lambda row: (not row[-1], -page.problems[row[1]]))
    return listing("各学校", "schools", "", rows, ("代码", "学校", "院系", "在册", "学籍问题", "说明"), "没有学校。")


def show_problems(page: RegistryPage) -> Piece:
    """Return the problems of registry rows, by kind; rows are named by number, never by person."""
    nothing = "学籍库没有发现问题。" if page.first is not None else "这次运行没有检查学籍库自身。"
    rows: list[tuple[str, ...]] = []
    if page.first is not None:
        wanted = ["school", "row", "student_number", "message"]
        rows = [tuple(str(value) for value in row) for row in page.first[wanted].itertuples(index=False)]
    return listing(
        "学籍库的问题",
        "registry",
        "学籍库自身的错请教务处更正；不算学生的错。",
        rows,
        ("学校", "行", "学号", "问题"),
        nothing,
        left_out=sum(page.problems.values()) - len(rows),
    )


def show_inputs(page: RegistryPage) -> Piece:
    """Return what was read, each with its digest, so that a result can be traced to its source."""
    rows = [
        (str(one["name"]), str(one["detail"]), f"{int(one['size']) / 1024:,.0f} KB", short_digest(str(one["sha256"])))
        for one in page.run.summary.get("inputs", [])
    ]
    headings = ("文件", "读法", "大小", "指纹（前 16 位）")
    return listing("读入的文件", "inputs", "", rows, headings, "没有读入文件。", beyond="summary.json")
