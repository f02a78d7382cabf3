"""One mail: its letter, its last checks, and bytes that QQ Mail, 163, Outlook and phones display correctly.

Python splits a long attachment name into `filename*0*=` (RFC 2231), which QQ Mail shows as `tcmime.*.bin`. Outlook
needs an RFC 2047 `name=` too. Longer lines would break the Subject. So this module writes the attachments' parts.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Any, cast
from urllib.parse import quote

from pipeline.cohort import Cohort
from pipeline.deliver.recipients import Recipient, clean_address, mail_digest
from pipeline.errors import ConfigurationError, MingceError, RefusedError
from pipeline.render.fragments import render, with_office_name
from pipeline.states import OFFICE
from pipeline.view.people import ChaseRow

HTML_LIMIT = 90_000  # bytes; Gmail clips at 102 KB
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


@dataclass(frozen=True)
class Attachment:
    """A file of a mail."""

    name: str
    content: bytes
    mime: str


@dataclass(frozen=True)
class Message:
    """One mail, built and not yet sent."""

    recipient: Recipient
    subject: str
    html: str
    text: str
    picture: bytes = b""
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True)
class Draft:
    """A mail that may be due, and a function that builds it at some cost.

    `content` is the digest of its content: equal to the last one sent means that nothing changed.
    """

    recipient: Recipient
    content: str
    build: Callable[[], Message]


XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PICTURE_ID = "progress@mingce"  # the HTML refers to it as cid:


def header_text(text: str) -> str:
    """Return `text` for a header: one line, no control or direction marks, at most 120 characters."""
    return _CONTROL.sub(" ", text).strip()[:120]


def display_name(text: str) -> str:
    """Return a person's name for an address header, without the header's special characters.

    Python splits a long quoted name, and the part outside the quotes would read as another address.
    """
    return re.sub(r'[\s"\\<>()\[\],;:@]+', " ", header_text(text)).strip()[:60]


def sender_address(text: str) -> Address:
    """Parse `就业处 <jyc@example.edu.cn>`. Raise `ConfigurationError` if it holds no plain address."""
    name, address = parseaddr(text)
    clean = clean_address(address)
    if not clean:
        raise ConfigurationError(['[mail] sender：应写作 "就业处 <jyc@example.edu.cn>"'], where="cohort.toml")
    return Address(display_name(name), *clean.rsplit("@", 1))


def to_bytes(message: Message, sender: Address, now: datetime, message_id: str) -> bytes:
    """Return the bytes that are sent and stored. Raise `MingceError` if the HTML is over `HTML_LIMIT`."""
    size = len(message.html.encode())
    if size > HTML_LIMIT:
        raise MingceError(f"邮件正文 {size} 字节，超过上限", where=message.recipient.kind, remedy="请报告维护人员")
    mail = EmailMessage(policy=SMTP)
    names = "、".join(message.recipient.names)
    mail["Subject"] = header_text(message.subject)
    mail["From"] = sender
    mail["Reply-To"] = sender
    mail["To"] = Address(display_name(names), *message.recipient.address.rsplit("@", 1))
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = message_id
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    mail.set_content(message.text, subtype="plain", charset="utf-8", cte="base64")
    mail.add_alternative(message.html, subtype="html", charset="utf-8", cte="base64")
    if message.picture:
        html = mail.get_body(("html",))
        assert isinstance(html, EmailMessage)
        cid = f"<{PICTURE_ID}>"
        html.add_related(message.picture, "image", "png", cid=cid, filename="progress.png", disposition="inline")
    if not message.attachments:
        return mail.as_bytes()
    mail.make_mixed()
    raw, boundary = mail.as_bytes(), f"--{mail.get_boundary()}".encode()
    body, end, rest = raw.rpartition(boundary + b"--")
    parts = [boundary + b"\r\n" + _mime_part(attachment) for attachment in message.attachments]
    return b"".join([body, *parts, end, rest])


def file_name(text: str) -> str:
    """Return an attachment's name without characters that mail clients or file systems reject."""
    return re.sub(r'[<>:"/\\|?*;%\']', "_", header_text(text)).lstrip(" .-+=@~").rstrip(" .") or "_"


def message_id(run_id: str, recipient: Recipient, content: str, sender: Address, forced_at: str = "") -> str:
    """Return the Message-ID. Equal mails have equal ids, so most clients show a double delivery once."""
    return f"<{mail_digest(run_id, recipient.key, content, forced_at)[:32]}@{sender.domain}>"


def _mime_part(attachment: Attachment) -> bytes:
    """Return an attachment as a MIME part with its complete name in RFC 2231 and in RFC 2047."""
    name = file_name(attachment.name)
    charset = ';\r\n charset="utf-8"' if attachment.mime.startswith("text/") else ""
    head = (
        f"Content-Type: {attachment.mime}{charset};\r\n name={_encoded_words(name)}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: attachment;\r\n filename*=utf-8''{quote(name, safe='')}\r\n\r\n"
    )
    content = base64.b64encode(attachment.content)
    lines = (content[start : start + 76] + b"\r\n" for start in range(0, len(content), 76))
    return head.encode("ascii") + b"".join(lines)


def _encoded_words(name: str) -> str:
    """Return `name` as quoted RFC 2047 words of at most 75 characters."""
    words: list[bytes] = []
    piece = b""
    for character in name:
        if len(piece) + len(character.encode()) > 45:
            words.append(piece)
            piece = b""
        piece += character.encode()
    words.append(piece)
    return '"' + "\r\n ".join(f"=?utf-8?b?{base64.b64encode(word).decode()}?=" for word in words) + '"'


_ID_NUMBER = re.compile(r"(?<![0-9A-Za-z])[0-9]{17}[0-9Xx](?![0-9A-Za-z])")


def render_letter(name: str, values: dict[str, Any], cohort: Cohort) -> tuple[str, str]:
    """Return the letter `name` (dashboard, student, registrar) as HTML and text. Raise RefusedError on ID numbers."""
    office = cohort.office
    reply = parseaddr(cohort.mail.sender)[1] if cohort.mail else ""
    shared = {**values, "cohort": cohort.name, "office": office, "office_name": OFFICE, "reply": reply}
    html = render(f"mail/{name}.html.j2", **shared)
    text = render(f"mail/{name}.txt.j2", **{key: _one_line(value) for key, value in shared.items()})
    html, text = with_office_name(html, office.name), text.replace(OFFICE, office.name)
    if _ID_NUMBER.search(html) or _ID_NUMBER.search(text):
        raise RefusedError(
            "邮件正文中出现了完整的身份证号码", where=f"寄送（{name}）", remedy="没有寄出，请报告维护人员"
        )
    return re.sub(r"\n\s*", "\n", html), re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _one_line(value: object) -> object:
    if isinstance(value, list):
        return [_one_line(item) for item in cast("list[object]", value)]
    return " ".join(value.split()) if isinstance(value, str) else value


def check_scope(recipient: Recipient, rows: Iterable[ChaseRow]) -> None:
    """Raise `RefusedError`, without names, if a row is not of the recipient's classes or colleges."""
    width = 3 if recipient.kind == "counselor" else 2
    foreign = sum((row.school, row.college, row.class_name)[:width] not in recipient.scope for row in rows)
    if foreign:
        raise RefusedError(f"邮件中有 {foreign} 行不属于收件人", where="寄送", remedy="没有寄出，请报告维护人员")
