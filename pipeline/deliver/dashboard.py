"""Mail for counselors and secretaries: the tasks of the day, from the view of the students (`view.people`)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from itertools import chain
from typing import Any

from pipeline.cohort import Cohort
from pipeline.cohort_sections import Window
from pipeline.deliver.message import (
    HTML_LIMIT,
    PICTURE_ID,
    XLSX,
    Attachment,
    Draft,
    Message,
    check_scope,
    render_letter,
)
from pipeline.deliver.recipients import SCOPES, Recipient, in_scope, mail_digest
from pipeline.deliver.source import MailSource
from pipeline.render import figures
from pipeline.states import states, theme
from pipeline.view.people import ChaseRow, People, by_class
from pipeline.view.remaining_work import days_left_in_words, format_count, group_entries, month_day, tasks
from pipeline.view.signature import next_step, signature_of
from pipeline.workbook_writer import PrintedList

FullPage = Callable[[Recipient], tuple[Attachment, ...]]
"""Returns the HTML pages attached for a recipient. Raises RefusedError if one is missing or incomplete."""

MAX_CLASSES = 60
_LONGEST_NAME, _LONGEST_REASON = 60, 300  # characters
CAPS = (60, 40, 25, 15, 8, 4, 2)  # chase rows per state, tried until the HTML is small enough
_REASONS = 6
_REMAINING_NOTE = "还有人没有通过，学院就不能签字上报；提交早晚、一次通过和返工都计入院系名次。"


@dataclass(frozen=True)
class _Role:
    scope_word: str
    actors: tuple[str, ...]
    extras: str
    unlisted: tuple[str, ...] = ()
    """States whose students are in the attached list, but not in the mail itself."""


_ROLES = {
    "counselor": _Role(
        "班级", ("counselor", "student"), "提交人不在本届名单里，见附件“我的班级”", ("awaiting", "stale", "not_checked")
    ),
    "secretary": _Role("院系", ("college", "counselor", "student"), "核实、撤销以后才能签字，见附件“看板”"),
}


def staff_draft(cohort: Cohort, source: MailSource, recipient: Recipient, full_pages: FullPage) -> Draft:
    """Return the mail for a counselor or secretary. Building it raises `RefusedError` for rows outside their scope."""
    if recipient.kind == "counselor":
        classes, first_class = len(recipient.scope), min(recipient.scope)[2]
        scope_name = first_class if classes == 1 else f"{first_class}等 {classes} 个班"
    else:
        colleges = sorted({key[1] for key in recipient.scope})
        scope_name = "、".join(colleges[:2]) + ("等" if len(colleges) > 2 else "")
    people = source.people(recipient)
    build = partial(_message, cohort, source, recipient, people, scope_name, full_pages)
    return Draft(recipient, content_digest(people, recipient), build)


def content_digest(people: People, recipient: Recipient) -> str:
    """Return the digest of a mail's content without its dates. A mail in which only dates changed is not due."""
    chased = [[c.school, c.class_name, c.student_number, c.status, *c.reasons] for c in people.chase]
    groups = [
        [group["name"], _note(people, group, recipient), group["total"], *group["counts"].values()]
        for group in group_entries(people.by_class())
    ]
    return mail_digest(json.dumps([chased, groups, people.extras], ensure_ascii=False))


