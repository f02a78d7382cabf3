"""`mingce explain`: one student on one screen, for a phone call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from typer import Argument, Option

from pipeline import fields
from pipeline.cli import common
from pipeline.errors import one_line
from pipeline.imports import lazily
from pipeline.resources import report_table

with lazily():
    from pipeline import cohort as cohorts
    from pipeline import states, student_facts, tables
    from pipeline.review import exceptions
    from pipeline.review import ledger as ledgers

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WARNING = "学籍库的内容只供核对：可以问学生“您的……是什么”，不可以念给学生听，也不可以转发。"
_MAX_TEXT = 300  # characters of one text on the screen
_ALWAYS = ("name", "id_number", "student_number", "class_name", "major", "phone")


@common.app.command("explain")
def explain(
    number: Annotated[str, Argument(help="学号，可写 学校代码/学号", metavar="NUMBER")],
    cohort: common.CohortPath = Path(),
    full: Annotated[bool, Option("--full", help="身份证号码和电话不遮盖，并列出全部项目")] = False,
    as_json: common.AsJson = False,
) -> None:
    """一名学生的全部情况和原因，接电话时用。"""
    loaded = cohorts.load_cohort(cohort)
    snapshot, today = common.open_newest(loaded, number)
    run = loaded.reports_folder / "runs" / snapshot.run_id  # this run, even if a newer one has ended since
    facts = student_facts.student_facts_of(snapshot, run, ledgers.entries_of(loaded), number, today)
    facts = facts if full else student_facts.masked_facts(facts)
    if as_json:
        print(json.dumps(facts, ensure_ascii=False, indent=1))
        return
    facts = _for_screen(facts)
    console = common.screen()
    _head(console, facts)
    console.print(_WARNING, style="bold red")
    for submission in reversed(facts["submissions"]):
        _submission(console, submission, facts["registry"], full)
    if not facts["submissions"]:
        console.print("没有收到提交")
    _findings(console, facts["findings"])
    _ledger(console, facts)


def _for_screen(value: Any) -> Any:  # noqa: ANN401 - facts and their parts
    """Return the facts with each text on one line and cut at `_LONGEST`. `--json` prints all."""
    if isinstance(value, dict):
        facts = cast("dict[str, Any]", value)
        return {_for_screen(name): _for_screen(item) for name, item in facts.items()}
    if isinstance(value, list):
        return [_for_screen(item) for item in cast("list[Any]", value)]
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}……（共 {len(text)} 字）"


def _head(console: Console, facts: dict[str, Any]) -> None:
    student = facts["student"]
    number = f"{student['school_code']}/{student['student_number']}"
    if not facts["registry"]:
        console.print(f"{number}  学籍库中没有这名学生（{student['school']}）", style="bold")
        return
    status = tables.STATUSES[student["status"]] + ("，申请修改" if student["change_request"] else "")
    place = "  ".join(student[name] for name in ("college", "class_name", "major", "education_level"))
    console.print(f"{number}  {student['name']}  {status}", style="bold")
    console.print(f"{place}  辅导员 {student['counselor'] or '未登记'}  学籍 {_place(facts['registry'])}")
    for name, words in exceptions.LAPSED.items():
        if student[name]:
            console.print(f"通过时所依据的{words}，请重新办理例外或退回更正")
    if student["changed_fields"]:
        names = "、".join(fields.label(name) for name in student["changed_fields"].split(","))
        console.print(f"通过之后改动了：{names}")


def _place(row: dict[str, Any]) -> str:
    sheet = f" 工作表 {row['sheet']}" if row.get("sheet") else ""
    return f"{row.get('file', '')}{sheet} 第 {row.get('row', '')} 行"


def _submission(console: Console, submission: dict[str, Any], registry: dict[str, Any], full: bool) -> None:
    role = submission["role"]
    console.print()
    time = submission["fields"]["submitted_at"]
    console.print(f"提交 {submission['submission_id']}  {time}  {student_facts.ROLES[role]}", style="bold")
    console.print(_place(submission))
    if submission["match"]:
        console.print(_match_text(submission["match"]))
    if role == "superseded":
        console.print(f"取代它的是 {submission['superseded_by']}")
    if role in ("counts", "other") or full:
        console.print(_comparison(submission, registry if role == "counts" else {}, full))
    _findings(console, submission["findings"])
    if submission["changes"]:
        table = common.new_table("规范时改了什么", "项目", "原来填写", "规范后", "原因")
        for row in submission["changes"]:
            table.add_row(fields.label(row["field"]), row["given"], row["kept"], row["why"])
        console.print()
        console.print(table)
    if submission["unknown_columns"]:
        others = "，".join(f"{name} {value}" for name, value in submission["unknown_columns"].items())
        console.print(f"表中另有的列：{others}")


def _match_text(match: dict[str, Any]) -> str:
    result = f"身份{tables.CERTIFIED[match['identity']]}，学籍信息{tables.CERTIFIED[match['record']]}"
    if not match["matched_student_number"]:
        return f"{result}；没有对应的学籍"
    where = f"{match['matched_school']} {match['matched_student_number']}"
    return f"{result}；最接近的学籍是 {where}，符合程度 {float(match['score']):g}"


def _comparison(submission: dict[str, Any], registry: dict[str, Any], full: bool) -> Table:
    """Return a table of submitted and registry values: all, or those that differ, have findings or are in `_ALWAYS`."""
    table = common.new_table("", "项目", "填写", "学籍库（不可念出）", "")
    shown = {*_ALWAYS, *(row["field"] for row in submission["findings"])}
    for name, value in submission["fields"].items():
        registered = str(registry.get(name, ""))
        differs = bool(registered and value and registered != value and name in fields.in_registry())
        if full or differs or name in shown:
            mark, style = ("不同", "red") if differs else ("", "")
            table.add_row(fields.label(name), value, registered, mark, style=style)
    return table


def _findings(console: Console, findings: list[dict[str, Any]]) -> None:
    if not findings:
        return
    table = common.new_table("核验发现的问题", "谁处理", "程度", "项目", "问题和依据（依据不可念出）")
    for row in findings:
        level = tables.SEVERITIES[row["severity"]] + ("\n例外放行" if row["excepted"] else "")
        style = "red" if row["severity"] == "critical" and not row["excepted"] else ""
        evidence = f"\n依据：{row['expected']}" if row["expected"] else ""
        text = f"{row['message']}  [{row['rule']}]{evidence}"
        table.add_row(states.ACTORS[row["actor"]], level, fields.label(row["field"]), text, style=style)
    console.print()
    console.print(table)


def _ledger(console: Console, facts: dict[str, Any]) -> None:
    console.print()
    if facts["ledger"]:
        table = common.new_table("审核和例外", "时间", "事项", "经办人", "说明")
        for row in facts["ledger"]:
            what = f"{student_facts.action_in_words(row['kind'], row['action'])} {row['rule']}".strip()
            proof = "，".join(str(row[name]) for name in ("opinion", "refused", "proof", "expires") if row.get(name))
            why = "  ".join(filter(None, (row["why"], proof)))
            table.add_row(_minute(row["at"]), what, student_facts.author_of(row), why)
        console.print(table)
    else:
        console.print("还没有审核记录")
    if college := facts["college"]:
        done = [
            f"{college[f'{step}_by']} {_minute(college[f'{step}_at'])} {word}"
            for step, word in (("signed", "签字"), ("accepted", "接收"))
            if college[f"{step}_at"]
        ]
        console.print(f"{college['college']}：{'，'.join(done) or '还没有签字'}")
    words = report_table("words")["deliveries"]
    for row in facts["deliveries"]:
        if row["action"] != "claim":
            to = f"{student_facts.kind_name(row['to'])} {row['whom'] or ''}".strip()
            console.print(f"邮件 {_minute(row['at'])}  {to}  {words.get(row['action'], row['action'])}")


def _minute(at: str) -> str:
    return at[:16].replace("T", " ")
