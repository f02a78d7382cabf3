"""The page of the registry's own problems, so that a bad registry row is not taken for a student's mistake."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from textwrap import wrap

import pandas as pd

from pipeline.render.pieces import Piece
from pipeline.render.sections import FIRST_PAGE, LISTED, head_piece, listing, ready_notebook, rows_of
from pipeline.tables import Frame, empty
from pipeline.view.run_tables import Run, load_run


@dataclass(frozen=True)
class RegistryPage:
    """A run's colleges, the number of registry problems by school, and the first problems by row."""

    run: Run
    colleges: Frame
    problems: Counter[str]
    first: Frame | None


def open_registry(run: str, school: str = "") -> RegistryPage:
    """Read the registry's problems in the run folder `run`, of one school (a code) or of all.

    Raises:
        InputError: the run or school does not exist.
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
    line = f"{page.run.cohort} · {page.run.schools_in_words}"
    return head_piece(page.run, "学籍库的情况", line, links=[FIRST_PAGE])


def show_schools(page: RegistryPage) -> Piece:
    """Return the number of students, colleges and problems of each school."""
    with_students = page.colleges[page.colleges["registered"] > 0]
    colleges: Counter[str] = Counter(with_students["school"])
    students = with_students.groupby("school")["registered"].sum().to_dict()
    rows: list[tuple[str, ...]] = []
    for code, name in page.run.schools.items():
        unread = "" if name in students else "没有学生：请检查学籍库能否读取"
        counts = (colleges[name], students.get(name, 0), page.problems[name] or "–")
        rows.append((code, name, *map(str, counts), unread))
    if page.run.many_schools:  # schools with problems first
        rows.sort(key=lambda row: (not row[-1], -page.problems[row[1]]))
    return listing("各学校", "schools", "", rows, ("代码", "学校", "院系", "在册", "学籍问题", "说明"), "没有学校。")


def show_problems(page: RegistryPage) -> Piece:
    """Return the problems of registry rows. A row is named by its number, never by a person."""
    nothing = "学籍库没有发现问题。" if page.first is not None else "这次运行没有检查学籍库自身。"
    rows: list[tuple[str, ...]] = []
    if page.first is not None:
        rows = rows_of(page.first, ["school", "row", "student_number", "message"])
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
    """Return the input files with their digests, so that each result is traceable."""
    rows: list[tuple[str, ...]] = []
    for one in page.run.summary.get("inputs", []):
        digest = " ".join(wrap(str(one["sha256"])[:16], 4))
        rows.append((str(one["name"]), str(one["detail"]), f"{int(one['size']) / 1024:,.0f} KB", digest))
    headings = ("文件", "读法", "大小", "指纹（前 16 位）")
    return listing("读入的文件", "inputs", "", rows, headings, "没有读入文件。", beyond="summary.json")
