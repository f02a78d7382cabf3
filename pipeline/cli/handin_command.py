"""`mingce handin`: the file for the upper system."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.common import CohortPath, Colleges, open_desk
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.cohort import Cohort
    from pipeline.deliver.handin.mapping import Format
    from pipeline.review.review_snapshot import RunTables

_FORMATS = ("xlsx", "csv", "dbf")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("handin", help="给上级系统的文件：签过字的院系里审核通过的学生。")(handin)


def handin(
    cohort: CohortPath = Path(),
    college: Colleges = None,
    mapping: Annotated[
        str | None, typer.Option("--mapping", help="上报格式：national、office 或一个 .toml 文件", metavar="NAME")
    ] = None,
    form: Annotated[str | None, typer.Option("--format", help="文件种类：xlsx、csv、dbf")] = None,
    template: Annotated[
        Path | None, typer.Option("--template", help="上级下发的 xlsx 模板，样式保留", metavar="FILE")
    ] = None,
    draft: Annotated[bool, typer.Option("--draft", help="还没有签字，只看格式：文件里每行注明草稿")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="文件写到哪个文件夹", metavar="DIR")] = None,
) -> None:
    """Write the file and print its path; refuse where a college is not signed or has changed since."""
    from pipeline.cohort import load_cohort
    from pipeline.deliver.handin import HandinRequest, hand_in
    from pipeline.deliver.handin.mapping import load_mapping
    from pipeline.review.ledger import open_ledger
    from pipeline.review.review_snapshot import KINDS
    from pipeline.review.witnesses import require_whole

    opened = load_cohort(cohort)
    described = load_mapping(mapping or opened.handin.mapping, Path.cwd() if mapping else opened.folder)
    own = opened.path(opened.handin.template) if opened.handin.template else None
    chosen = _format(form) or ("xlsx" if template or own else None)
    if template and chosen != "xlsx":
        raise UsageError("模板只能用于 xlsx", where="--template", remedy="请改为 --format xlsx 或去掉 --template")
    tables, today = open_desk(opened)
    colleges = _colleges(opened, tables, college)
    folder = out or opened.reports_folder / "handin"
    wanted = HandinRequest(described, colleges, chosen, (template or own) if chosen == "xlsx" else None, draft, folder)
    with open_ledger(opened) as ledger:
        if not draft:
            require_whole(opened, ledger)
        entries = ledger.entries(*KINDS)
    done = hand_in(opened, tables, entries, wanted, today)
    for note in done.notes:
        print(note, file=sys.stderr)
    print(f"已写出 {done.students} 人{'（草稿，不能上报）' if draft else ''}，读回核对一致", file=sys.stderr)
    print(done.path)


def _format(text: str | None) -> Format | None:
    if text is not None and text not in _FORMATS:
        raise UsageError(f"没有文件种类 {text}", where="--format", remedy=f"可用：{'、'.join(_FORMATS)}")
    return text


def _colleges(cohort: Cohort, tables: RunTables, named: list[str] | None) -> list[tuple[str, str]]:
    """Return the colleges to hand in, as (school code, name): those that were named, or all."""
    from pipeline.cli.review_command import college_named
    from pipeline.review.review_snapshot import college_students
    from pipeline.run_folder import unread_of

    if named:
        chosen = [college_named(text, cohort) for text in named]
        for college in chosen:
            tables.refuse_unread(college)
            college_students(tables.people, college)  # a college without students is a slip
        return [(college.code, college.name) for college in chosen]
    known = sorted(tables.people[["school_code", "college"]].drop_duplicates().itertuples(index=False, name=None))
    lacking = {key: unread_of(tables.unread, *key) for key in known}
    for (code, name), why in lacking.items():
        if why:
            print(f"没有上报 {code}/{name}：最近一次运行{why}", file=sys.stderr)
    return [key for key in known if not lacking[key]]
