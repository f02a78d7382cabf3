"""`mingce template`: the collection workbook, or the same as a Google sheet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("template", help="生成收集用的登记表（xlsx），或用 --google 建在共享表格里。")(template)


def template(
    out: Annotated[Path, typer.Argument(help="写到哪个文件", metavar="[OUT.xlsx]")] = Path("登记表.xlsx"),
    cohort: Annotated[
        Path | None, typer.Option("--cohort", help="届别文件夹：下拉框带上本届的学校、院系、班级")
    ] = None,
    google: Annotated[str | None, typer.Option("--google", help="Google 表格的编号（KEY）")] = None,
    force: Annotated[bool, typer.Option("--force", help="文件已存在时覆盖")] = False,
) -> None:
    """Write the collection workbook; its path is the one line on standard output."""
    from pipeline.cohort import FILE_NAME, load_cohort

    here = cohort or (Path() if Path(FILE_NAME).is_file() else None)
    settings = load_cohort(here) if here else None
    if google:
        from pipeline.collect.google.google_template import complete_template

        print(complete_template(google, settings), file=sys.stderr)
        print(google)
        return
    if out.suffix.lower() != ".xlsx":
        raise UsageError(f"文件名 {out.name} 不是 .xlsx", where="OUT.xlsx", remedy="请写作 登记表.xlsx")
    if out.exists() and not force:
        raise UsageError("文件已存在，没有覆盖", where=str(out), remedy="请换个文件名，或加 --force")
    from pipeline.collect.template import write_template

    write_template(out, settings)
    print(out)
