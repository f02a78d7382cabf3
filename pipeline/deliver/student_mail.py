"""Mail for students: their own state and what to mend; the invitation; the code that proves an address.

Nothing that a student sees carries a registry value: only the rules' messages and the fields' labels do.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import partial

import pandas as pd

from pipeline import fields
from pipeline.cohort import Cohort
from pipeline.deliver.addresses import COLUMNS
from pipeline.deliver.confirmation_codes import code_for, code_key
from pipeline.deliver.letters import render_letter
from pipeline.deliver.mail_guard import refuse_id_numbers
from pipeline.deliver.message import Draft, Message
from pipeline.deliver.recipients import Kind, Recipient, mail_digest
from pipeline.deliver.source import MailSource
from pipeline.logs import mask
from pipeline.papers.errata import reported_students
from pipeline.review.status import one_a_slip, open_critical
from pipeline.states import states
from pipeline.view.answers import reported_in_words
from pipeline.view.run_tables import load_run

_LONGEST_GIVEN = 60  # characters of what was given that a mail repeats


def student_drafts(cohort: Cohort, source: MailSource, addresses: pd.DataFrame) -> Iterator[Draft]:
    """Yield a mail per student with a proved or known address: own state, what to mend, nothing else."""
    mends, reported = _mends(source.findings), reported_students(cohort, load_run(source.run))
    columns = ["school", "student_number", "submission_id", "status"]
    own_names = source.submissions.drop_duplicates("submission_id").set_index("submission_id")["name"]
    where = addresses["proved"].where(addresses["proved"].ne(""), addresses["known"])
    for row, address in zip(source.roster[columns].itertuples(index=False, name=None), where, strict=True):
        school, number, submission, status = map(str, row)
        name = str(own_names.get(submission, ""))  # as they wrote it: the roster's is the registry's
        if not address:
            continue
        items = mends.get(submission, ()) if status == "correct" and submission else ()
        if status == "returned" and (school, number) in source.returned:
            items = (("退回原因", mask(source.returned[school, number]), ""),)
        state = states()[status]
        values: dict[str, object] = {
            "headline": state.headline,
            "lead": state.lead,
            "items": items,
            "steps": (),
            "code": "",
            "code_note": "",
        }
        day = reported.get((school, number), "") if status == "registrar" else ""
        values |= {"lead": f"{reported_in_words(day)}。暂时不用再做什么。"} if day else {}
        values["deadline"] = _deadline(cohort, source.as_of) if state.until == "closes" else ""
        recipient = Recipient("student", str(address), (name,) if name else (), frozenset({(school, number)}))
        content = mail_digest(status, *(text for item in items for text in item[:2]), *filter(None, [day]))
        yield Draft(recipient, content, partial(_message, cohort, recipient, content, values))


def invitation_drafts(cohort: Cohort, source: MailSource, addresses: pd.DataFrame) -> Iterator[Draft]:
    """Yield, to every registry student with a known address, how to submit and the code of that address;

    of every submitted address that no code proves yet, the code: to the address that the office knows, so that it
    proves the person and not a mailbox, else to the submitted one (the portal's activation mail); and to the known
    address that another one was proved in its place.
    """
    key = code_key(cohort)
    for row in addresses[COLUMNS].itertuples(index=False, name=None):
        school, number, submitted, proved, known = map(str, row)
        student, other = (school, number), known.casefold() != (proved or submitted).casefold()
        if known and not submitted:
            yield _coded(cohort, key, "invite", student, known, known, source.as_of)
        elif submitted and not proved:
            yield _coded(cohort, key, "confirm", student, known or submitted, submitted, source.as_of)
        elif proved and known and other:
            yield _coded(cohort, key, "changed", student, known, proved, source.as_of)


def _coded(
    cohort: Cohort, key: bytes, kind: Kind, student: tuple[str, str], to: str, address: str, as_of: date
) -> Draft:
    """Return the mail about `address`, sent to `to`; of a change it tells, it carries no code."""
    school, number = student
    code = code_for(key, cohort.name, cohort.code_of(school), number, address)
    # whoever reads an address that no one has proved is told nothing of the student, not even the name
    recipient = Recipient(kind, to, (), frozenset({student}))
    headline, lead, steps = _CONFIRM_NEW if kind == "confirm" and to != address else _WORDS[kind]
    values: dict[str, object] = {
        "headline": headline, "lead": lead.format(cohort=cohort.name, school=school, address=mask(address)),
        "items": (), "steps": steps, "code": "" if kind == "changed" else code,
        "code_note": "填入表格的“确认码”一列，即可证明这个邮箱是您本人的。请不要告诉他人。",
        "deadline": _deadline(cohort, as_of),
    }  # fmt: skip
    content = mail_digest(kind, code, str(cohort.window.closes))
    return Draft(recipient, content, partial(_message, cohort, recipient, content, values))


_INVITE = (
    "请提交毕业生信息",
    "您是{school}{cohort}毕业生。请在截止日期前提交毕业生生源信息，它用于毕业证、就业报到和档案转递。",
    (
        "打开学院通知里的登记表，按身份证、户口簿和学籍逐项填写。",
        "班级请从名单中选择；专业由班级确定，不用自己填。身份证号码按文本填写，末位 X 用大写。",
        "填写上面的确认码和这个邮箱，提交。之后的核对结果会寄到这里。",
    ),
)
_CONFIRM = (
    "请确认您的邮箱",
    "{school}{cohort}毕业生信息中填写了这个邮箱。如果是您填写的，请把下面的确认码填入表格；不是您填写的，请忽略这封邮件。",
    (),
)
_CONFIRM_NEW = (
    "请确认您的新邮箱",
    "{school}{cohort}毕业生信息中，您的邮箱填写成了 {address}。如果是您填写的，请把下面的确认码填入表格；"
    "不是您填写的，请不要理会确认码，并马上告诉辅导员。",
    (),
)
_CHANGED = (
    "您的邮箱已变更",
    "{school}{cohort}毕业生信息中，您的邮箱已变更为 {address}，以后的结果寄到那里。不是您变更的，请马上告诉辅导员。",
    (),
)
_WORDS = {"invite": _INVITE, "confirm": _CONFIRM, "changed": _CHANGED}


def _message(cohort: Cohort, recipient: Recipient, content: str, values: dict[str, object]) -> Message:
    greeting = f"{mask(recipient.names[0])}同学" if recipient.names else "同学您好"
    shared = {
        "title": "毕业生信息核对", "about": [cohort.name], "preheader": values["headline"], "greeting": greeting,
        "cohort": cohort.name,
    }  # fmt: skip
    html, text = render_letter("student", {**shared, **values}, cohort)
    refuse_id_numbers(recipient, html, text)
    return Message(recipient, f"{cohort.name}毕业生信息核对：{values['headline']}", html, text, content)


def _mends(findings: pd.DataFrame) -> dict[str, tuple[tuple[str, str, str], ...]]:
    """Return, by submission, what is the student's own to mend: the field's label, what to do, what was given."""
    own = one_a_slip(open_critical(findings[findings["actor"] == "student"]))
    told = [_told(*map(str, row)) for row in own[["field", "message", "given", "expected"]].itertuples(index=False)]
    found: dict[str, list[tuple[str, str, str]]] = {}
    for submission, item in zip(own["submission_id"].astype(str), told, strict=True):
        found.setdefault(submission, []).append(item)
    return {submission: tuple(dict.fromkeys(items)) for submission, items in found.items()}


def _told(field: str, message: str, given: str, expected: str) -> tuple[str, str, str]:
    """Return a finding as its student may see it: a message that quotes the registry is replaced, a number masked."""
    quotes = expected and expected in message and expected not in given
    own = mask(given) if len(given) <= _LONGEST_GIVEN else ""
    return fields.label(field) or "信息", "请核对这一项后重新填写" if quotes else mask(message), own


def _deadline(cohort: Cohort, as_of: date) -> str:
    closes = cohort.window.closes
    day = f"{closes.year}年{closes.month}月{closes.day}日"
    return f"提交截止：{day}" if as_of <= closes else f"提交已于{day}截止，请尽快联系辅导员补交。"
