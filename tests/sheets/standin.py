"""A loopback stand-in for Google: token endpoint, Sheets API, quota, faults, and edits at exact points.

It is reached as a proxy (HTTPS_PROXY) whose TLS ends with a test CA (REQUESTS_CA_BUNDLE): the product's code is the
one that runs against Google. Only the four hosts are served; any other that is asked for stands in `refused`.
"""

import json
import re
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt

from .model import Book, Refusal, masked

HOSTS = ("sheets.googleapis.com", "www.googleapis.com", "oauth2.googleapis.com", "iamcredentials.googleapis.com")
EMAIL = "mingce@test-project.iam.gserviceaccount.com"
HTML = "<!DOCTYPE html>\n<html lang=en>\n  <title>Error {status} (Server Error)!!1</title>\n"


@dataclass
class Fault:
    """What goes wrong with calls that match `METHOD path`: the first `skip` pass, then `times` fail."""

    match: str
    times: int = 1
    skip: int = 0
    status: int = 0
    html: bool = False
    drop: bool = False
    truncate: bool = False
    says: Any = None  # sound JSON under 200, but not what was asked for
    delay: float = 0.0
    apply: bool = False  # carried out before the answer fails
    retry_after: str = ""
    reason: str = ""


@dataclass
class Call:
    method: str
    path: str
    query: dict[str, list[str]]
    body: Any
    status: int = 0
    size: int = 0

    @property
    def text(self) -> str:
        return f"{self.method} {self.path}"


class Clock:
    """Time that passes by sleeping alone, shared by the client and the quota."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class Google:
    """The service: spreadsheets by key, what was called, and what shall go wrong."""

    clock: Clock = field(default_factory=Clock)
    books: dict[str, Book] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    before: list[tuple[str, Callable[[Call], None]]] = field(default_factory=list)
    after: list[tuple[str, Callable[[Call], None]]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    quota: int | None = None
    tokens: dict[str, str] = field(default_factory=dict)
    viewers_only: bool = False
    spent: dict[str, list[float]] = field(default_factory=lambda: {"read": [], "write": []})
    lock: Any = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def key_file(self) -> dict[str, str]:
        """What is downloaded from Google Cloud for the service account."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": "test-project",
            "private_key_id": "k1",
            "private_key": pem.decode(),
            "client_email": EMAIL,
            "client_id": "1",
            "token_uri": "https://oauth2.googleapis.com/token",
        }

    def reads(self) -> list[Call]:
        return [call for call in self.calls if call.path.startswith("/v4/") and call.method == "GET"]

    def writes(self) -> list[Call]:
        return [call for call in self.calls if call.path.startswith("/v4/") and call.method != "GET"]

    def on(self, when: str, match: str, act: Callable[[Call], None]) -> None:
        (self.before if when == "before" else self.after).append((match, act))

    def answer(self, host: str, call: Call, headers: Any) -> tuple[int, Any]:
        if host == "oauth2.googleapis.com":
            return self._token(call)
        if host != "sheets.googleapis.com":
            return 404, error(404, "Not found.", "NOT_FOUND")
        scope = self.tokens.get(headers.get("Authorization", "").removeprefix("Bearer "))
        if scope is None:
            return 401, error(401, "Request had invalid authentication credentials.", "UNAUTHENTICATED")
        if call.method != "GET" and scope.endswith("readonly"):
            return 403, error(403, "Request had insufficient authentication scopes.", "PERMISSION_DENIED")
        over = self._over_quota("read" if call.method == "GET" else "write")
        return over or self._sheets(call)

    def _token(self, call: Call) -> tuple[int, Any]:
        if call.body.get("grant_type") == ["refresh_token"]:
            if call.body["refresh_token"] != ["agreed"]:
                return 400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
            token = f"token-{len(self.tokens)}"
            self.tokens[token] = call.body["scope"][0]
            return 200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}
        public = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        try:
            claims = jwt.decode(call.body["assertion"][0], certs=public)
        except ValueError:
            return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
        if claims["iss"] != EMAIL or claims["aud"] != "https://oauth2.googleapis.com/token":
            return 400, {"error": "invalid_grant", "error_description": "Invalid JWT."}
        token = f"token-{len(self.tokens)}"
        self.tokens[token] = claims["scope"]
        return 200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}

    def _over_quota(self, kind: str) -> tuple[int, Any] | None:
        if self.quota is None:
            return None
        recent = [moment for moment in self.spent[kind] if moment > self.clock() - 60]
        self.spent[kind] = recent
        if len(recent) >= self.quota:
            return 429, quota_error(kind)
        recent.append(self.clock())
        return None

    def _sheets(self, call: Call) -> tuple[int, Any]:
        whole = re.fullmatch(r"/v4/spreadsheets/([A-Za-z0-9_-]+)(.*)", call.path)
        assert whole, call.path
        key, rest = whole[1], whole[2]
        book = self.books.get(key)
        if book is None:
            return 404, error(404, "Requested entity was not found.", "NOT_FOUND")
        if book.private:
            return 403, error(403, "The caller does not have permission", "PERMISSION_DENIED")
        if call.method != "GET" and self.viewers_only:
            return 403, error(403, "The caller does not have permission", "PERMISSION_DENIED")
        try:
            return 200, self._carry_out(book, key, rest, call)
        except Refusal as refusal:
            return 400, error(400, str(refusal), "INVALID_ARGUMENT", refusal.details)

    def _carry_out(self, book: Book, key: str, rest: str, call: Call) -> Any:
        one = {name: values[-1] for name, values in call.query.items()}
        if rest == "":
            return masked(book, key, call.query)
        if rest == ":batchUpdate":
            return {"spreadsheetId": key, "replies": book.batch(call.body["requests"])}
        if rest == "/values:batchGet":
            return {"spreadsheetId": key, "valueRanges": [book.get(name, one) for name in call.query["ranges"]]}
        if rest == "/values:batchUpdate":
            return {"spreadsheetId": key, **book.update_many(key, call.body["data"])}
        if rest == "/values:batchClear":
            return {"spreadsheetId": key, "clearedRanges": [book.clear(name) for name in call.body["ranges"]]}
        name = rest.removeprefix("/values/")
        if name.endswith(":append"):
            return {"spreadsheetId": key, **book.append(key, name.removesuffix(":append"), call.body)}
        if name.endswith(":clear"):
            return {"spreadsheetId": key, "clearedRange": book.clear(name.removesuffix(":clear"))}
        if call.method == "PUT":
            return {"spreadsheetId": key, **book.update(name, call.body)}
        return book.get(name, one)


