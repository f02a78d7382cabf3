"""Hand a mail to an SMTP server. 4xx replies are temporary, 5xx final (RFC 5321, 4.2.1).

A connection that is lost before the content's last byte is a temporary failure, after it `unclear`. Each complete
reply has a deadline: a socket's timeout restarts with each byte, so a slow server would block sending for ever.
"""

from __future__ import annotations

import os
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from threading import Timer
from typing import BinaryIO

from pipeline.cohort_sections import Mail
from pipeline.deliver.message import sender_address
from pipeline.deliver.outbox import Attempt
from pipeline.errors import ConfigurationError, MingceError

TIMEOUT = 30.0  # seconds for connecting and for each complete reply
FINAL_REPLY_FACTOR = 2.0  # times TIMEOUT, because servers scan a mail before the last reply (RFC 5321, 4.5.3.2.6)
MAX_LINE, MAX_LINES = 8192, 100  # bytes and lines of a reply
CONTENT_FACTOR = 10.0  # times TIMEOUT
PER_CONNECTION = 40  # mails; many servers close after 50 or 100
_CODE = re.compile(rb"[2-5][0-9]{2}")
_CONNECTION_ERRORS = (smtplib.SMTPServerDisconnected, OSError)


class ServerError(MingceError):
    """The mail server cannot be used. No part of this mail was handed over."""


@contextmanager
def _deadline(connected: socket.socket | None, seconds: float) -> Generator[None]:
    """Shut the connection down if the block takes more than `seconds`: its reads and writes then fail."""
    if connected is None or connected.fileno() < 0:
        yield
        return
    with socket.fromfd(connected.fileno(), connected.family, connected.type) as twin:  # TLS replaces the socket
        timer = Timer(seconds, _shut_down, [twin])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


def _shut_down(connected: socket.socket) -> None:
    with suppress(OSError):  # already lost
        connected.shutdown(socket.SHUT_RDWR)


class _Client(smtplib.SMTP):
    """An SMTP client that rejects an incomplete reply, which smtplib accepts. Its timeout is for a complete reply."""

    def getreply(self) -> tuple[int, bytes]:
        """Return code (-1 if there is none) and text. Raise `SMTPServerDisconnected` for an incomplete reply."""
        if not self.sock:
            raise smtplib.SMTPServerDisconnected("closed")
        with _deadline(self.sock, self.sock.gettimeout() or self.timeout):
            try:
                self.file = reader = self.file or self.sock.makefile("rb")
                lines = _reply_lines(reader)
            except OSError as error:
                self.close()
                raise smtplib.SMTPServerDisconnected(type(error).__name__) from None
        text = b"\n".join(line[4:].strip() for line in lines)
        code = lines[-1][:3]
        return (int(code) if _CODE.fullmatch(code) else -1), text


def _reply_lines(reader: BinaryIO) -> list[bytes]:
    lines: list[bytes] = []
    while True:
        line = reader.readline(MAX_LINE)
        if not line.endswith(b"\n") or len(lines) == MAX_LINES:
            raise ConnectionError
        lines.append(line)
        if line[3:4] != b"-" or not _CODE.fullmatch(line[:3]):
            return lines


class _TlsClient(_Client, smtplib.SMTP_SSL):
    """The same, encrypted from the first byte."""


class SmtpServer:
    """One mail server, connected when needed."""

    def __init__(self, mail: Mail, password: str | None, timeout: float = TIMEOUT) -> None:
        self._mail = mail
        self._password = password
        self._timeout = timeout
        self._sender = sender_address(mail.sender).addr_spec
        self._client: smtplib.SMTP | None = None
        self._sent = 0

    def send(self, raw: bytes, to: str, claim: Callable[[], None]) -> Attempt:
        """Hand over one mail. Call `claim` right before its content. Raise `ServerError` if every mail will fail."""
        try:
            client = self._connected()
        except (*_CONNECTION_ERRORS, smtplib.SMTPException) as error:
            code = error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else 0
            return Attempt("deferred", "connect", code, type(error).__name__)
        try:
            refused = self._mail_from(client) or _refusal("rcpt", *client.rcpt(to))
        except (*_CONNECTION_ERRORS, smtplib.SMTPException) as error:
            self._drop()
            return Attempt("deferred", "dialogue", 0, type(error).__name__)
        if refused:
            return self._reset(refused)
        claim()
        return self._content(client, raw)

    def _mail_from(self, client: smtplib.SMTP) -> Attempt | None:
        refused = _refusal("mail", *client.mail(self._sender))
        if refused and refused.action == "refused":
            remedy = "请核对发件人与登录账号是否一致"
            raise ServerError(f"邮件服务器不接受发件人（{refused.code}）", where="[mail] sender", remedy=remedy)
        return refused

    def close(self) -> None:
        """Quit the session."""
        if self._client:
            with suppress(*_CONNECTION_ERRORS, smtplib.SMTPException):  # what was accepted stays accepted
                self._client.quit()
            self._client = None

    def _content(self, client: smtplib.SMTP, raw: bytes) -> Attempt:
        try:
            code, reply = client.docmd("DATA")
            if code != 354:
                return self._reset(_refusal("data", code, reply) or Attempt("deferred", "data", code))
            with _deadline(client.sock, self._timeout * CONTENT_FACTOR):
                client.send(_dot_stuffed(raw))
        except (*_CONNECTION_ERRORS, smtplib.SMTPResponseException) as error:
            self._drop()
            return Attempt("deferred", "data", 0, type(error).__name__)  # its end was never sent
        try:
            code, reply = self._last_reply(client)
        except (*_CONNECTION_ERRORS, smtplib.SMTPResponseException) as error:
            self._drop()
            return Attempt("unclear", "content", 0, type(error).__name__)
        if not 200 <= code < 300 and not 400 <= code < 600:  # no valid reply
            self._drop()
            return Attempt("unclear", "content", 0, "reply")
        refused = _refusal("content", code, reply)
        if refused:
            return self._reset(refused)
        self._sent += 1
        return Attempt("accepted", "content", code)

    def _last_reply(self, client: smtplib.SMTP) -> tuple[int, bytes]:
        assert client.sock
        client.sock.settimeout(self._timeout * FINAL_REPLY_FACTOR)
        try:
            return client.getreply()
        finally:
            if client.sock:
                client.sock.settimeout(self._timeout)

    def _connected(self) -> smtplib.SMTP:
        if self._client and self._sent < PER_CONNECTION:
            return self._client
        self.close()
        self._sent = 0
        self._client = connect_smtp(self._mail, self._password, self._timeout)
        return self._client

    def _reset(self, outcome: Attempt) -> Attempt:
        """Prepare for the next mail, and return `outcome`. 421 means that the server closes the connection."""
        with suppress(*_CONNECTION_ERRORS, smtplib.SMTPException):  # else connect anew
            if self._client and outcome.code != 421:
                self._client.rset()
                return outcome
        self._drop()
        return outcome

    def _drop(self) -> None:
        if self._client:
            self._client.close()
        self._client = None


