"""`mingce run`, `check`, `columns`, `docs`: runs, and how they read and judge."""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Option

from pipeline import fields
from pipeline.cli import common
from pipeline.clock import SHANGHAI
from pipeline.imports import lazily

with lazily():
    from pipeline import cohort as cohorts
    from pipeline import cohort_text, run, run_folder
    from pipeline.check import data_docs
    from pipeline.operate import column_report
    from pipeline.render import prepared
    from pipeline.review import granting


AsOf = Annotated[str | None, Option("--as-of", help="按这一天计算（默认今天），例如 2016-10-31", metavar="DATE")]
Reports = Annotated[Path | None, Option("--reports", help="结果放到这个文件夹", metavar="DIR")]


@common.app.command("run")
def run_all(
    cohort: common.CohortPath = Path(),
    as_of: AsOf = None,
    college: common.Colleges = None,
    pages: Annotated[
        list[str] | None,
        Option("--pages", help="只生成这所学校（代码或名称）的页面，表格仍是全部，可重复", metavar="SCHOOL"),
    ] = None,
    no_notebooks: Annotated[bool, Option("--no-notebooks", help="不生成页面，只出表格")] = False,
    reports: Reports = None,
    jobs: Annotated[int, Option("--jobs", min=0, help="同时生成几个页面（0：按处理器数）")] = 0,
    cold: Annotated[bool, Option("--cold", help="每个页面用全新的内核（慢，作对照）")] = False,
    force: Annotated[bool, Option("--force", help="没有变化的院系也重新生成")] = False,
    as_json: common.AsJson = False,
) -> None:
    """收集、规范、比对、核验、审核、统计并生成页面"""
    options = {"notebooks": not no_notebooks, "jobs": jobs, "cold": cold, "force": force, "schools": tuple(pages or ())}
    _run(cohort, "run", as_of, college, (), reports, as_json, options)


@common.app.command("check")
def check(
    cohort: common.CohortPath = Path(),
    as_of: AsOf = None,
    college: common.Colleges = None,
    rule: Annotated[list[str] | None, Option("--rule", help="只试这条规则，可重复", metavar="NAME")] = None,
    reports: Reports = None,
    as_json: common.AsJson = False,
) -> None:
    """只核验和统计，不生成页面"""
    _run(cohort, "check", as_of, college, tuple(rule or ()), reports, as_json, {"notebooks": False})


def _run(
    path: Path, command: str, as_of: str | None, colleges: list[str] | None, rules: tuple[str, ...],
    reports: Path | None, as_json: bool, pages: dict[str, Any],
) -> None:  # fmt: skip
    prepared.limit_threads(os.environ)  # before numpy is imported
    cohort = common.with_reports(cohorts.load_cohort(path), reports)
    options = run_folder.RunOptions(
        as_of=common.parse_date(as_of), now=datetime.now(SHANGHAI), command=command, colleges=tuple(colleges or ()),
        rules=rules, render=run_folder.RenderOptions(**pages),
    )  # fmt: skip
    outcome = run.run_cohort(cohort, options)
    index = outcome.folder / "site" / "index.html"
    if index.is_file():
        common.print_status(f"结果页面：{index}")
    print(json.dumps(outcome.summary, ensure_ascii=False, indent=1) if as_json else outcome.folder)
    if outcome.incomplete:
        raise typer.Exit(4)


_REASONS = {"label": "", "alias": "别名", "declared": "已写明", "export": "已知的导出", "values": "按内容认出"}


@common.app.command("columns")
def columns(
    cohort: common.CohortPath = Path(),
    save: Annotated[bool, Option("--save", help="把答案写进 cohort.toml（不在终端里时只写内容能证明的）")] = False,
    settle: Annotated[str, Option("--settle", metavar="编号", help="了结一个整体问题（shared_faults）")] = "",
    how: Annotated[str, Option("--as", metavar="alias|students", help="写成自己的别名，或交回学生更正")] = "alias",
    by: Annotated[str, Option("--by", help="经办人（--settle 时必填）")] = "",
    why: Annotated[str, Option("--why", help="说明")] = "",
    as_json: common.AsJson = False,
) -> None:
    """逐列列出每个来源的每一列读作什么、缺哪些、可能是哪一列。"""
    if settle:
        print(granting.resolve_fault(cohorts.load_cohort(cohort), settle, how, by, why))
        return
    loaded = cohorts.load_cohort(cohort)
    report = column_report.report_columns(loaded)
    if not as_json:
        _show(loaded, report)
    answers = _answers(loaded, report, ask=sys.stdin.isatty() and not as_json)
    if save:
        common.print_status(cohort_text.save_columns(loaded.folder / cohorts.FILE_NAME, answers))
    if as_json:
        print(json.dumps(_as_json(report, answers if save else {}), ensure_ascii=False, indent=2))


