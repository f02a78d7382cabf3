"""The mail for registrars: the errata of their school's registry, when they changed, and the ledger's note."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from pipeline.cohort import Cohort
from pipeline.cohort_sections import School
from pipeline.deliver.letters import render_letter
from pipeline.deliver.mail_guard import refuse_id_numbers
from pipeline.deliver.message import XLSX, Attachment, Draft, Message
from pipeline.deliver.outbox import SAME
from pipeline.deliver.post import Result
from pipeline.deliver.recipients import NoAddress, Recipient, clean_address, mail_digest
from pipeline.deliver.source import MailSource
from pipeline.papers.errata import KIND, REPORTED, Erratum, errata_of, remember
from pipeline.papers.errata_xlsx import NAME, errata_workbook
from pipeline.review.ledger import Ledger
from pipeline.view.run_tables import load_run

_LEAD = (
    "附件是核对毕业生信息时发现的学籍库中的问题，每行写明需要的证明。请核对后更正学籍库，并重新导出给{office}；"
    "不更正的请在“处理结果”写明，回复这封邮件。更正以后，这一行自动消去。附件含身份信息，请勿转发。"
)


def registrar_drafts(cohort: Cohort, source: MailSource, ledger: Ledger) -> Iterator[Draft]:
    """Yield the mail of each school whose registry has errata and whose registrar has an address."""
    entries, run = ledger.entries(KIND), load_run(source.run)
    for school in _schools(cohort, source):
        address = clean_address(school.registrar)
        rows = errata_of(run, school, entries) if address else []
        if rows:
            recipient = Recipient("registrar", address, (), frozenset({(school.name,)}))
            content = mail_digest(*(part for row in rows for part in (row.key, row.held, row.given, row.message)))
            yield Draft(recipient, content, partial(_message, cohort, source, school, recipient, rows, content))


def _schools(cohort: Cohort, source: MailSource) -> Iterator[School]:
    """Yield the schools whose registry was read."""
    unread = {key[0] for key, why in source.unread.items() if "学籍库" in why}
    return (school for school in cohort.schools if school.name not in unread)


def bad_addresses(cohort: Cohort) -> list[NoAddress]:
    """Return the schools whose registrar's address is none."""
    given = [school for school in cohort.schools if school.registrar and not clean_address(school.registrar)]
    return [NoAddress(f"{school.name} 教务处", "registrar 的邮箱不正确") for school in given]


def keep_reported(cohort: Cohort, source: MailSource, ledger: Ledger, results: Iterable[Result]) -> None:
    """Write into the ledger which errata went out: students on them read so from now on."""
    told = {key for result in results if _went_out(result) for key in result.recipient.scope}
    for school in cohort.schools:
        if (school.name,) in told:
            rows = errata_of(load_run(source.run), school, ledger.entries(KIND))
            remember(ledger, rows, REPORTED, by="mingce send")


def _went_out(result: Result) -> bool:
    """Return whether these very errata are with the registrar: now, or since an earlier sending that was killed."""
    went = result.action in ("accepted", "written") or (result.action == "skipped" and result.why == SAME)
    return result.recipient.kind == "registrar" and went


def _message(
    cohort: Cohort, source: MailSource, school: School, recipient: Recipient, rows: list[Erratum], content: str
) -> Message:
    people = len({row.student_number for row in rows})
    headline = f"{len(rows)} 处待更正，{people} 人"
    values: dict[str, object] = {
        "title": NAME,
        "about": [school.name, cohort.name],
        "preheader": headline,
        "headline": headline,
        "greeting": "教务处的老师",
        "lead": _LEAD.format(office=cohort.office.name),
        "cohort": cohort.name,
    }
    html, text = render_letter("registrar", values, cohort)
    refuse_id_numbers(recipient, html, text)
    workbook = errata_workbook(rows, cohort, school, source.as_of)
    attached = Attachment(f"勘误_{source.as_of:%Y%m%d}.xlsx", workbook, XLSX)
    subject = f"{school.name}{cohort.name}{NAME}：{headline}"
    return Message(recipient, subject, html, text, content, attachments=(attached,))
