"""The page of the registry's own health: a bad registry row must not look like a student's fault."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.render.load import Run, load_run
from pipeline.render.pieces import Piece, piece, token
from pipeline.tables import Frame

_ROWS = 300


@dataclass(frozen=True)
class RegistryPage:
    """A run with the registry's size and the problems found in it."""

    run: Run
    students: Frame
    problems: Frame | None


def open_registry(run: str) -> RegistryPage:
    """Gather what is known of the registry.

    Args:
        run: path of the run folder.

    Raises:
        InputError: no such run.
    """
    opened = load_run(run)
    problems = opened.table("registry_findings") if opened.has("registry_findings") else None
    return RegistryPage(opened, opened.table("roster", ["school", "college"]), problems)


def show_head(page: RegistryPage) -> Piece:
    """Return the heading."""
    run = page.run
    mark = token(run.run_id, "", "")
    facts = {"token": mark, "school": "", "college": "", "title": "学籍库的情况", "as_of": str(run.as_of)}
    line = f"{run.cohort} · {'、'.join(run.schools.values())}"
    return piece(
        "head", "学籍库的情况", facts, title="学籍库的情况", line=line, as_of=str(run.as_of), token=mark, banners=[]
    )


def show_schools(page: RegistryPage) -> Piece:
    """Return how many students and colleges each school's registry holds."""
    rows: list[tuple[str, ...]] = []
    for code, name in page.run.schools.items():
        mine = page.students[page.students["school"] == name]
        unread = "" if len(mine) else "没有学生：请检查学籍库能否读取"
        rows.append((code, name, str(mine["college"].nunique()), str(len(mine)), unread))
    return piece(
        "listing",
        "各学校",
        {"section": "schools", "title": "各学校"},
        title="各学校",
        section="schools",
        lead="",
        rows=rows,
        headings=("代码", "学校", "院系", "在册", "说明"),
        hidden=0,
        nothing="没有学校。",
    )


def show_problems(page: RegistryPage) -> Piece:
    """Return the problems of registry rows, by kind; rows are named by number, never by person."""
    nothing = "学籍库没有发现问题。" if page.problems is not None else "这次运行没有检查学籍库自身。"
    rows: list[tuple[str, ...]] = []
    if page.problems is not None and len(page.problems):
        wanted = [name for name in ("school", "row", "student_number", "message") if name in page.problems.columns]
        rows = [tuple(str(value) for value in row) for row in page.problems[wanted].itertuples(index=False)]
    return piece(
        "listing",
        "学籍库",
        {"section": "registry", "title": "学籍库"},
        title="学籍库的问题",
        section="registry",
        lead="学籍库自身的错请教务处更正；不算学生的错。",
        rows=rows[:_ROWS],
        headings=("学校", "行", "学号", "问题"),
        hidden=max(len(rows) - _ROWS, 0),
        nothing=nothing,
    )


def show_inputs(page: RegistryPage) -> Piece:
    """Return what was read, each with its digest, so that a result can be traced to its source."""
    rows = [
        (str(one["name"]), str(one["detail"]), f"{int(one['size']) / 1024:,.0f} KB", str(one["sha256"])[:16])
        for one in page.run.summary.get("inputs", [])
    ]
    return piece(
        "listing",
        "读入的文件",
        {"section": "inputs", "title": "文件"},
        title="读入的文件",
        section="inputs",
        lead="",
        rows=rows,
        headings=("文件", "读法", "大小", "SHA-256 前 16 位"),
        hidden=0,
        nothing="没有读入文件。",
    )
