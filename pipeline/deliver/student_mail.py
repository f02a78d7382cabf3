"""Mail for students. It holds no registry value, only messages of rules and labels of fields.

A code such as `7K3M-9QTE` proves that a student reads a mailbox. It is an HMAC-SHA-256 over cohort, school, student
number and address with the cohort's key: 40 bits in Crockford's base 32 (no I, L, O, U).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial

import pandas as pd
from filelock import FileLock

from pipeline import fields
from pipeline.atomic_files import write_atomically
from pipeline.cohort import Cohort, load_cohort
from pipeline.deliver.message import Draft, Message, render_letter
from pipeline.deliver.recipients import Kind, Recipient, clean_address, mail_digest
from pipeline.deliver.source import MailSource, run_to_send
from pipeline.errors import InputError, RefusedError
from pipeline.knowledge.crockford import decode_base32, encode_base32
from pipeline.logs import mask
from pipeline.papers.errata import first_reported
from pipeline.resources import report_table
from pipeline.review.decisions import one_per_mistake, open_critical
from pipeline.states import states
from pipeline.tables import read_table
from pipeline.view.answers import reported_in_words
from pipeline.view.run_tables import Run

LABELS = ("确认码", "邮箱确认码", "邮箱验证码", "验证码")
"""Headings of the sheet's column of codes. None of them is a field of the form."""


def code_key(cohort: Cohort) -> bytes:
    """Return the cohort's secret: MINGCE_CODE_KEY, else a file in the ledger's folder, created at first use."""
    secret = os.environ.get("MINGCE_CODE_KEY")
    if secret:
        return secret.encode()
    path = cohort.folder / ".mingce" / "confirmation.key"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with FileLock(path.with_suffix(".lock"), mode=0o600):  # two processes make one key
        if not path.is_file() or not path.stat().st_size:
            write_atomically(path, secrets.token_hex(32))
    return path.read_text(encoding="ascii").strip().encode()


def code_for(key: bytes, cohort: str, school_code: str, student_number: str, address: str) -> str:
    """Return the code of one student's address."""
    text = "\x1f".join((cohort, school_code, student_number.upper(), address.strip().casefold()))
    return encode_base32(hmac.new(key, text.encode(), hashlib.sha256).digest()[:5])


def is_code(typed: str, code: str) -> bool:
    """Return whether a typed text is the code. Width, case, hyphens, spaces and similar characters do not matter."""
    return hmac.compare_digest(decode_base32(typed).encode(), code.encode())


COLUMNS = ["school", "student_number", "submitted", "proved", "known"]


def student_addresses(cohort: Cohort, source: MailSource) -> pd.DataFrame:
    """Return for each roster student `school`, `student_number` and three addresses ("": none).

    `submitted` is from the submission that counts. `proved` is the same, if its code was typed into the sheet. `known`
    is from the registry, else from last year's submissions.
    """
    roster = source.roster[["school", "student_number", "submission_id"]].astype("str")
    emails = source.submissions.drop_duplicates("submission_id").set_index("submission_id")["email"].to_dict()
    codes, key = _typed_codes(source), code_key(cohort)
    known = _known_addresses(cohort, source.run)
    rows: list[tuple[str, ...]] = []
    for school, number, submission in roster.itertuples(index=False, name=None):
        address, typed = clean_address(str(emails.get(submission, ""))), codes.get(submission, "")
        code = code_for(key, cohort.name, cohort.code_of(school), number, address)
        proved = address if address and typed and is_code(typed, code) else ""
        rows.append((school, number, address, proved, known.get((school, number), "")))
    return pd.DataFrame(rows, columns=pd.Index(COLUMNS), dtype="str")


def _known_addresses(cohort: Cohort, run: Run) -> dict[tuple[str, str], str]:
    """Return by (school, student number) the address in the registry, else the one that the person gave last year."""
    if not run.has("registry"):
        return {}
    registry = run.table("registry")
    registered = _addresses(registry) if "email" in registry else {}  # an earlier version's runs have none
    return _last_year(cohort, registry) | registered


