"""The mail for counselors and secretaries: what is left today and for whom, from one digest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import cast

from pipeline.cohort import Cohort, Window
from pipeline.deliver.chase_list import chase_workbook
from pipeline.deliver.digest import WAITS_FOR, Chase, Digest, Tally, counselor_digest, secretary_digest
from pipeline.deliver.guard import check_private, check_scope
from pipeline.deliver.letters import fill
from pipeline.deliver.message import HTML_LIMIT, PICTURE_ID, XLSX, Attachment, Draft, Message
from pipeline.deliver.picture import progress_png
from pipeline.deliver.recipients import Recipient, within
from pipeline.deliver.source import Source
from pipeline.render.signature import SIGN_AGAIN
from pipeline.render.theme import theme
from pipeline.tables import STATUSES

FullPage = Callable[[Recipient], tuple[Attachment, ...]]
"""Returns the full pages of a recipient (the counselor's own, the college's), complete, or raises RefusedError."""

MAX_CLASSES = 60
_LONGEST_NAME, _LONGEST_REASON = 60, 300  # characters
CAPS = (60, 40, 25, 15, 8, 4, 2)  # chase rows per state, tried until the HTML is small enough
_ADVICE = {
    "counselor": "请辅导员核实，结果告诉就业办", "missing": "请催他们提交", "correct": "请催他们更正后重新提交",
    "returned": "请催他们按退回原因重新提交", "registrar": "等教务处更正学籍", "not_checked": "等就业办核验",
    "stale": "请学院复核", "awaiting": "请学院审核",
}  # fmt: skip


@dataclass(frozen=True)
class _Role:
    """What differs between the two readers."""

    whose: str
    mine: tuple[tuple[tuple[str, ...], str, str, str], ...]
    """Tasks of the reader: states, sentence, note, family (for the colour)."""
    waits: tuple[tuple[str, str], ...]
    """States that others must settle, and how that is called."""
    extras: tuple[str, str]
    """Task of the reader about submissions outside the roster: sentence, note."""
    unlisted: tuple[str, ...] = ()
    """States whose students stand in the attached list alone."""


_CHASE = (
    (("missing",), "催学生提交", "还没有提交", "missing"),
    (("correct", "returned"), "催学生更正", "提交有误或已退回", "fix"),
)
_COUNSELOR = _Role(
    whose="班级",
    mine=((("counselor",), "请您本人核实", "只有您能确认的", "verify"), *_CHASE),
    waits=(
        ("awaiting", "学院审核"),
        ("stale", "学院复核"),
        ("registrar", "教务处更正"),
        ("not_checked", "就业办核验"),
    ),
    extras=("请您核实名单外的提交", "提交人不在本届名单里，见附件“我的班级”"),
    unlisted=("awaiting", "not_checked"),
)
_SECRETARY = _Role(
    whose="院系",
    mine=(
        (("awaiting", "stale"), "请安排审核", "核对无误，或通过后有改动", "review"),
        (("counselor",), "请辅导员核实", "", "verify"),
        *_CHASE,
    ),
    waits=(("registrar", "教务处更正"), ("not_checked", "就业办核验")),
    extras=("请辅导员核实名单外的提交", "核实、撤销以后才能签字，见附件“看板”"),
)


def counselor_draft(cohort: Cohort, source: Source, recipient: Recipient, full: FullPage) -> Draft:
    """Return the mail for one counselor: their classes only, fail closed."""
    digest = counselor_digest(source, recipient)
    classes = len(recipient.scope)
    first = min(recipient.scope)[2]
    named = first if classes == 1 else f"{first}等 {classes} 个班"
    build = partial(_message, cohort, source, recipient, digest, _COUNSELOR, named, full)
    return Draft(recipient, digest.content, build)


def secretary_draft(cohort: Cohort, source: Source, recipient: Recipient, full: FullPage) -> Draft:
    """Return the digest for one college's secretary."""
    digest = secretary_digest(source, recipient)
    colleges = sorted({key[1] for key in recipient.scope})
    named = "、".join(colleges[:2]) + ("等" if len(colleges) > 2 else "")
    build = partial(_message, cohort, source, recipient, digest, _SECRETARY, named, full)
    return Draft(recipient, digest.content, build)


def _message(
    cohort: Cohort, source: Source, recipient: Recipient, digest: Digest, role: _Role, named: str, full: FullPage
) -> Message:
    check_scope(recipient, digest.chase)
    day = f"{source.as_of:%Y%m%d}"
    attachments = full(recipient)
    if digest.chase:
        workbook = chase_workbook(digest.chase, f"{cohort.name} {named} 数据截至 {source.as_of}")
        attachments += (Attachment(f"名单_{day}.xlsx", workbook, XLSX),)
    window = cohort.window
    values = _values(cohort, recipient, digest, role, named, attachments, _closing(source, recipient))
    html, text = _within_limit(values, tuple(_cut_row(row) for row in digest.chase if row.status not in role.unlisted))
    check_private(recipient, html, text)
    return Message(
        recipient=recipient,
        subject=_subject(cohort, digest, role, named),
        html=html,
        text=text,
        content=digest.content,
        picture=progress_png(
            digest.progress, digest.total.registered, (window.opens, window.closes, window.college_due), source.as_of
        ),
        attachments=attachments,
    )