def connect_smtp(mail: Mail, password: str | None, timeout: float = TIMEOUT) -> smtplib.SMTP:
    """Connect, encrypt and log in.

    Raises:
        ServerError: no encryption, an untrusted certificate, or a refused login.
        OSError: no connection.
        smtplib.SMTPException: other refusals of the server.
    """
    context = ssl.create_default_context()
    host = re.sub(r"[^0-9A-Za-z.-]", "-", socket.gethostname()) or "localhost"
    where = f"{mail.server}:{mail.port}"
    client: smtplib.SMTP | None = None
    try:
        if mail.security == "tls":
            client = _TlsClient(mail.server, mail.port, host, timeout=timeout, context=context)
        else:
            client = _Client(mail.server, mail.port, host, timeout=timeout)
        if mail.security == "starttls":
            with _deadline(client.sock, timeout * 2):
                client.starttls(context=context)
            client.ehlo()
        if mail.user and password:
            client.login(mail.user, password)
        client.ehlo_or_helo_if_needed()
        return client
    except (OSError, smtplib.SMTPException) as error:
        if client:
            client.close()
        raise _server_error(error, where) from None


def _server_error(error: Exception, where: str) -> Exception:
    """Return a `ServerError` with a remedy if the error is final for every mail, else the error itself."""
    final = isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500
    check = "请核对 [mail] 的 port 与 security"
    message: tuple[str, str] | None = None
    if isinstance(error, ssl.SSLCertVerificationError):
        message = "邮件服务器的证书不可信", "请核对服务器名称，或请网络中心更新证书"
    elif isinstance(error, smtplib.SMTPNotSupportedError):
        message = "邮件服务器不支持加密或登录", check
    elif isinstance(error, smtplib.SMTPAuthenticationError) and final:
        message = "邮件服务器拒绝登录", "请核对 [mail] user 与密码（很多邮箱要用授权码，不是网页密码）"
    elif type(error) is smtplib.SMTPException:  # smtplib's error if both know no common way to log in
        message = "邮件服务器的登录方式不受支持", "请联系网络中心，开启 PLAIN 或 LOGIN 登录"
    elif isinstance(error, ssl.SSLError):
        message = "与邮件服务器加密失败", check
    elif isinstance(error, smtplib.SMTPResponseException) and final:
        message = f"邮件服务器拒绝连接（{error.smtp_code}）", "请联系网络中心"
    return ServerError(message[0], where=where, remedy=message[1]) if message else error


def password_of(mail: Mail) -> str | None:
    """Return the password of MINGCE_MAIL_PASSWORD, else of the keyring (service mingce, user name).

    Raises ConfigurationError if the user has no password, or one that is not ASCII.
    """
    if not mail.user:
        return None
    password = os.environ.get("MINGCE_MAIL_PASSWORD")
    if not password:
        import keyring
        from keyring.errors import KeyringError

        with suppress(KeyringError):  # this machine has none
            password = keyring.get_password("mingce", mail.user)
    if not password:
        message = (
            f"[mail] user：没有 {mail.user} 的密码。请设置环境变量 MINGCE_MAIL_PASSWORD，"
            f"或执行 keyring set mingce {mail.user} 存入系统钥匙串"
        )
        raise ConfigurationError([message], where="cohort.toml")
    if not password.isascii():  # smtplib sends ASCII only; other characters come from an input method
        message = "[mail] user 的密码里有全角字符或汉字。请切换到英文输入法，重新设置密码（授权码）"
        raise ConfigurationError([message], where="cohort.toml")
    return password


def _refusal(stage: str, code: int, reply: bytes | str) -> Attempt | None:
    if 200 <= code < 300:
        return None
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return Attempt("refused" if code >= 500 else "deferred", stage, code, text)


def _dot_stuffed(raw: bytes) -> bytes:
    """Return the content for DATA: CRLF, leading dots doubled, end marked."""
    body = re.sub(rb"\r\n|\r|\n", b"\r\n", raw)
    return re.sub(rb"(?m)^\.", b"..", body).removesuffix(b"\r\n") + b"\r\n.\r\n"