def _answers(cohort: cohorts.Cohort, report: column_report.ColumnReport, *, ask: bool) -> dict[str, dict[str, str]]:
    """Return the accepted proposals. Without `ask`, these are proved ones, unless a field has several."""
    proved = [line for line in report.proposals if line.proved]
    places = [(proposal.school, proposal.field) for proposal in proved]
    if not ask:
        return column_report.answers_of(line for line in proved if places.count((line.school, line.field)) == 1)
    accepted: list[column_report.Proposal] = []
    for proposal in report.proposals:
        answered = proposal.field in column_report.answers_of(accepted).get(proposal.school, {})
        if not answered and typer.confirm(proposal.question(cohort), default=proposal.proved):
            accepted.append(proposal)
    return column_report.answers_of(accepted)


def _show(cohort: cohorts.Cohort, report: column_report.ColumnReport) -> None:
    for sheet in report.sheets:
        _show_sheet(column_report.source_name(cohort, sheet.school), sheet)
    for line in report.lines(cohort):
        print(line)
    for proposal in report.proposals:
        proof = "内容与学籍相符，--save 会写入" if proposal.proved else "只是列名相像，请核对"
        source, field = column_report.source_name(cohort, proposal.school), fields.label(proposal.field)
        print(f"{source}：{field} 可能是“{column_report.place_name(proposal.text)}”（{proof}）")


def _show_sheet(source: str, sheet: column_report.SheetReport) -> None:
    header = sheet.header
    known = f"，认作{'、'.join(header.exports)}" if header.exports else ""
    refused = f"。{header.refused}" if header.refused else ""
    print(f"{source} {header.place}：表头在第 {header.row} 行{known}{refused}")
    table = common.new_table("", "列名", "读作", "依据", "前三个值（已遮盖）")
    for column, values in sheet.columns:
        likely = f"？可能是{fields.label(column.likely)}" if column.likely and not column.field else ""
        read = fields.label(column.field) if column.field else likely or "（不读）"
        table.add_row(column.heading, read, _REASONS.get(column.basis, ""), "，".join(values))
    common.screen().print(table)


def _as_json(report: column_report.ColumnReport, saved: dict[str, dict[str, str]]) -> dict[str, object]:
    sources: list[dict[str, object]] = []
    for sheet in report.sheets:
        read = {name: getattr(sheet.header, name) for name in ("file", "sheet", "row", "exports", "refused")}
        columns = [
            {"heading": c.heading, "field": c.field, "right": c.basis, "likely": c.likely, "values": values}
            for c, values in sheet.columns
        ]
        sources.append({"school": sheet.school, **read, "columns": columns})
    proposals = [{"school": p.school, "field": p.field, "is": p.text, "proved": p.proved} for p in report.proposals]
    return {
        "sources": sources,
        "missing": [{"school": code, "fields": names} for code, names in report.missing.items()],
        "proposals": proposals,
        "unread": report.unread,
        "saved": [{"school": code, **columns_saved} for code, columns_saved in saved.items()],
    }


@common.app.command("docs")
def docs(
    cohort: common.CohortPath = Path(),
    out: Annotated[
        Path | None, Option("--out", help="写到这个文件夹（默认：结果文件夹的 docs/运行编号）", metavar="DIR")
    ] = None,
) -> None:
    """写出最近一次运行的核验说明（Great Expectations Data Docs），只有规则和数量"""
    loaded = cohorts.load_cohort(cohort)
    newest = common.newest_folder(loaded)
    print(data_docs.write_data_docs(newest, out or loaded.reports_folder / "docs" / newest.name))
