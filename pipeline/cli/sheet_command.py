"""`mingce write-back`: states and advice into the shared sheet."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.common import AsJson, CohortPath, say_older
from pipeline.clock import SHANGHAI
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.cohort import Cohort
    from pipeline.deliver.write_back import Summary

_LISTED = 20  # student numbers shown by --dry-run


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("write-back", help="把每个学生的状态和需要更正的内容写回 Google 表格的“认证结果”工作表。")(write_back)


def write_back(
    path: CohortPath = Path(),
    by: Annotated[str, typer.Option("--by", help="经办人姓名（--dry-run 时可省略）")] = "",
    why: Annotated[str, typer.Option("--why", help="原因")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只显示会改动什么，不写入")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the answers of the newest complete run or check of all colleges."""
    if not dry_run and not by.strip():
        raise UsageError("没有写明经办人", where="--by", remedy="请加 --by 姓名；只想看会改动什么，请加 --dry-run")
    from pipeline.cohort import load_cohort
    from pipeline.deliver.write_back import write_answers
    from pipeline.lock import cohort_lock
    from pipeline.review.review_snapshot import newest_run

    cohort = load_cohort(path)
    run = newest_run(cohort)
    say_older(cohort, run.name)
    if dry_run:
        _tell(write_answers(cohort, run, dry_run=True), run, as_json)
        return
    with cohort_lock(cohort, datetime.now(SHANGHAI), "send"):
        summary = write_answers(cohort, run)
    _record(cohort, run, summary, by.strip(), why)
    _tell(summary, run, as_json)


def _record(cohort: Cohort, run: Path, summary: Summary, by: str, why: str) -> None:
    from pipeline.review.ledger import open_ledger

    written = [
        {"spreadsheet": sheet.key, "rows": sheet.rows, "changed": len(sheet.changed)} for sheet in summary.sheets
    ]
    with open_ledger(cohort) as ledger:
        ledger.append("write_back", by=by, why=why, made_on=run.name, data={"sheets": written})


def _tell(summary: Summary, run: Path, as_json: bool) -> None:
    if as_json:
        sheets = [vars(sheet) for sheet in summary.sheets]
        print(json.dumps({"run": run.name, "sheets": sheets, "unplaced": summary.unplaced}, ensure_ascii=False))
        return
    for sheet in summary.sheets:
        did = "已写入" if sheet.written else "将写入（未写入）"
        print(
            f"{sheet.title or sheet.key}：{did} {sheet.rows} 名学生，其中 {len(sheet.changed)} 名有变化",
            file=sys.stderr,
        )
        for state in dict.fromkeys([*sheet.before, *sheet.counts]):
            old, new = sheet.before.get(state, 0), sheet.counts.get(state, 0)
            print(f"  {state}：{new}" + (f"（原 {old}）" if old != new else ""), file=sys.stderr)
        if not sheet.written and sheet.changed:
            more = f" 等 {len(sheet.changed)} 个" if len(sheet.changed) > _LISTED else ""
            print(f"  有变化的学号：{'、'.join(sheet.changed[:_LISTED])}{more}", file=sys.stderr)
        print(f"  {sheet.cost}", file=sys.stderr)
    if summary.unplaced:
        print(f"另有 {summary.unplaced} 名学生的班级没有出现在任何登记表中，没有写入", file=sys.stderr)