def error(code: int, message: str, status: str, details: list[Any] | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {"code": code, "message": message, "status": status}
    return {"error": body | ({"details": details} if details else {})}


def quota_error(kind: str) -> dict[str, Any]:
    name = kind.capitalize()
    message = (
        f"Quota exceeded for quota metric '{name} requests' and limit '{name} requests per minute per user' of "
        "service 'sheets.googleapis.com' for consumer 'project_number:1234567890'."
    )
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "RATE_LIMIT_EXCEEDED",
        "domain": "googleapis.com",
        "metadata": {
            "service": "sheets.googleapis.com",
            "consumer": "projects/1234567890",
            "quota_limit": f"{name}RequestsPerMinutePerUser",
            "quota_metric": f"sheets.googleapis.com/{kind}_requests",
        },
    }
    return error(429, message, "RESOURCE_EXHAUSTED", [info])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    google: Google
    context: ssl.SSLContext
    host = ""

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_CONNECT(self) -> None:
        host = self.path.partition(":")[0]
        if host not in HOSTS:
            self.google.refused.append(host)
            self.send_error(403)
            return
        self.google.hosts.add(host)
        self.send_response(200)
        self.end_headers()
        self.wfile.flush()
        self.host = host
        self.close_connection = False  # http.client asks for its tunnel in HTTP/1.0
        self.connection = self.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb")

    def _serve(self) -> None:
        if not self.host:  # plain HTTP through the proxy is no way of ours
            self.google.refused.append(self.path)
            self.send_error(403)
            return
        call = self._call()
        google = self.google
        with google.lock:
            google.calls.append(call)
            for match, act in google.before:
                if re.search(match, call.text):
                    act(call)
            fault = self._fault(call)
            if fault and not fault.apply:
                status, body = 0, None
            else:
                status, body = google.answer(self.host, call, self.headers)
                for match, act in google.after:
                    if re.search(match, call.text):
                        act(call)
        call.status = status
        self._reply(call, fault, status, body)

    do_GET = do_POST = do_PUT = _serve

    def _call(self) -> Call:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        is_json = "json" in self.headers.get("Content-Type", "")
        body = json.loads(raw) if raw and is_json else parse_qs(raw.decode())
        path = unquote(parts.path) if self.host != "sheets.googleapis.com" else unquote(parts.path.replace("+", "%2B"))
        return Call(self.command, path, parse_qs(parts.query, keep_blank_values=True), body)

    def _fault(self, call: Call) -> Fault | None:
        for fault in self.google.faults:
            if fault.times and re.search(fault.match, call.text):
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    def _reply(self, call: Call, fault: Fault | None, status: int, body: Any) -> None:
        if fault and fault.delay:
            time.sleep(fault.delay)
        if fault and fault.drop:
            self.close_connection = True
            return
        headers = {"Content-Type": "application/json; charset=UTF-8"}
        data = json.dumps(body, ensure_ascii=False).encode()
        if fault and fault.says is not None:
            data = json.dumps(fault.says).encode()
        if fault and fault.status:
            call.status = status = fault.status
            if fault.html:
                headers, data = {"Content-Type": "text/html"}, HTML.format(status=status).encode()
            elif status == 429:
                data = json.dumps(quota_error("read")).encode()
            else:
                reason = [{"reason": fault.reason}] if fault.reason else None
                data = json.dumps(error(status, "Etwas ist schiefgelaufen.", "UNKNOWN", reason)).encode()
            if fault.retry_after:
                headers["Retry-After"] = fault.retry_after
        call.size = len(data)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Date", formatdate(usegmt=True))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if fault and fault.truncate:
            data = data[: len(data) // 2]
            self.close_connection = True
        self.wfile.write(data)
        self.wfile.flush()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Connections that the client gave up are no news."""


def serve(google: Google, ca: trustme.CA) -> ThreadingHTTPServer:
    """Start the stand-in on a free loopback port; the caller shuts it down."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*HOSTS).configure_cert(context)
    handler = type("Handler", (_Handler,), {"google": google, "context": context})
    server = _Server(("127.0.0.1", 0), handler)
    threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True).start()
    return server
