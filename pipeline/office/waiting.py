"""The page that the browser shows while the desk starts; it goes over to the desk by itself."""

from __future__ import annotations

import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from pipeline.render.pieces import render


class _Server(ThreadingHTTPServer):
    """Knows the page's path, which nobody else on this machine can guess, and the desk once it is ready."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.path = f"/{secrets.token_urlsafe(24)}"
        self.desk = ""
        self.began = time.monotonic()


class _Handler(BaseHTTPRequestHandler):
    """Answers with the waiting page, or with the way to the desk."""

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, _Server)
        if self.path != server.path:
            self.send_error(404)
            return
        page = render("page/waiting.html.j2", seconds=int(time.monotonic() - server.began)).encode()
        self.send_response(302 if server.desk else 200)
        if server.desk:
            self.send_header("Location", server.desk)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing on the terminal."""


class Waiting:
    """The waiting page: its address, and what ends the waiting."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self.address = f"http://127.0.0.1:{server.server_port}{server.path}"

    def over(self, desk: str) -> None:
        """Send whoever waits to the desk."""
        self._server.desk = desk


@contextmanager
def waiting_page() -> Generator[Waiting]:
    """Serve the waiting page on this machine alone while the block runs."""
    with _Server() as server:
        Thread(target=server.serve_forever, name="waiting page", daemon=True).start()
        try:
            yield Waiting(server)
        finally:
            server.shutdown()