def _message(
    cohort: Cohort, source: MailSource, recipient: Recipient, people: People, scope_name: str, full_pages: FullPage
) -> Message:  # fmt: skip
    check_scope(recipient, people.chase)
    attachments = full_pages(recipient)
    if people.chase:
        workbook = chase_workbook(people.chase, f"{cohort.name} {scope_name} 数据截至 {people.as_of}")
        attachments += (Attachment(f"名单_{people.as_of:%Y%m%d}.xlsx", workbook, XLSX),)
    role = _ROLES[recipient.kind]
    requests = _requests(people, role)
    remaining = f"还有 {format_count(people.remaining)} 人等待处理" if people.remaining else "全部完成"
    headline = "，".join(f"{task['text']} {task['number']} {task['unit']}" for task in requests) or remaining
    readers, day = "、".join(map(_cut, recipient.names[:3])), month_day(people.as_of)
    values = {
        "title": "毕业生信息核对",
        "about": list(filter(None, (cohort.name, _cut(scope_name), readers, f"数据截至 {day}"))),
        "as_of": day,
        "deadline": _deadline(cohort.window, people.as_of),
        **_figures(people, recipient, role),
        "tasks": requests,
        "preheader": headline,
        "closing": _closing(source, recipient),
        "whose": role.scope_word,
        "attached": [attachment.name for attachment in attachments],
        "group_message": _group_message(cohort, people),
        "left_undone": _REMAINING_NOTE if people.remaining else "",
    }
    listed = tuple(_cut_row(row) for row in people.chase if row.status not in role.unlisted)
    html, text = _within_limit(cohort, values, listed)
    subject = f"{cohort.name}毕业生信息核对：{scope_name} {headline}"
    return Message(recipient, subject, html, text, figures.trend_png(people.trend), attachments)


def _figures(people: People, recipient: Recipient, role: _Role) -> dict[str, Any]:
    groups = [
        {**group, "name": _cut(group["name"]), "note": _cut(_note(people, group, recipient))}
        for group in group_entries(people.by_class())
    ]
    others_tasks = [
        task for task in tasks(people.statuses, people.as_of, people.window) if task.state.actor not in role.actors
    ]
    return {
        "total": people.total,
        "counts": people.counts,
        "waiting": "，".join(f"{task.state.who}{task.short}" for task in others_tasks),
        "several": len(groups) > 1,
        "groups": groups[:MAX_CLASSES],
        "groups_left": max(0, len(groups) - MAX_CLASSES),
        "reasons": [
            (_cut(reason, _LONGEST_REASON), students, family)
            for reason, students, family in people.reasons()[["reason", "students", "family"]]
            .head(_REASONS)
            .itertuples(index=False)
        ],
        "picture_id": PICTURE_ID,
        "picture_alt": figures.figure_alt_text(people.trend),
    }


def _note(people: People, group: dict[str, Any], recipient: Recipient) -> str:
    if recipient.kind == "secretary":
        return str(group["counselor"])
    return str(group["college"]) if people.roster["college"].nunique() > 1 else ""


def _closing(source: MailSource, recipient: Recipient) -> str:
    if recipient.kind != "secretary":
        return "谢谢您。"
    colleges = in_scope(source.colleges, SCOPES["secretary"], recipient.scope).to_dict("records")
    steps = [signature_of(source.run, row).step(0) for row in colleges]
    return steps[0].text if len(steps) == 1 else next_step(steps)[1]


def _requests(people: People, role: _Role) -> list[dict[str, object]]:
    """Return the tasks of the reader's actors that concern students: number, unit, text, note, colour."""
    requests: dict[str, dict[str, object]] = {}
    for state in states().values():
        if state.ask and state.actor in role.actors and people.statuses[state.name]:
            colour = theme().family(state.family).text
            line = requests.setdefault(
                state.ask, {"number": 0, "unit": "人", "text": state.ask, "note": "", "colour": colour}
            )
            line["number"] = int(str(line["number"])) + people.statuses[state.name]
    if people.extras:
        colour = theme().family("verify").text
        texts = {"text": "请辅导员核实名单外的提交", "note": role.extras, "colour": colour}
        requests["extras"] = {"number": people.extras, "unit": "条", **texts}
    return list(requests.values())


def _group_message(cohort: Cohort, people: People) -> str:
    """Return a paragraph for the class's chat group, without names. "" if no student has anything to do."""
    if not any(people.statuses[state.name] for state in states().values() if state.until == "closes"):
        return ""
    office, closes = cohort.office, cohort.window.closes
    late = people.as_of > closes
    until = f"学生提交已于{month_day(closes)}截止，请今天就补交" if late else f"请在{month_day(closes)}前完成"
    where = f"，入口：{office.form}" if office.form else ""
    contact = "、".join(filter(None, (office.contact, office.phone)))
    return (
        f"【{cohort.name}毕业生信息核对】还没有提交的同学，和收到更正提示的同学，{until}{where}。"
        f"以最后一次提交为准，请用自己的身份证、户口簿核对后填写。不清楚的问辅导员"
        f"{f'或就业办（{contact}）' if contact else ''}。请不要在群里发身份证号码和照片。"
    )


