"""A mail server on loopback that misbehaves at any step of the dialogue, written on bare sockets.

A fate is `what@where`: what happens (`drop`, `421`, another reply such as `550`, `silence`, `drip`, `babble`, or at the
content `lose` and `keep`: the mail is thrown away, or kept, and the connection lost), and before which reply: `banner`,
`ehlo`, `mail`, `rcpt`, `data`, `content`. Anything else is a good server's.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

STEPS = ("banner", "ehlo", "mail", "rcpt", "data", "content")
_COMMANDS = {b"EHLO": "ehlo", b"HELO": "ehlo", b"MAIL": "mail", b"RCPT": "rcpt", b"DATA": "data"}


class Gone(Exception):
    """The connection is over."""


class RoughServer(socketserver.ThreadingTCPServer):
    """Asks `fate()` at each connection and at each mail after its first; `accepted` is what it has taken."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, fate: Callable[[], str] = lambda: "ok", tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Dialogue)
        self.fate = fate
        self.tls = tls
        self.accepted: list[tuple[str, bytes]] = []
        self.connections = 0
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def port(self) -> int:
        return self.server_address[1]

    def mails(self) -> list[tuple[str, EmailMessage]]:
        return [(to, message_from_bytes(raw, policy=default)) for to, raw in self.accepted]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""


class _Dialogue(socketserver.BaseRequestHandler):
    server: RoughServer  # pyright: ignore[reportIncompatibleVariableOverride] - whose dialogue it is
    request: socket.socket

    def handle(self) -> None:
        self.server.connections += 1
        self.fate, self.fresh, self.to = self.server.fate(), True, ""
        if self.server.tls:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        self.file = self.request.makefile("rb")
        with contextlib.suppress(Gone, OSError, ValueError):
            self.answer("banner", "220 localhost ready")
            while line := self.file.readline(2000):
                self.command(line)

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            self.request.close()

    def command(self, line: bytes) -> None:
        step = _COMMANDS.get(line[:4].upper(), "")
        if step == "mail":
            self.fate = self.fate if self.fresh else self.server.fate()
            self.fresh = False
        if step == "rcpt":
            self.to = line.decode().partition("<")[2].partition(">")[0]
        if line[:4].upper() == b"QUIT":
            self.say("221 bye")
            raise Gone
        self.answer(step, "354 go on" if step == "data" else "250 OK")
        if step == "data" and self.fate.partition("@")[2] != "data":
            self.content()

    def content(self) -> None:
        lines: list[bytes] = []
        while (line := self.file.readline()) != b".\r\n":
            if not line:
                raise Gone
            lines.append(line[1:] if line.startswith(b".") else line)
            if self.fate == "drop@half":  # before the client has sent its end, or after: that is not for it to know
                raise Gone
        what, _, step = self.fate.partition("@")
        if step != "content" or what == "keep":
            self.server.accepted.append((self.to, b"".join(lines)))
        self.answer("content", "250 queued")

    def answer(self, step: str, good: str) -> None:
        what, _, where = self.fate.partition("@")
        if where != step:
            self.say(good)
            return
        if what in ("drop", "keep", "lose"):
            raise Gone
        if what == "silence":
            time.sleep(20)
            raise Gone
        if what == "drip":
            for _ in range(400):
                self.request.sendall(b"2")
                time.sleep(0.05)
            raise Gone
        self.say("\x00\xff no such language" if what == "babble" else f"{what} 4.3.2 not now")
        if what == "421":
            raise Gone

    def say(self, text: str) -> None:
        self.request.sendall(text.encode("latin-1") + b"\r\n")
