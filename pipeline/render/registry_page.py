"""The page of the registry's own problems, so that a bad registry row is not taken for a student's mistake."""

from __future__ import annotations

from collections import Counter
from textwrap import wrap

from pipeline.render.fragments import Fragment
from pipeline.render.parameters import require_parameters
from pipeline.render.sections import FIRST_PAGE, listing, page_head, rows_of, set_up_notebook
from pipeline.view.all_colleges import Overview
from pipeline.view.run_tables import load_run


def open_registry(run: str) -> Overview:
    """Read the registries in the run folder `run`. Raises InputError if there is no such run."""
    require_parameters(run=run)
    run_tables = load_run(run)
    set_up_notebook()
    return Overview(run_tables, run_tables.table("colleges"))


def show_head(page: Overview) -> Fragment:
    """Return the heading."""
    line = f"{page.run.cohort} · {page.run.schools_in_words}"
    return page_head(page.run, "学籍库的情况", line, links=[FIRST_PAGE])


def show_schools(page: Overview) -> Fragment:
    """Return the number of students, colleges and problems of each school."""
    with_students = page.colleges[page.colleges["registered"] > 0]
    colleges: Counter[str] = Counter(with_students["school"])
    students = with_students.groupby("school")["registered"].sum().to_dict()
    problems, _ = page.registry_problems
    rows: list[tuple[str, ...]] = []
    for code, name in page.run.schools.items():
        remark = "" if name in students else "没有学生：请检查学籍库能否读取"
        counts = (colleges[name], students.get(name, 0), problems[name] or "–")
        rows.append((code, name, *map(str, counts), remark))
    if page.run.many_schools:  # schools with problems first
        rows.sort(key=lambda row: (not row[-1], -problems[row[1]]))
    return listing("各学校", "schools", "", rows, ("代码", "学校", "院系", "在册", "学籍问题", "说明"), "没有学校。")


def show_problems(page: Overview) -> Fragment:
    """Return the problems of registry rows. A row is named by its number, never by a person."""
    problems, first = page.registry_problems
    return listing(
        "学籍库的问题",
        "registry",
        "学籍库自身的错请教务处更正；不算学生的错。",
        rows_of(first, ["school", "row", "student_number", "message"]),
        ("学校", "行", "学号", "问题"),
        "学籍库没有发现问题。" if page.run.has("registry_findings") else "这次运行没有检查学籍库自身。",
        unlisted=problems.total() - len(first),
    )


def show_inputs(page: Overview) -> Fragment:
    """Return the input files with their digests, so that each result is traceable."""
    rows: list[tuple[str, ...]] = []
    for file in page.run.summary.get("inputs", []):
        digest = " ".join(wrap(str(file["sha256"])[:16], 4))
        rows.append((str(file["name"]), str(file["detail"]), f"{int(file['size']) / 1024:,.0f} KB", digest))
    headings = ("文件", "读法", "大小", "指纹（前 16 位）")
    return listing("读入的文件", "inputs", "", rows, headings, "没有读入文件。", complete_file="summary.json")