def _values(
    cohort: Cohort,
    recipient: Recipient,
    digest: Digest,
    role: _Role,
    named: str,
    attachments: tuple[Attachment, ...],
    closing: str,
) -> dict[str, object]:
    total, tasks = digest.total, _tasks(digest, role)
    people = "、".join(map(_cut, recipient.names[:3]))
    return {
        "title": "毕业生信息核对",
        "about": list(filter(None, (cohort.name, _cut(named), people, f"数据截至 {_day(digest.as_of)}"))),
        "preheader": _headline(tasks, total.left),
        "tasks": tasks,
        "waiting": "，".join(f"{name} {digest.by_status[key]} 人" for key, name in role.waits if digest.by_status[key]),
        "deadline": _deadline(cohort.window, digest.as_of),
        "total": total,
        "closing": closing,
        "several": len(digest.groups) > 1,
        "families": theme().families,
        "groups": [replace(each, label=_cut(each.label), note=_cut(each.note)) for each in digest.groups[:MAX_CLASSES]],
        "groups_left": max(0, len(digest.groups) - MAX_CLASSES),
        "reasons": [(_cut(message), people) for message, people in digest.reasons],
        "picture_id": PICTURE_ID,
        "picture_alt": f"进度图：共 {total.registered} 人，已通过 {total.done}，未提交 {total.missing}",
        "whose": role.whose,
        "attached": [each.name for each in attachments],
        "as_of": _day(digest.as_of),
        "cohort": cohort.name,
        "office": "就业办",
    }


def _closing(source: Source, recipient: Recipient) -> str:
    """Return what follows the last approval: nothing more for a counselor; a secretary signs and hands in."""
    if recipient.kind != "secretary":
        return "谢谢您。"
    if recipient.scope & source.changed:
        return SIGN_AGAIN.told
    own = within(source.colleges, ["school", "college"], recipient.scope)
    if (own["accepted_at"] != "").all():
        return "就业办已接收，谢谢您。"
    if (own["signed_at"] != "").all():
        return "已签字，等就业办接收。"
    return "请打印附件中的人数表，签字、盖章后上报。"


def _tasks(digest: Digest, role: _Role) -> list[dict[str, object]]:
    counted = [(sum(digest.by_status[key] for key in keys), "人", *rest) for keys, *rest in role.mine]
    counted.append((digest.extras, "条", *role.extras, "verify"))
    return [
        {"number": number, "unit": unit, "text": text, "note": note, "colour": theme().family(family).text}
        for number, unit, text, note, family in counted
        if number
    ]


def _cut(text: str, most: int = _LONGEST_NAME) -> str:
    """Return a name as a mail has room for it: one of a million characters would keep the whole mail from going."""
    return text if len(text) <= most else f"{text[:most]}…"


def _cut_row(row: Chase) -> Chase:
    names = {name: _cut(getattr(row, name)) for name in ("school", "college", "class_name", "student_number", "name")}
    return replace(row, reasons=tuple(_cut(reason, _LONGEST_REASON) for reason in row.reasons), **names)


def _within_limit(values: dict[str, object], chase: tuple[Chase, ...]) -> tuple[str, str]:
    """Return HTML and text with as many chase rows, and then classes, as fit; the attachment has them all."""
    html = text = ""
    for fewer in _fewer_and_fewer(values, chase):
        html, text = fill("dashboard", {**values, **fewer})
        if len(html.encode()) <= HTML_LIMIT - 2_000:
            break
    return html, text


def _fewer_and_fewer(values: dict[str, object], chase: tuple[Chase, ...]) -> Iterator[dict[str, object]]:
    """Yield what stands in the place of the whole: chase rows by `CAPS`, none, then none and fewer classes."""
    for cap in CAPS:
        yield {"chase": _grouped(chase, cap)}
    groups, left = cast("list[Tally]", values["groups"]), cast(int, values["groups_left"])
    for most in (MAX_CLASSES, 30, 10):
        yield {"chase": [], "groups": groups[:most], "groups_left": left + max(0, len(groups) - most)}


def _grouped(chase: tuple[Chase, ...], cap: int) -> list[dict[str, object]]:
    """Return the chase list by state; where all wait for one and the same thing, by class without reasons."""
    groups: list[dict[str, object]] = []
    for status in dict.fromkeys(row.status for row in chase):
        rows = [row for row in chase if row.status == status]
        alike = len({row.reasons for row in rows}) == 1 and len(rows) > 1
        shown = rows[: cap * 3 if alike else cap]
        groups.append(
            {
                "state": STATUSES[status],
                "number": len(rows),
                "advice": rows[0].reason if alike and status != "missing" else _ADVICE[status],
                "colour": theme().of_status(status).text,
                "classes": _by_class(shown) if alike else (),
                "rows": () if alike else shown,
                "more": len(rows) - len(shown),
            }
        )
    return groups


def _by_class(rows: list[Chase]) -> list[tuple[str, list[Chase]]]:
    classes: dict[tuple[str, str, str], list[Chase]] = {}
    for row in rows:
        classes.setdefault((row.school, row.college, row.class_name), []).append(row)
    return [(key[2], members) for key, members in classes.items()]


def _subject(cohort: Cohort, digest: Digest, role: _Role, named: str) -> str:
    return f"{cohort.name}毕业生信息核对：{named} {_headline(_tasks(digest, role), digest.total.left)}"


def _headline(tasks: list[dict[str, object]], left: int) -> str:
    told = "，".join(f"{task['text']} {task['number']} {task['unit']}" for task in tasks)
    return told or (f"还有 {left} 人等待审核" if left else "全部完成")


def _deadline(window: Window, as_of: date) -> str:
    if as_of <= window.closes:
        return f"学生提交截止 {_day(window.closes)}，还有 {(window.closes - as_of).days} 天"
    if as_of <= window.college_due:
        return f"学生提交已截止；学院上报 {_day(window.college_due)}，还有 {(window.college_due - as_of).days} 天"
    return f"学院上报已于 {_day(window.college_due)} 截止，逾期 {(as_of - window.college_due).days} 天"


def _day(day: date) -> str:
    return f"{day.month}月{day.day}日"


assert set(WAITS_FOR) == set(_ADVICE)  # a new state needs its advice