def _cut(text: str, limit: int = _LONGEST_NAME) -> str:
    """Return a name cut at `limit` characters. A very long one would exceed the size limit of a mail."""
    return text if len(text) <= limit else f"{text[:limit]}…"


def _cut_row(row: ChaseRow) -> ChaseRow:
    names = {name: _cut(getattr(row, name)) for name in ("school", "college", "class_name", "student_number", "name")}
    return replace(row, reasons=tuple(_cut(reason, _LONGEST_REASON) for reason in row.reasons), **names)


def _within_limit(cohort: Cohort, values: dict[str, Any], chase: tuple[ChaseRow, ...]) -> tuple[str, str]:
    """Return HTML and text with as many chase rows, then classes, as fit into the limit. The attachment lists all."""
    groups, omitted = values["groups"], values["groups_left"]
    rows = ({"chase": _by_state(chase, cap)} for cap in CAPS)
    classes = (
        {"chase": [], "groups": groups[:limit], "groups_left": omitted + max(0, len(groups) - limit)}
        for limit in (MAX_CLASSES, 30, 10)
    )
    html = text = ""
    for shortened in chain(rows, classes):
        html, text = render_letter("dashboard", {**values, **shortened}, cohort)
        if len(html.encode()) <= HTML_LIMIT - 2_000:
            break
    return html, text


def _by_state(chase: tuple[ChaseRow, ...], cap: int) -> list[dict[str, object]]:
    """Return the chase list by state. A state whose rows all have the same reasons lists them by class."""
    groups: list[dict[str, object]] = []
    for status in dict.fromkeys(row.status for row in chase):
        rows = [row for row in chase if row.status == status]
        state = rows[0].state
        same_reasons = len({row.reasons for row in rows}) == 1 and len(rows) > 1
        listed = rows[: cap * 3 if same_reasons else cap]
        groups.append(
            {
                "state": state.word,
                "number": len(rows),
                "advice": rows[0].reason if same_reasons and status != "missing" else state.advice,
                "colour": theme().family(state.family).text,
                "classes": by_class(listed) if same_reasons else (),
                "rows": () if same_reasons else listed,
                "more": len(rows) - len(listed),
            }
        )
    return groups


def _deadline(window: Window, as_of: date) -> str:
    if as_of <= window.closes:
        return f"学生提交截止 {month_day(window.closes)}，{days_left_in_words((window.closes - as_of).days)}"
    days = (window.college_due - as_of).days
    due = f"学院上报截止 {month_day(window.college_due)}，{days_left_in_words(days)}"
    return f"学生提交已截止；{due}" if days >= 0 else due


_LIST = PrintedList(
    {"院系": 20, "班级": 20, "学号": 14, "姓名": 12, "状态": 13, "谁来做": 9, "要做什么": 54},
    font={"font_name": "微软雅黑", "font_size": 10},
    head={"bold": True, "bg_color": theme().ink["header"], "font_color": "#FFFFFF"},
    cell={"text_wrap": True, "valign": "top", "bottom": 1, "bottom_color": theme().ink["line"]},
)


def _cells(row: ChaseRow) -> tuple[str, ...]:
    place = row.college, row.class_name, row.student_number, row.name
    return *place, row.state.word, row.state.who, "；".join(row.reasons)


def chase_workbook(rows: tuple[ChaseRow, ...], title: str) -> bytes:
    """Return the xlsx of `rows` below `title`: A4 landscape, repeated header, filters."""
    return _LIST.book("名单", [(title, {"bold": True, "font_size": 13}, None), ("", {}, None)], map(_cells, rows))
