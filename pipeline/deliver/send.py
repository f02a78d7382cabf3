"""`mingce send`: mail the newest complete run, each mail once, and errata to registrars when they changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.atomic_files import remove_drafts
from pipeline.cohort import Cohort
from pipeline.cohort_sections import School
from pipeline.deliver import recipients
from pipeline.deliver.dashboard import FullPage, staff_draft
from pipeline.deliver.full_page import college_pages, counselor_pages, no_pages
from pipeline.deliver.message import (
    XLSX,
    Attachment,
    Draft,
    Message,
    message_id,
    render_letter,
    sender_address,
    to_bytes,
)
from pipeline.deliver.outbox import UNCHANGED, Outbox
from pipeline.deliver.post import Clock, Mailer, Result
from pipeline.deliver.recipients import NoAddress, Recipient, mail_digest
from pipeline.deliver.smtp import SmtpServer, password_of
from pipeline.deliver.source import MailSource, open_run
from pipeline.deliver.student_mail import invitation_drafts, student_addresses, student_drafts
from pipeline.lock import cohort_lock
from pipeline.papers.errata import ERRATA, REPORTED, Erratum, errata_workbook, record_errata
from pipeline.resources import report_table
from pipeline.review.ledger import Ledger, open_ledger

Pages = Callable[[Cohort, MailSource, list[Recipient]], FullPage]
_NO_SERVER = "就业办 <mingce@localhost.localdomain>"


@dataclass(frozen=True)
class SendOptions:
    """The options of `mingce send`."""

    dry_run: bool = False
    failed: bool = False
    invite: bool = False
    force: bool = False


@dataclass(frozen=True)
class SendResult:
    """The results by recipient, and the staff without a valid address."""

    run_id: str
    results: list[Result]
    unreachable: list[NoAddress]
    recovered: int
    """The number of claims that a crash had left open. They are flagged now."""
    folder: Path


def send_due(
    cohort: Cohort,
    options: SendOptions,
    clock: Clock,
    *,
    server: SmtpServer | None = None,
    pages: Pages | None = None,
    on_result: Callable[[Result], None] = lambda _: None,
) -> SendResult:
    """Send the due mails of the newest complete run, or write them as `.eml` if the cohort has no `[mail]`.

    `server` and `pages` replace the server of `[mail]` and the notebook. `told` is called with each result.

    Raises:
        RefusedError: there is no complete run.
        BusyError: another process is sending for this cohort.
        ServerError: the mail server cannot be used.
    """
    source = open_run(cohort)
    folder = cohort.reports_folder / "outbox" / source.run.run_id
    if options.dry_run:
        return _dry_run(cohort, options, source, folder)
    with cohort_lock(cohort, clock.now(), "send"), open_ledger(cohort, clock.now) as ledger:
        for batch in folder.parent.glob("*"):
            remove_drafts(batch)
        outbox = Outbox(ledger, cohort, source.run.run_id)
        recovered = outbox.recover()
        rendered: list[FullPage] = [no_pages]  # the rendered pages follow once the due mails are known
        due, results, unreachable = _plan(cohort, options, source, outbox, lambda recipient: rendered[-1](recipient))
        for result in results:
            on_result(result)
        staff = [draft.recipient for draft in due if draft.recipient.kind == "counselor"]
        try:
            with ExitStack() as stack:
                if cohort.mail and server is None:
                    server = stack.enter_context(closing(SmtpServer(cohort.mail, password_of(cohort.mail))))
                rendered.append((pages or counselor_pages)(cohort, source, staff))
                _mailer(cohort, options, outbox, server, folder, clock, on_result, results).send_all(due)
        finally:
            record_reported(source, ledger, results)
    return SendResult(source.run.run_id, results, unreachable, recovered, folder)


def _dry_run(cohort: Cohort, options: SendOptions, source: MailSource, folder: Path) -> SendResult:
    with open_ledger(cohort) as ledger:
        outbox = Outbox(ledger, cohort, source.run.run_id)
        due, skipped, unreachable = _plan(cohort, options, source, outbox, no_pages)
    results = skipped + [Result(draft.recipient, "due") for draft in due]
    return SendResult(source.run.run_id, results, unreachable, 0, folder)


def _mailer(
    cohort: Cohort, options: SendOptions, outbox: Outbox, server: SmtpServer | None, folder: Path, clock: Clock,
    on_result: Callable[[Result], None], results: list[Result],
) -> Mailer:  # fmt: skip
    sender = sender_address(cohort.mail.sender if cohort.mail else _NO_SERVER)
    forced_at = clock.now().isoformat() if options.force else ""

    def serialise(message: Message, content: str) -> bytes:
        number = message_id(folder.name, message.recipient, content, sender, forced_at)
        return to_bytes(message, sender, clock.now(), number)

    per_minute = cohort.mail.per_minute if cohort.mail else 1_000_000
    return Mailer(outbox, server, folder, serialise, clock, per_minute, on_result, results)


def _drafts(
    cohort: Cohort, source: MailSource, pages: FullPage, *, invite: bool
) -> tuple[list[Draft], list[NoAddress]]:
    """Return all mails that may be due, and the staff without an address."""
    if invite:
        return list(invitation_drafts(cohort, source, student_addresses(cohort, source))), []
    counselors, no_counselor = recipients.staff("counselor", source.counselors, source.roster)
    secretaries, no_secretary = recipients.staff("secretary", source.college_people, source.roster)
    registrars, no_registrar = recipients.registrars(cohort.schools)
    attached = {"counselor": pages, "secretary": partial(college_pages, source)}
    drafts = [staff_draft(cohort, source, reader, attached[reader.kind]) for reader in (*counselors, *secretaries)]
    if cohort.mail and cohort.mail.students:
        drafts += student_drafts(cohort, source, student_addresses(cohort, source))
    return [*drafts, *registrar_drafts(cohort, source, registrars)], [*no_counselor, *no_secretary, *no_registrar]


def _plan(
    cohort: Cohort, options: SendOptions, source: MailSource, outbox: Outbox, pages: FullPage
) -> tuple[list[Draft], list[Result], list[NoAddress]]:
    """Return the due drafts, the results of the others, and the staff without a valid address."""
    drafts, unreachable = _drafts(cohort, source, pages, invite=options.invite)
    judged = [(draft, _skip_result(options, source, outbox, draft)) for draft in drafts]
    due = [draft for draft, skipped in judged if skipped is None]
    others = [skipped for _, skipped in judged if skipped and (skipped.action == "failed" or not options.failed)]
    return due, others, unreachable


def _skip_result(options: SendOptions, source: MailSource, outbox: Outbox, draft: Draft) -> Result | None:
    """Return the result of a mail that is not sent, or None if it is due."""
    blocked = _block_reason(source, draft.recipient)
    skipped = outbox.skip_reason(draft.recipient, draft.content, force=options.force, failed=options.failed)
    skipped = skipped or (("failed", blocked) if blocked else None)
    return Result(draft.recipient, *skipped) if skipped else None


def _block_reason(source: MailSource, recipient: Recipient) -> str:
    """Return why a recipient gets no mail: a page is broken, or an input could not be read."""
    if recipient.kind not in ("counselor", "secretary"):
        return "；".join(source.unread_students[key] for key in recipient.scope if key in source.unread_students)
    reasons = source.broken_pages | source.unread
    return "；".join(sorted({f"{key[1]}{reasons[key[:2]]}" for key in recipient.scope if key[:2] in reasons}))


_LEAD = str(report_table("words")["texts"]["errata_mail"])


def registrar_drafts(cohort: Cohort, source: MailSource, registrars: Iterable[Recipient]) -> Iterator[Draft]:
    """Yield a mail for each registrar whose school has errata."""
    schools = {school.name: school for school in cohort.schools}
    for recipient in registrars:
        ((name,),) = recipient.scope
        if rows := source.errata.get(name):
            values = (value for row in rows for value in (row.key, row.registered, row.submitted, row.message))
            content = mail_digest(*values)
            build = partial(_registrar_message, cohort, source, schools[name], recipient, rows)
            yield Draft(recipient, content, build)


def record_reported(source: MailSource, ledger: Ledger, results: Iterable[Result]) -> None:
    """Record in the ledger which errata were sent. Their students then see that they were reported."""
    schools: set[tuple[str, ...]] = set()
    for result in results:
        earlier = result.action == "skipped" and result.why == UNCHANGED  # sent, then killed before this was recorded
        if result.recipient.kind == "registrar" and (result.action in ("accepted", "written") or earlier):
            schools |= result.recipient.scope
    for (school,) in sorted(schools):
        record_errata(ledger, source.errata[school], REPORTED, by="mingce send")


def _registrar_message(
    cohort: Cohort, source: MailSource, school: School, recipient: Recipient, rows: list[Erratum]
) -> Message:
    headline = f"{len(rows)} 处待更正，{len({row.student_number for row in rows})} 人"
    values: dict[str, object] = {
        "title": ERRATA,
        "about": [school.name, cohort.name],
        "preheader": headline,
        "headline": headline,
        "greeting": "教务处的老师",
        "lead": _LEAD.format(office=cohort.office.name),
    }
    html, text = render_letter("registrar", values, cohort)
    workbook = errata_workbook(rows, cohort, school, source.run.as_of)
    attached = Attachment(f"勘误_{source.run.as_of:%Y%m%d}.xlsx", workbook, XLSX)
    subject = f"{school.name}{cohort.name}{ERRATA}：{headline}"
    return Message(recipient, subject, html, text, attachments=(attached,))
