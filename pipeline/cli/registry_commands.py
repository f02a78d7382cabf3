"""`mingce scope`: who belongs to the class. `mingce registry diff`: two exports of a registry compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from pipeline.cli.chinese import Commands
from pipeline.cli.common import AsJson, By, CohortPath, Why, app, cohort_at, college_named, ledger_of, newest_of, say
from pipeline.errors import RefusedError, UsageError, reason_of

if TYPE_CHECKING:
    import pandas as pd


_Students = Annotated[list[str], Option("--student", help="学号，可写 学校代码/学号，可重复", metavar="NUMBER")]
_Proof = Annotated[str, Option("--proof", help="证明材料的种类")]


scope = Commands(help="谁在本届：列入、不列入、查看", no_args_is_help=True)
registry = Commands(help="学籍库：比较两次导出。", no_args_is_help=True)
app.add_typer(scope, name="scope")
app.add_typer(registry, name="registry")


@scope.command("out")
def scope_out(
    student: _Students,
    reason: Annotated[str, Option("--reason", help="原因：休学、参军入伍等")],
    proof: _Proof,
    by: By,
    why: Why,
    cohort: CohortPath = Path(),
) -> None:
    """这些学生不在本届（休学、参军入伍等）"""
    _decide("不在本届", cohort, student, by, why, inside=False, proof=proof, reason=reason)


@scope.command("in")
def scope_in(student: _Students, proof: _Proof, by: By, why: Why, cohort: CohortPath = Path()) -> None:
    """这些学生在本届"""
    _decide("在本届", cohort, student, by, why, inside=True, proof=proof)


def _decide(
    what: str, cohort: Path, numbers: list[str], by: str, why: str, *, inside: bool, proof: str, reason: str = ""
) -> None:
    from pipeline.match.membership import with_scope
    from pipeline.review.actions import Actor
    from pipeline.review.scope_decisions import decide_scope
    from pipeline.tables import read_table

    loaded = cohort_at(cohort)
    rows = with_scope(read_table(newest_of(loaded), "registry"))
    with ledger_of(loaded) as ledger:
        outcome = decide_scope(rows, ledger, numbers, Actor(by, why), inside=inside, proof=proof, reason=reason)
    print(f"已登记 {len(outcome.done)} 人{what}：{'、'.join(outcome.done)}" if outcome.done else "没有新的登记")
    if outcome.already:
        print(f"{len(outcome.already)} 人此前已是如此，未重复记入")
    print("下次 mingce run 后，名单、人数和页面随之更新")


@scope.command("years")
def scope_years(
    by: By,
    why: Why,
    cohort: CohortPath = Path(),
    school: Annotated[list[str] | None, Option("--school", help="只确认这所学校，可重复", metavar="CODE")] = None,
) -> None:
    """确认学籍库里别的年份毕业的人确实不在本届（导出的是全校在校生）"""
    from pipeline.review.actions import Actor
    from pipeline.review.scope_decisions import answer_years
    from pipeline.run_folder import read_summary

    loaded = cohort_at(cohort)
    asked = (read_summary(newest_of(loaded)) or {}).get("other_years", {})
    with ledger_of(loaded) as ledger:
        outcome = answer_years(asked, loaded.year, ledger, school or [], Actor(by, why))
    for code in outcome.done:
        print(f"已确认：{code} 的学籍库里 {sum(asked[code]['years'].values())} 人不在 {loaded.year} 年毕业，不在本届")
    if not outcome.done:
        print("没有要确认的")


@scope.command("list")
def scope_list(
    cohort: CohortPath = Path(),
    college: Annotated[str, Option("--college", help="只列这个院系", metavar="COLLEGE")] = "",
    as_json: AsJson = False,
) -> None:
    """列出不在本届的学生、原因和依据"""
    from pipeline.match.membership import with_scope
    from pipeline.tables import read_table

    loaded = cohort_at(cohort)
    run, key = newest_of(loaded), ["school", "student_number"]
    rows = read_table(run, "outside")
    known = with_scope(read_table(run, "registry")).drop_duplicates(key).set_index(key)["scope_stale"]
    rows = rows.assign(stale=known.reindex(rows.set_index(key).index).fillna(False).astype(bool).to_numpy())
    if college:
        wanted = college_named(college, loaded)
        rows = rows[(rows["school"] == wanted.school) & (rows["college"] == wanted.name)]
    if as_json:
        print(json.dumps(rows.to_dict("records"), ensure_ascii=False, indent=1))
        return
    for row in rows.to_dict("records"):
        said = "学籍库" if row["source"] == "registry" else f"{row['by']} {str(row['at'])[:10]} 登记"
        stale = "，登记后学籍有变化，请复核" if row["stale"] else ""
        who = f"{row['school']} {row['college']} {row['student_number']} {row['name']}"
        print(f"{who}：{row['reason']}（{said}{stale}）")
    print(f"不在本届共 {len(rows)} 人")


_SHOWN = 200  # rows on the screen; `--out` has all


@registry.command("diff")
def diff(
    old: Annotated[
        str,
        Argument(help="旧的导出（csv、xlsx、ods、parquet，*.csv，数据库地址#表名）", metavar="OLD"),
    ],
    new: Annotated[str, Argument(help="新的导出", metavar="NEW")],
    out: Annotated[Path | None, Option("--out", help="全部差异写到这个 CSV 文件")] = None,
    as_json: AsJson = False,
    cohort: Annotated[
        Path | None, Option("--cohort", help="届别文件夹（默认当前文件夹）：说明哪些勘误已更正", metavar="COHORT")
    ] = None,
) -> None:
    """比较两次导出的学籍：新增、减少、改动了哪些字段。"""
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
    """Print the outcome of the newest run's errata, if there is a cohort with a run."""
    from pipeline.cohort import FILE_NAME
    from pipeline.papers.errata import outcomes, settled_lines
    from pipeline.review.review_snapshot import newest_run

    if cohort is None and not Path(FILE_NAME).is_file():
        return
    loaded = cohort_at(cohort or Path())
    try:
        run = newest_run(loaded)
    except RefusedError:
        if cohort is not None:
            raise
        return
    for line in settled_lines(outcomes(loaded, run, newer)):
        say(line)


def _show(differences: pd.DataFrame) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from pipeline import fields
    from pipeline.collect.school_tables import CHANGES

    console = Console(highlight=False, emoji=False)
    people = differences.drop_duplicates(["school", "student_number", "change"])["change"].value_counts()
    moved = differences[differences["field"].isin(["college", "class_name"])]
    moved = moved.drop_duplicates(["school", "student_number"])
    counts = [f"{label} {int(people.get(change, 0))} 人" for change, label in CHANGES.items()]
    console.print("，".join([*counts, f"其中换了院系或班级的 {len(moved)} 人"]))
    if not len(differences):
        return
    table = Table("学校", "学号", "姓名", "变化", "字段", "原来", "现在")
    for row in differences.head(_SHOWN).itertuples(index=False):
        change, field = CHANGES[str(row.change)], fields.label(str(row.field))
        cells = (row.school, row.student_number, row.name, change, field, row.old, row.new)
        table.add_row(*(escape(str(cell)) for cell in cells))
    console.print(table)
    if len(differences) > _SHOWN:
        console.print(f"只显示前 {_SHOWN} 条，共 {len(differences)} 条；加 --out 文件名.csv 写出全部")