def _last_year(cohort: Cohort, registry: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return the addresses that the same people (ID number and name) submitted last year."""
    if not cohort.cohort.previous:
        return {}
    person = ["id_number", "name"]
    try:
        before = read_table(run_to_send(load_cohort(cohort.path(cohort.cohort.previous))), "submissions")
    except (RefusedError, InputError):
        return {}
    before = before[before["superseded_by"].eq("")].drop_duplicates(person)[[*person, "email"]]
    people = registry[registry["id_number"].ne("")][[*person, "school", "student_number"]]
    return _addresses(people.merge(before, on=person))


def _addresses(rows: pd.DataFrame) -> dict[tuple[str, str], str]:
    columns = zip(rows["school"], rows["student_number"], rows["email"].map(clean_address), strict=True)
    return {(str(school), str(number)): address for school, number, address in columns if address}


def _typed_codes(source: MailSource) -> dict[str, str]:
    """Return the codes typed into the sheet, by submission id. They are in extra columns."""
    try:
        extras = source.run.table("extras")
    except InputError:
        return {}
    extras = extras[extras["column"].str.strip().isin(LABELS)]
    place = ["file", "sheet", "row"]
    joined = source.submissions.merge(extras.astype({"row": source.submissions["row"].dtype}), on=place)
    return dict(zip(joined["submission_id"].astype(str), joined["value"].astype(str), strict=True))


_LONGEST_GIVEN = 60  # characters of a given value that a mail repeats


def student_drafts(cohort: Cohort, source: MailSource, addresses: pd.DataFrame) -> Iterator[Draft]:
    """Yield a mail for each student with a proved or known address. It holds only state and corrections."""
    corrections, reported = _corrections(source.findings), first_reported(source.errata)
    columns = ["school", "student_number", "submission_id", "status"]
    names = source.submissions.drop_duplicates("submission_id").set_index("submission_id")["name"]
    where = addresses["proved"].where(addresses["proved"].ne(""), addresses["known"])
    for row, address in zip(source.roster[columns].itertuples(index=False, name=None), where, strict=True):
        school, number, submission, status = map(str, row)
        name = str(names.get(submission, ""))  # as submitted, because the roster's is the registry's
        if not address:
            continue
        items = corrections.get(submission, ()) if status == "correct" and submission else ()
        if status == "returned" and (school, number) in source.returned:
            items = (("退回原因", mask(source.returned[school, number]), ""),)
        state = states()[status]
        day = reported.get((school, number), "") if status == "registrar" else ""
        values = {
            "headline": state.headline, "items": items,
            "lead": f"{reported_in_words(day)}。暂时不用再做什么。" if day else state.lead,
            "deadline": _deadline(cohort, source.run.as_of) if state.until == "closes" else "",
        }  # fmt: skip
        recipient = Recipient("student", str(address), (name,) if name else (), frozenset({(school, number)}))
        content = mail_digest(status, *(text for item in items for text in item[:2]), *filter(None, [day]))
        yield Draft(recipient, content, partial(_message, cohort, recipient, values))


def invitation_drafts(cohort: Cohort, source: MailSource, addresses: pd.DataFrame) -> Iterator[Draft]:
    """Yield the mails of `--invite`: invitations with a code, codes, and notices of change.

    The code of an unproved address is sent to the known address if there is one, because that proves the person and
    not only a mailbox. A known address is informed when another one was proved.
    """
    key = code_key(cohort)
    for row in addresses[COLUMNS].itertuples(index=False, name=None):
        school, number, submitted, proved, known = map(str, row)
        student, other = (school, number), known.casefold() != (proved or submitted).casefold()
        if known and not submitted:
            yield _code_mail(cohort, key, "invite", student, known, known, source.run.as_of)
        elif submitted and not proved:
            yield _code_mail(cohort, key, "confirm", student, known or submitted, submitted, source.run.as_of)
        elif proved and known and other:
            yield _code_mail(cohort, key, "changed", student, known, proved, source.run.as_of)


def _code_mail(
    cohort: Cohort, key: bytes, kind: Kind, student: tuple[str, str], to: str, address: str, as_of: date
) -> Draft:
    """Return the mail to `to` about `address`. The kind `changed` has no code."""
    school, number = student
    code = code_for(key, cohort.name, cohort.code_of(school), number, address)
    # a mail to an unproved address holds no data of the student, not even the name
    recipient = Recipient(kind, to, (), frozenset({student}))
    texts = report_table("words")["invitations"]["confirm_new" if kind == "confirm" and to != address else kind]
    values = {
        **texts, "lead": texts["lead"].format(cohort=cohort.name, school=school, address=mask(address)),
        "code": "" if kind == "changed" else code,
        "code_note": "填入表格的“确认码”一列，即可证明这个邮箱是您本人的。请不要告诉他人。",
        "deadline": _deadline(cohort, as_of),
    }  # fmt: skip
    content = mail_digest(kind, code, str(cohort.window.closes))
    return Draft(recipient, content, partial(_message, cohort, recipient, values))


def _message(cohort: Cohort, recipient: Recipient, values: Mapping[str, object]) -> Message:
    greeting = f"{mask(recipient.names[0])}同学" if recipient.names else "同学您好"
    shared = {
        "title": "毕业生信息核对", "about": [cohort.name], "preheader": values["headline"], "greeting": greeting,
        "items": (), "steps": (), "code": "", "code_note": "",
    }  # fmt: skip
    html, text = render_letter("student", {**shared, **values}, cohort)
    return Message(recipient, f"{cohort.name}毕业生信息核对：{values['headline']}", html, text)


def _corrections(findings: pd.DataFrame) -> dict[str, tuple[tuple[str, str, str], ...]]:
    """Return by submission id what the student must correct: field label, advice, submitted value."""
    mistakes = one_per_mistake(open_critical(findings[findings["actor"] == "student"]))
    corrections: dict[str, list[tuple[str, str, str]]] = {}
    columns = ["submission_id", "field", "message", "given", "expected"]
    rows = mistakes[columns].astype("str").itertuples(index=False, name=None)
    for submission, field, message, given, expected in rows:
        quotes = expected and expected in message and expected not in given  # the registry's value is not for students
        advice = "请核对这一项后重新填写" if quotes else mask(message)
        value = mask(given) if len(given) <= _LONGEST_GIVEN else ""
        corrections.setdefault(submission, []).append((fields.label(field) or "信息", advice, value))
    return {submission: tuple(dict.fromkeys(items)) for submission, items in corrections.items()}


def _deadline(cohort: Cohort, as_of: date) -> str:
    closes = cohort.window.closes
    day = f"{closes.year}年{closes.month}月{closes.day}日"
    return f"提交截止：{day}" if as_of <= closes else f"提交已于{day}截止，请尽快联系辅导员补交。"
