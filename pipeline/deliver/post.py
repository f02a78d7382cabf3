"""Hand over due mails: retries with growing waits, a limit per minute, one ledger entry per result."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pipeline.atomic_files import atomic_path
from pipeline.clock import SHANGHAI
from pipeline.cohort import safe_name
from pipeline.deliver.message import Draft, Message
from pipeline.deliver.outbox import Attempt, Outbox
from pipeline.deliver.recipients import Recipient
from pipeline.deliver.smtp import ServerError, SmtpServer
from pipeline.errors import MingceError
from pipeline.logs import log

DOWN_AFTER = 3  # failed connections in a row
WAITS = (60.0, 300.0, 900.0)  # seconds before the second, third and fourth attempt; greylisting ends in minutes


@dataclass(frozen=True)
class Clock:
    """Time and waiting, so that tests need not wait."""

    now: Callable[[], datetime] = lambda: datetime.now(SHANGHAI)
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    """Monotonic seconds. They measure waits, because `now` may be set back while mail is sent."""


@dataclass(frozen=True)
class Result:
    """The result of one mail."""

    recipient: Recipient
    action: str
    """accepted, written, deferred, refused, unclear, skipped, flagged, failed (could not be built), due (dry run)."""
    why: str = ""
    subject: str = ""


@dataclass
class Mailer:
    """Sends drafts one after the other. `serialise` returns the bytes that are sent and stored."""

    outbox: Outbox
    server: SmtpServer | None
    folder: Path
    serialise: Callable[[Message, str], bytes]
    clock: Clock
    per_minute: int = 30
    on_result: Callable[[Result], None] = lambda _: None
    results: list[Result] = field(default_factory=list[Result])
    _last_sent: float | None = field(default=None, init=False)
    _lost_in_row: int = field(default=0, init=False)

    def send_all(self, drafts: list[Draft]) -> None:
        """Send every draft, with retries. If `ServerError` is raised, mails without result are recorded as deferred."""
        try:
            self._send_all(drafts)
        except ServerError:
            ended = {result.recipient.key for result in self.results}
            remaining = [draft for draft in drafts if draft.recipient.key not in ended]
            self.outbox.defer((draft.recipient, draft.content) for draft in remaining)
            raise

    def _send_all(self, drafts: list[Draft]) -> None:
        queue: list[tuple[float, int, int, Message, bytes, str]] = []
        for place, draft in enumerate(drafts):
            built = self._build(draft)
            if built and (delay := self._attempt(*built, draft.content, 1)):
                heapq.heappush(queue, (self.clock.monotonic() + delay, place, 2, *built, draft.content))
        while queue:
            due, place, attempt, message, raw, content = heapq.heappop(queue)
            self._wait(due - self.clock.monotonic())
            if delay := self._attempt(message, raw, content, attempt):
                heapq.heappush(queue, (self.clock.monotonic() + delay, place, attempt + 1, message, raw, content))

    def _build(self, draft: Draft) -> tuple[Message, bytes] | None:
        """Build, serialise and store the mail. A mail that cannot be built does not stop the others."""
        try:
            message = draft.build()
            raw = self.serialise(message, draft.content)
        except MingceError as error:
            self._report(Result(draft.recipient, "failed", str(error)))
            return None
        recipient = draft.recipient
        who = safe_name(f"{recipient.kind}-{recipient.address.replace('@', '_at_')}")[:60]
        with atomic_path(self.folder / f"{who}-{recipient.key.rpartition(':')[2][:8]}.eml") as file:
            file.touch(mode=0o600)
            file.write_bytes(raw)
        return message, raw

    def _attempt(self, message: Message, raw: bytes, content: str, attempt: int) -> float:
        """Try once. Return the seconds until the next attempt, 0 if there is none."""
        recipient = message.recipient
        if self.server is None:
            self.outbox.record_outcome(recipient, content, Attempt("written"))
            self._report(Result(recipient, "written", subject=message.subject))
            return 0
        claim, outcome = self._hand_over(self.server, recipient, raw, content)
        waits = WAITS[attempt - 1] if attempt <= len(WAITS) else 0
        if outcome.action != "deferred" or claim or not waits:
            self.outbox.record_outcome(recipient, content, outcome, claim)
        log("deliver").info(
            "attempt",
            extra={"recipient": recipient.key, "outcome": outcome.action, "code": outcome.code, "attempt": attempt},
        )
        if outcome.action == "deferred" and waits:
            return waits
        self._report(Result(recipient, outcome.action, _why(outcome), message.subject))
        return 0

    def _hand_over(self, server: SmtpServer, recipient: Recipient, raw: bytes, content: str) -> tuple[int, Attempt]:
        claims: list[int] = []

        def claim() -> None:
            claims.append(self.outbox.claim(recipient, content))

        self._back_off()
        if self._last_sent is not None:
            self._wait(60 / self.per_minute - (self.clock.monotonic() - self._last_sent))
        outcome = server.send(raw, recipient.address, claim)
        self._lost_in_row = self._lost_in_row + 1 if outcome.connection_lost else 0
        if outcome.stage != "connect":  # servers count refused mails, too
            self._last_sent = self.clock.monotonic()
        return (claims[0] if claims else 0), outcome

    def _back_off(self) -> None:
        """Wait after several lost connections in a row. Finally raise `ServerError`: all mails would become unclear."""
        if self._lost_in_row < DOWN_AFTER:
            return
        if self._lost_in_row - DOWN_AFTER >= len(WAITS):
            raise ServerError(
                "连不上邮件服务器", where="[mail] server", remedy="其余邮件没有寄出，请稍后再执行 mingce send"
            )
        self._wait(WAITS[self._lost_in_row - DOWN_AFTER])

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self.clock.sleep(seconds)

    def _report(self, result: Result) -> None:
        self.results.append(result)
        self.on_result(result)


_STAGES: dict[str, str] = {
    "connect": "连接邮件服务器", "dialogue": "与服务器的对话", "mail": "发件人", "rcpt": "收件地址", "data": "内容",
    "content": "内容",
}  # fmt: skip


def _why(outcome: Attempt) -> str:
    if outcome.action == "accepted":
        return ""
    if outcome.action == "unclear":
        return "内容传完后连接中断，是否送达不明"
    kind = "被拒收" if outcome.action == "refused" else "暂时没有收下"
    return f"{_STAGES.get(outcome.stage, outcome.stage)}{kind}（{outcome.code or outcome.reply}）"
