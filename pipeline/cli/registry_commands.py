"""`mingce scope`: who belongs to the class. `mingce registry diff`: two exports of a registry compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from pipeline.cli import common
from pipeline.cli.chinese import Commands
from pipeline.imports import lazily

with lazily():
    from pipeline import atomic_files, fields, run_folder, tables
    from pipeline import cohort as cohorts
    from pipeline.collect import school_tables
    from pipeline.knowledge import text_columns
    from pipeline.match import membership
    from pipeline.papers import errata
    from pipeline.review import actions, review_snapshot, scope_decisions

_Students = Annotated[list[str], Option("--student", help="学号，可写 学校代码/学号，可重复", metavar="NUMBER")]
_Proof = Annotated[str, Option("--proof", help="证明材料的种类")]


scope = Commands(help="谁在本届：列入、不列入、查看", no_args_is_help=True)
registry = Commands(help="学籍库：比较两次导出。", no_args_is_help=True)
common.app.add_typer(scope, name="scope")
common.app.add_typer(registry, name="registry")


@scope.command("out")
def scope_out(
    student: _Students,
    reason: Annotated[str, Option("--reason", help="原因：休学、参军入伍等")],
    proof: _Proof,
    by: common.By,
    why: common.Why,
    cohort: common.CohortPath = Path(),
) -> None:
    """这些学生不在本届（休学、参军入伍等）"""
    _decide("不在本届", cohort, student, by, why, inside=False, proof=proof, reason=reason)


@scope.command("in")
def scope_in(
    student: _Students, proof: _Proof, by: common.By, why: common.Why, cohort: common.CohortPath = Path()
) -> None:
    """这些学生在本届"""
    _decide("在本届", cohort, student, by, why, inside=True, proof=proof)


def _decide(
    what: str, cohort: Path, numbers: list[str], by: str, why: str, *, inside: bool, proof: str, reason: str = ""
) -> None:
    loaded = cohorts.load_cohort(cohort)
    rows = membership.with_scope(tables.read_table(common.newest_folder(loaded), "registry"))
    with common.open_to_decide(loaded) as ledger:
        actor = actions.Actor(by, why)
        outcome = scope_decisions.decide_scope(rows, ledger, numbers, actor, inside=inside, proof=proof, reason=reason)
    print(f"已登记 {len(outcome.done)} 人{what}：{'、'.join(outcome.done)}" if outcome.done else "没有新的登记")
    if outcome.already:
        print(f"{len(outcome.already)} 人此前已是如此，未重复记入")
    print("下次 mingce run 后，名单、人数和页面随之更新")


@scope.command("years")
def scope_years(
    by: common.By,
    why: common.Why,
    cohort: common.CohortPath = Path(),
    school: Annotated[list[str] | None, Option("--school", help="只确认这所学校，可重复", metavar="CODE")] = None,
) -> None:
    """确认学籍库里别的年份毕业的人确实不在本届（导出的是全校在校生）"""
    loaded = cohorts.load_cohort(cohort)
    questions = (run_folder.read_summary(common.newest_folder(loaded)) or {}).get("other_years", {})
    with common.open_to_decide(loaded) as ledger:
        outcome = scope_decisions.answer_years(questions, loaded.year, ledger, school or [], actions.Actor(by, why))
    for code in outcome.done:
        count = sum(questions[code]["years"].values())
        print(f"已确认：{code} 的学籍库里 {count} 人不在 {loaded.year} 年毕业，不在本届")
    if not outcome.done:
        print("没有要确认的")


@scope.command("list")
def scope_list(
    cohort: common.CohortPath = Path(),
    college: Annotated[str, Option("--college", help="只列这个院系", metavar="COLLEGE")] = "",
    as_json: common.AsJson = False,
) -> None:
    """列出不在本届的学生、原因和依据"""
    loaded = cohorts.load_cohort(cohort)
    run, key = common.newest_folder(loaded), ["school", "student_number"]
    rows = tables.read_table(run, "outside")
    scoped = membership.with_scope(tables.read_table(run, "registry")).drop_duplicates(key).set_index(key)
    changed = scoped["scope_stale"].reindex(rows.set_index(key).index)
    rows = rows.assign(stale=changed.fillna(False).astype(bool).to_numpy())
    if college:
        rows = common.college_named(college, loaded).rows_of(rows)
    if as_json:
        print(json.dumps(rows.to_dict("records"), ensure_ascii=False, indent=1))
        return
    for row in rows.to_dict("records"):
        source = "学籍库" if row["source"] == "registry" else f"{row['by']} {str(row['at'])[:10]} 登记"
        stale = "，登记后学籍有变化，请复核" if row["stale"] else ""
        who = f"{row['school']} {row['college']} {row['student_number']} {row['name']}"
        print(f"{who}：{row['reason']}（{source}{stale}）")
    print(f"不在本届共 {len(rows)} 人")


_MAX_ROWS = 200  # rows on the screen; `--out` has all


@registry.command("diff")
def diff(
    old: Annotated[str, Argument(help="旧的导出（csv、xlsx、ods、parquet，*.csv，数据库地址#表名）", metavar="OLD")],
    new: Annotated[str, Argument(help="新的导出", metavar="NEW")],
    out: Annotated[Path | None, Option("--out", help="全部差异写到这个 CSV 文件")] = None,
    as_json: common.AsJson = False,
    cohort: Annotated[
        Path | None, Option("--cohort", help="届别文件夹（默认当前文件夹）：说明哪些勘误已更正", metavar="COHORT")
    ] = None,
) -> None:
    """比较两次导出的学籍：新增、减少、改动了哪些字段。"""
    newer = school_tables.read_export(new)
    differences = school_tables.compare_registries(school_tables.read_export(old), newer)
    if out:
        with common.output(out, ".csv"), atomic_files.atomic_path(out) as draft:
            safe = differences.map(text_columns.formula_safe)
            safe.to_csv(draft, index=False, encoding="utf-8-sig", lineterminator="\n")
    masked = school_tables.masked_differences(differences)
    if as_json:
        print(masked.to_json(orient="records", force_ascii=False, indent=2))
    else:
        _show(masked)
    _show_errata(cohort, newer)


def _show_errata(cohort: Path | None, newer: tables.Frame) -> None:
    """Print the outcome of the newest run's errata, if there is a cohort with a run."""
    if cohort is None and not Path(cohorts.FILE_NAME).is_file():
        return
    loaded = cohorts.load_cohort(cohort or Path())
    if cohort is None and not run_folder.newest_full_run(loaded.reports_folder):
        return
    run = review_snapshot.newest_run(loaded)
    for line in errata.outcome_lines(errata.outcomes(loaded, run, newer)):
        common.print_status(line)


def _show(differences: tables.Frame) -> None:
    console = common.screen()
    people = differences.drop_duplicates(["school", "student_number", "change"])["change"].value_counts()
    moved = differences[differences["field"].isin(["college", "class_name"])]
    moved = moved.drop_duplicates(["school", "student_number"])
    counts = [f"{label} {int(people.get(change, 0))} 人" for change, label in school_tables.CHANGES.items()]
    console.print("，".join([*counts, f"其中换了院系或班级的 {len(moved)} 人"]))
    if not len(differences):
        return
    table = common.new_table("", "学校", "学号", "姓名", "变化", "字段", "原来", "现在")
    for row in differences.head(_MAX_ROWS).itertuples(index=False):
        change, field = school_tables.CHANGES[str(row.change)], fields.label(str(row.field))
        table.add_row(*map(str, (row.school, row.student_number, row.name, change, field, row.old, row.new)))
    console.print(table)
    if len(differences) > _MAX_ROWS:
        console.print(f"只显示前 {_MAX_ROWS} 条，共 {len(differences)} 条；加 --out 文件名.csv 写出全部")
