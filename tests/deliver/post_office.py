"""A mail server on loopback that fails in the way a test asks for, and keeps what it accepted."""

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class PostOffice:
    """aiosmtpd handler: `fate(recipient)` names what happens to the next mail for it."""

    fate: Callable[[str], str] = lambda _: "ok"
    accepted: list[tuple[str, bytes]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    fates: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list) -> str:
        fate = self.fates[address] = self.fate(address)
        if fate in ("450", "550"):
            return {"450": "450 4.2.1 greylisted, try later", "550": "550 5.1.1 no such mailbox"}[fate]
        if fate == "421":
            server.transport.close() if server.transport else None
            return "421 4.3.2 shutting down"
        if fate == "drop before":
            server.transport.close()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        to = envelope.rcpt_tos[0]
        fate = self.fates[to]
        if fate == "slow":
            await asyncio.sleep(0.2)
        if fate in ("452 data", "554 data"):
            return {"452 data": "452 4.3.1 full", "554 data": "554 5.7.1 looks like spam"}[fate]
        if fate == "drop and lose":
            server.transport.close()
            return "250 never heard"
        self.accepted.append((to, envelope.original_content))
        if fate == "drop after":
            server.transport.close()
        return "250 OK queued"

    def authenticate(self, server, session, envelope, mechanism, data) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login.decode())
        return AuthResult(success=data.password == b"secret", handled=False)

    def mails(self) -> list[tuple[str, EmailMessage]]:
        return [(to, message_from_bytes(raw, policy=default)) for to, raw in self.accepted]


def start(office: PostOffice, tls: ssl.SSLContext | None = None) -> Controller:
    """Start the server on a free port; AUTH is required where `tls` (STARTTLS) is given."""
    more = {"tls_context": tls, "require_starttls": True, "auth_required": True, "authenticator": office.authenticate}
    controller = Controller(
        office, hostname="127.0.0.1", port=free_port(), server_hostname="localhost", **(more if tls else {})
    )
    controller.start()
    return controller


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


__all__ = ["PostOffice", "free_port", "smtplib", "start"]
