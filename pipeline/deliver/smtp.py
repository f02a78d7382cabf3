"""Handing a mail to a server, step by step, so that each way to fail is told from the others.

Before the content's last byte nothing was accepted: a lost connection is temporary. After it and before the
reply nobody knows: `unclear`. 4xx replies are temporary, 5xx final (RFC 5321, 4.2.1).
"""

from __future__ import annotations

import os
import re
import smtplib
import socket
import ssl
from collections.abc import Callable

from pipeline.cohort import Mail
from pipeline.deliver.message import sender_address
from pipeline.deliver.outbox import Outcome
from pipeline.errors import ConfigurationError, MingceError

TIMEOUT = 30.0  # seconds for connecting and for each reply
PER_CONNECTION = 40  # mails; many servers close after 50 or 100
_LOST = (smtplib.SMTPServerDisconnected, OSError)


class ServerError(MingceError):
    """The mail server cannot be used at all: nothing of this mail was handed over."""


class SmtpServer:
    """One server, connected when needed."""

    def __init__(self, mail: Mail, password: str | None, timeout: float = TIMEOUT) -> None:
        self._mail = mail
        self._password = password
        self._timeout = timeout
        self._sender = sender_address(mail.sender).addr_spec
        self._client: smtplib.SMTP | None = None
        self._sent = 0

    def send(self, raw: bytes, to: str, claim: Callable[[], None]) -> Outcome:
        """Hand over one mail; `claim` is called when the next thing to happen is its content.

        Raises:
            ServerError: the server refuses the login or does not encrypt (final for all mails).
        """
        try:
            client = self._connected()
        except (*_LOST, smtplib.SMTPException) as error:
            code = error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else 0
            return Outcome("deferred", "connect", code, type(error).__name__)
        try:
            refused = self._opened(client) or _refusal("rcpt", *client.rcpt(to))
        except (*_LOST, smtplib.SMTPException) as error:
            self._drop()
            return Outcome("deferred", "dialogue", 0, type(error).__name__)
        if refused:
            self._reset(refused)
            return refused
        claim()
        return self._content(client, raw)

    def _opened(self, client: smtplib.SMTP) -> Outcome | None:
        refused = _refusal("mail", *client.mail(self._sender))
        if refused and refused.action == "refused":
            raise ServerError(
                f"邮件服务器不接受发件人（{refused.code}）",
                where="[mail] sender",
                remedy="请核对发件人与登录账号是否一致",
            )
        return refused

    def close(self) -> None:
        """Say goodbye."""
        if self._client:
            try:
                self._client.quit()
            except (*_LOST, smtplib.SMTPException):
                pass  # what was accepted stays accepted
            self._client = None

    def _content(self, client: smtplib.SMTP, raw: bytes) -> Outcome:
        try:
            code, reply = client.docmd("DATA")
            if code != 354:
                refused = _refusal("data", code, reply) or Outcome("deferred", "data", code)
                self._reset(refused)
                return refused
            client.send(_quoted(raw))
        except (*_LOST, smtplib.SMTPResponseException) as error:
            self._drop()
            return Outcome("deferred", "data", 0, type(error).__name__)  # its end was never sent
        try:
            code, reply = client.getreply()
        except (*_LOST, smtplib.SMTPResponseException) as error:
            self._drop()
            return Outcome("unclear", "content", 0, type(error).__name__)
        outcome = _refusal("content", code, reply) or Outcome("accepted", "content", code)
        self._reset(outcome) if outcome.action != "accepted" else self._count()
        return outcome

    def _connected(self) -> smtplib.SMTP:
        if self._client and self._sent < PER_CONNECTION:
            return self._client
        self.close()
        self._sent = 0
        self._client = connect(self._mail, self._password, self._timeout)
        return self._client

    def _reset(self, outcome: Outcome) -> None:
        """Get ready for the next mail: 421 means that the server hangs up."""
        try:
            if self._client and outcome.code != 421:
                self._client.rset()
                return
        except (*_LOST, smtplib.SMTPException):
            pass  # then connect anew
        self._drop()

    def _drop(self) -> None:
        if self._client:
            self._client.close()
        self._client = None

    def _count(self) -> None:
        self._sent += 1


def connect(mail: Mail, password: str | None, timeout: float = TIMEOUT) -> smtplib.SMTP:
    """Connect, encrypt and log in.

    Raises:
        ServerError: no encryption, a certificate that is not trusted, or a refused login.
        OSError: no connection.
        smtplib.SMTPException: the server's other refusals.
    """
    context = ssl.create_default_context()
    host = re.sub(r"[^0-9A-Za-z.-]", "-", socket.gethostname()) or "localhost"
    where = f"{mail.server}:{mail.port}"
    client: smtplib.SMTP | None = None
    try:
        if mail.security == "tls":
            client = smtplib.SMTP_SSL(mail.server, mail.port, host, timeout=timeout, context=context)
        else:
            client = smtplib.SMTP(mail.server, mail.port, host, timeout=timeout)
        if mail.security == "starttls":
            client.starttls(context=context)
            client.ehlo()
        if mail.user and password:
            client.login(mail.user, password)
        client.ehlo_or_helo_if_needed()
        return client
    except (OSError, smtplib.SMTPException) as error:
        if client:
            client.close()
        raise _named(error, where) from None


def _named(error: Exception, where: str) -> Exception:
    """Return the error as one a reader can act on, where it is final for every mail."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return ServerError("邮件服务器的证书不可信", where=where, remedy="请核对服务器名称，或请网络中心更新证书")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return ServerError("邮件服务器不支持加密或登录", where=where, remedy="请核对 [mail] 的 port 与 security")
    if isinstance(error, smtplib.SMTPAuthenticationError) and error.smtp_code >= 500:
        return ServerError(
            "邮件服务器拒绝登录", where=where, remedy="请核对 [mail] user 与密码（很多邮箱要用授权码，不是网页密码）"
        )
    if isinstance(error, ssl.SSLError):
        return ServerError("与邮件服务器加密失败", where=where, remedy="请核对 [mail] 的 port 与 security")
    if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500:
        return ServerError(f"邮件服务器拒绝连接（{error.smtp_code}）", where=where, remedy="请联系网络中心")
    return error


def password_of(mail: Mail) -> str | None:
    """Return the password: MINGCE_MAIL_PASSWORD, else the keyring's (service mingce, name of the user).

    Raises:
        ConfigurationError: a user is named and neither has a password.
    """
    if not mail.user:
        return None
    found = os.environ.get("MINGCE_MAIL_PASSWORD") or _from_keyring(mail.user)
    if not found:
        raise ConfigurationError(
            [
                f"[mail] user：没有 {mail.user} 的密码。请设置环境变量 MINGCE_MAIL_PASSWORD，"
                f"或执行 keyring set mingce {mail.user} 存入系统钥匙串"
            ],
            where="cohort.toml",
        )
    return found


def _from_keyring(user: str) -> str | None:
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password("mingce", user)
    except KeyringError:
        return None


def _refusal(stage: str, code: int, reply: bytes | str) -> Outcome | None:
    """Return the outcome of a reply, or None where it says yes."""
    if 200 <= code < 400:
        return None
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return Outcome("refused" if code >= 500 else "deferred", stage, code, text)


def _quoted(raw: bytes) -> bytes:
    """Return the content as DATA wants it: CRLF, leading dots doubled, the end marked."""
    body = re.sub(rb"\r\n|\r|\n", b"\r\n", raw)
    return re.sub(rb"(?m)^\.", b"..", body).removesuffix(b"\r\n") + b"\r\n.\r\n"
