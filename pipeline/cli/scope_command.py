"""`mingce scope`: who belongs to the class."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.common import AsJson, By, CohortPath, Why, say_older

if TYPE_CHECKING:
    from pipeline.cohort import Cohort
    from pipeline.review.actions import ActionOutcome
    from pipeline.tables import Frame

_Students = Annotated[list[str], typer.Option("--student", help="学号，可写 学校代码/学号，可重复", metavar="NUMBER")]
_Proof = Annotated[str, typer.Option("--proof", help="证明材料的种类")]


def register(app: typer.Typer) -> None:
    """Add `scope` to the command line."""
    scope = typer.Typer(help="谁在本届：列入、不列入、查看", no_args_is_help=True)
    app.add_typer(scope, name="scope")

    @scope.command("out", help="这些学生不在本届（休学、参军入伍等）")
    def out(  # pyright: ignore[reportUnusedFunction]
        student: _Students,
        reason: Annotated[str, typer.Option("--reason", help="原因：休学、参军入伍等")],
        proof: _Proof,
        by: By,
        why: Why,
        cohort: CohortPath = Path(),
    ) -> None:
        _said("不在本届", _decided(cohort, student, by, why, inside=False, proof=proof, reason=reason))

    @scope.command("in", help="这些学生在本届")
    def belongs(  # pyright: ignore[reportUnusedFunction]
        student: _Students, proof: _Proof, by: By, why: Why, cohort: CohortPath = Path()
    ) -> None:
        _said("在本届", _decided(cohort, student, by, why, inside=True, proof=proof))

    @scope.command("years", help="确认学籍库里别的年份毕业的人确实不在本届（导出的是全校在校生）")
    def years(  # pyright: ignore[reportUnusedFunction]
        by: By,
        why: Why,
        cohort: CohortPath = Path(),
        school: Annotated[
            list[str] | None, typer.Option("--school", help="只确认这所学校，可重复", metavar="CODE")
        ] = None,
    ) -> None:
        _answered(cohort, school or [], by, why)

    @scope.command("list", help="列出不在本届的学生、原因和依据")
    def listed(  # pyright: ignore[reportUnusedFunction]
        cohort: CohortPath = Path(),
        college: Annotated[str, typer.Option("--college", help="只列这个院系", metavar="COLLEGE")] = "",
        as_json: AsJson = False,
    ) -> None:
        _list(cohort, college, as_json=as_json)


def _list(cohort: Path, college: str, *, as_json: bool) -> None:
    from pipeline.cohort import load_cohort

    loaded = load_cohort(cohort)
    rows = _outside(loaded, _newest(loaded), college)
    if as_json:
        print(json.dumps(rows.to_dict("records"), ensure_ascii=False, indent=1))
        return
    for row in rows.to_dict("records"):
        said = "学籍库" if row["source"] == "registry" else f"{row['by']} {str(row['at'])[:10]} 登记"
        stale = "，登记后学籍有变化，请复核" if row["stale"] else ""
        who = f"{row['school']} {row['college']} {row['student_number']} {row['name']}"
        print(f"{who}：{row['reason']}（{said}{stale}）")
    print(f"不在本届共 {len(rows)} 人")


def _newest(cohort: Cohort) -> Path:
    from pipeline.review.review_snapshot import newest_run

    run = newest_run(cohort)
    say_older(cohort, run.name)
    return run


def _decided(
    cohort: Path, numbers: list[str], by: str, why: str, *, inside: bool, proof: str, reason: str = ""
) -> ActionOutcome:
    from pipeline.cohort import load_cohort
    from pipeline.match.membership import with_scope
    from pipeline.review.actions import Actor
    from pipeline.review.ledger import open_ledger
    from pipeline.review.scope_decisions import decide_scope
    from pipeline.tables import read_table

    loaded = load_cohort(cohort)
    registry = with_scope(read_table(_newest(loaded), "registry"))
    with open_ledger(loaded) as ledger:
        return decide_scope(registry, ledger, numbers, Actor(by, why), inside=inside, proof=proof, reason=reason)


def _answered(cohort: Path, schools: list[str], by: str, why: str) -> None:
    from pipeline.cohort import load_cohort
    from pipeline.review.actions import Actor
    from pipeline.review.ledger import open_ledger
    from pipeline.review.scope_decisions import answer_years
    from pipeline.run_folder import read_summary

    loaded = load_cohort(cohort)
    asked = (read_summary(_newest(loaded)) or {}).get("other_years", {})
    with open_ledger(loaded) as ledger:
        outcome = answer_years(asked, loaded.year, ledger, schools, Actor(by, why))
    for code in outcome.done:
        print(f"已确认：{code} 的学籍库里 {sum(asked[code]['years'].values())} 人不在 {loaded.year} 年毕业，不在本届")
    if not outcome.done:
        print("没有要确认的")


def _said(what: str, outcome: ActionOutcome) -> None:
    print(f"已登记 {len(outcome.done)} 人{what}：{'、'.join(outcome.done)}" if outcome.done else "没有新的登记")
    if outcome.already:
        print(f"{len(outcome.already)} 人此前已是如此，未重复记入")
    print("下次 mingce run 后，名单、人数和页面随之更新")


def _outside(cohort: Cohort, run: Path, college: str) -> Frame:
    """Return the table `outside` with `stale`: whether the registry row has changed since the decision."""
    from pipeline.colleges import find_college
    from pipeline.match.membership import with_scope
    from pipeline.tables import read_table

    key = ["school", "student_number"]
    rows = read_table(run, "outside")
    registry = with_scope(read_table(run, "registry")).drop_duplicates(key).set_index(key)["scope_stale"]
    rows = rows.assign(stale=registry.reindex(rows.set_index(key).index).fillna(False).astype(bool).to_numpy())
    if not college:
        return rows
    from pipeline.collect.school_tables import read_people

    wanted = find_college(college, cohort, read_people(cohort)[0])
    return rows[(rows["school"] == wanted.school) & (rows["college"] == wanted.name)]
