"""One night of sending in a process of its own, which may be killed between any two steps (`kill -9`)."""

import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from pipeline.cohort import load_cohort
from pipeline.deliver.message import Attachment
from pipeline.deliver.outbox import Attempt
from pipeline.deliver.post import Clock
from pipeline.deliver.send import SendOptions, send_due
from pipeline.deliver.smtp import SmtpServer

MAIL = """
[mail]
server = "127.0.0.1"
port = {port}
security = "none"
sender = "就业处 <jyc@example.edu.cn>"
"""


@dataclass
class FakeClock:
    """A clock on which waiting costs nothing."""

    at: datetime
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.at, self.sleep, lambda: self.at.timestamp())


def own_page(cohort, source, who):
    """Stand in for the counselor's notebook: a page that names the recipient's classes."""
    return lambda recipient: (
        Attachment("班级看板.html", "".join(c for *_, c in recipient.scope).encode() + b"</html>", "text/html"),
    )


@dataclass
class Dying:
    """A server that kills its own process at the n-th mail: before the content, or between answer and record."""

    inner: SmtpServer
    where: str
    left: int

    def send(self, raw: bytes, to: str, claim: Callable[[], None]) -> Attempt:
        self.left -= 1

        def claim_and_die() -> None:
            claim()
            if self.left == 0 and self.where == "claimed":
                os.kill(os.getpid(), signal.SIGKILL)

        outcome = self.inner.send(raw, to, claim_and_die)
        if self.left == 0 and self.where == "answered":
            os.kill(os.getpid(), signal.SIGKILL)
        return outcome


def night(folder: Path, at: datetime, death: tuple[str, int] | None, failed: bool = False) -> None:
    """Send what is due tonight."""
    os.umask(0o077)
    cohort = load_cohort(folder)
    assert cohort.mail
    server = SmtpServer(cohort.mail, None, timeout=3)
    dying = Dying(server, *death) if death else server
    send_due(cohort, SendOptions(failed=failed), FakeClock(at).clock, server=dying, pages=own_page)


def deaths(seed: int) -> Callable[[int], tuple[str, int] | None]:
    """Return who dies when: about one night in four, at the first to sixth mail."""
    chance = random.Random(seed)
    return lambda _: (chance.choice(("claimed", "answered")), chance.randint(1, 4)) if chance.random() < 0.3 else None
