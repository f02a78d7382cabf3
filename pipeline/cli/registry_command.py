"""`mingce registry diff`: two exports of a registry compared."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.chinese import Commands
from pipeline.cli.common import AsJson
from pipeline.errors import RefusedError, UsageError, reason_of

if TYPE_CHECKING:
    import pandas as pd

_STUDENT = ["school", "student_number"]
_SHOWN = 200  # rows on the screen; `--out` has all


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = Commands(help="学籍库：比较两次导出。", no_args_is_help=True)
    group.command("diff", help="比较两次导出的学籍：新增、减少、改动了哪些字段。")(diff)
    app.add_typer(group, name="registry")


def diff(
    old: Annotated[
        str,
        typer.Argument(help="旧的导出（csv、xlsx、ods、parquet，*.csv，数据库地址#表名）", metavar="OLD"),
    ],
    new: Annotated[str, typer.Argument(help="新的导出", metavar="NEW")],
    out: Annotated[Path | None, typer.Option("--out", help="全部差异写到这个 CSV 文件")] = None,
    as_json: AsJson = False,
    cohort: Annotated[
        Path | None, typer.Option("--cohort", help="届别文件夹（默认当前文件夹）：说明哪些勘误已更正", metavar="COHORT")
    ] = None,
) -> None:
    """Show what differs, ID numbers masked, and which errata the new export settles; `--out` alone holds all of it."""
    from pipeline.collect.school_tables import compare_registries, masked_differences, read_export
    from pipeline.knowledge.text_columns import inert
    from pipeline.whole import appearing

    newer = read_export(new)
    differences = compare_registries(read_export(old), newer)
    if out:
        try:
            with appearing(out) as draft:
                differences.map(inert).to_csv(draft, index=False, encoding="utf-8-sig", lineterminator="\n")
        except OSError as error:
            raise UsageError("文件写不进去", where=str(out), remedy=f"请换个位置（{reason_of(error)}）") from None
    if as_json:
        print(masked_differences(differences).to_json(orient="records", force_ascii=False, indent=2))
    else:
        _show(masked_differences(differences))
    _show_settled(cohort, newer)


def _show_settled(cohort: Path | None, newer: pd.DataFrame) -> None:
    """Say what became of the errata of the newest run, where there is a cohort with one."""
    from pipeline.cohort import FILE_NAME, load_cohort
    from pipeline.papers.settled import outcomes, settled_lines
    from pipeline.review.review_snapshot import newest_run

    if cohort is None and not Path(FILE_NAME).is_file():
        return
    loaded = load_cohort(cohort or Path())
    try:
        run = newest_run(loaded)
    except RefusedError:
        if cohort is not None:
            raise
        return
    for line in settled_lines(outcomes(loaded, run, newer)):
        print(line, file=sys.stderr)


def _show(differences: pd.DataFrame) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from pipeline import fields
    from pipeline.collect.school_tables import CHANGES

    console = Console(highlight=False, emoji=False)
    people = differences.drop_duplicates(["school", "student_number", "change"])["change"].value_counts()
    moved = differences[differences["field"].isin(["college", "class_name"])]
    counts = [f"{label} {int(people.get(change, 0))} 人" for change, label in CHANGES.items()]
    console.print("，".join([*counts, f"其中换了院系或班级的 {len(moved.drop_duplicates(_STUDENT))} 人"]))
    if not len(differences):
        return
    table = Table("学校", "学号", "姓名", "变化", "字段", "原来", "现在")
    for row in differences.head(_SHOWN).itertuples(index=False):
        cells = (
            row.school,
            row.student_number,
            row.name,
            CHANGES[str(row.change)],
            fields.label(str(row.field)),
            row.old,
            row.new,
        )
        table.add_row(*(escape(str(cell)) for cell in cells))
    console.print(table)
    if len(differences) > _SHOWN:
        console.print(f"只显示前 {_SHOWN} 条，共 {len(differences)} 条；加 --out 文件名.csv 写出全部")
