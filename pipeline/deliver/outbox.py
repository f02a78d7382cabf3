"""The outbox: the ledger's entries on every mail. They prevent double and unnoticed missing deliveries.

A mail is claimed before the server gets its content. A claim that a crash left open becomes `unclear` and is not sent
again. Entries hold digests of recipients; addresses are in the personal side table, which `purge` empties.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.cohort import Cohort
from pipeline.deliver.recipients import Recipient
from pipeline.errors import RefusedError
from pipeline.logs import mask
from pipeline.review.chain import Entry, json_object
from pipeline.review.ledger import Ledger, Stored

Action = Literal["claim", "accepted", "deferred", "refused", "unclear", "written"]
KIND = "delivery"
UNCHANGED = "与上次相同"
"""Why a mail is not due: its content equals that of the last one."""
BY = "mingce send"
_FINAL = ("accepted", "deferred", "refused", "unclear", "written")


@dataclass(frozen=True)
class Attempt:
    """The result of one attempt. `stage` is the SMTP command that was answered, `code` the reply."""

    action: Action
    stage: str = ""
    code: int = 0
    reply: str = ""

    @property
    def connection_lost(self) -> bool:
        """Whether the server was unreachable, or closed the connection without a reply."""
        return self.stage == "connect" or (self.code == 0 and self.action in ("deferred", "unclear"))


@dataclass(frozen=True)
class MailEntry:
    """One ledger entry about a mail. `data` holds run, recipient and address, and stage, code and claim if given."""

    seq: int
    action: str
    content: str
    data: Mapping[str, Any]


class Outbox:
    """The entries on all mails: the ledger's, read once, and those of this process."""

    def __init__(self, ledger: Ledger, cohort: Cohort, run_id: str) -> None:
        self._ledger = ledger
        self._run = run_id
        self._success = "accepted" if cohort.mail else "written"
        self._entries: list[MailEntry] = []
        self._by_recipient: dict[str, list[MailEntry]] = {}
        self._blocked: dict[str, bool] = {}
        for row in ledger.entries(KIND).to_dict("records"):
            self._index(MailEntry(int(row["seq"]), row["action"], row["made_on"], json_object(row["data"])))

    def recover(self) -> int:
        """Flag open claims as unclear, and return their number. The caller holds the lock of sending."""
        closed = {entry.data.get("claim") for entry in self._entries if entry.action != "claim"}
        open_claims = [entry for entry in self._entries if entry.action == "claim" and entry.seq not in closed]
        for claim in open_claims:
            data = {**claim.data, "stage": "data", "claim": claim.seq}
            key = f"delivery:settle:{claim.seq}"
            self._write([Entry(KIND, action="unclear", by=BY, made_on=claim.content, data=data, unique_key=key)])
        return len(open_claims)

    def skip_reason(
        self, recipient: Recipient, content: str, *, force: bool = False, failed: bool = False
    ) -> tuple[str, str] | None:
        """Return (skipped or flagged, reason) for a mail that is not due, else None.

        With `force` sent, unclear and unchanged mails are due, too. With `failed` only refused and deferred mails are
        due, also to blocked addresses.
        """
        entries = [entry for entry in self._by_recipient.get(recipient.key, []) if entry.action in _FINAL]
        last = entries[-1] if entries else None
        if failed and (last is None or last.action not in ("refused", "deferred")):
            return "skipped", "没有失败的记录"
        if failed:  # the failed mail may have had another content
            delivered = next((entry for entry in reversed(entries) if entry.action == self._success), None)
            same = delivered is not None and delivered.content == content
            return ("skipped", "与上次寄到的相同") if same else None
        if force:
            return None
        if self._blocked.get(recipient.address_key):
            return "flagged", "地址曾被拒收，改正地址或用 --failed 重试"
        return self._reason_from(entries, last, content)

    def _reason_from(self, entries: list[MailEntry], last: MailEntry | None, content: str) -> tuple[str, str] | None:
        if last is None:
            return None
        latest = next((entry for entry in reversed(entries) if entry.action in (self._success, "unclear")), None)
        if latest and latest.content == content and latest.action == "unclear":
            return "flagged", "上次是否送达不明，不自动重发"
        if latest and latest.content == content:
            return "skipped", UNCHANGED
        in_run = [entry.action for entry in entries if entry.data["run"] == self._run]
        if self._success in in_run:
            return "skipped", "本次运行已寄出"
        if "unclear" in in_run:
            return "flagged", "是否送达不明，不自动重发"
        if in_run and in_run[-1] == "refused":
            return "flagged", "本次运行已被拒收，可用 --failed 重试"
        return None

    def claim(self, recipient: Recipient, content: str) -> int:
        """Record a mail before it is handed over. Return the claim's number. Raise `RefusedError` if it is claimed."""
        entries = self._by_recipient.get(recipient.key, [])
        count = sum(entry.action == "claim" and entry.data["run"] == self._run for entry in entries)
        key = f"delivery:{self._run}:{recipient.key}:{count}"
        (stored,) = self._write([self._entry(recipient, content, Attempt("claim"), unique_key=key)])
        if not stored.new:
            raise RefusedError("另一个程序正在寄同一封邮件", where="寄送", remedy="请稍后再看结果")
        return stored.seq

    def record_outcome(self, recipient: Recipient, content: str, outcome: Attempt, claim: int = 0) -> None:
        """Record the result of an attempt. A claim has one result."""
        key = f"delivery:settle:{claim}" if claim else None
        self._write([self._entry(recipient, content, outcome, claim, key)])

    def defer(self, mails: Iterable[tuple[Recipient, str]]) -> None:
        """Record due mails (recipient, content) that were not sent because the server was unavailable."""
        unavailable = Attempt("deferred", "connect")
        self._write([self._entry(recipient, content, unavailable) for recipient, content in mails])

    def _entry(
        self, recipient: Recipient, content: str, outcome: Attempt, claim: int = 0, unique_key: str | None = None
    ) -> Entry:
        data = {"run": self._run, "recipient": recipient.key, "address": recipient.address_key}
        result = {"stage": outcome.stage, "code": outcome.code, "claim": claim}
        data |= {name: value for name, value in result.items() if value}
        personal = {"address": recipient.address}
        personal |= {"reply": mask(outcome.reply)[:300]} if outcome.reply else {}
        return Entry(
            KIND, action=outcome.action, by=BY, made_on=content, data=data, personal=personal, unique_key=unique_key
        )

    def _write(self, entries: list[Entry]) -> list[Stored]:
        stored = self._ledger.append(*entries) if entries else []
        for record, entry in zip(stored, entries, strict=True):
            self._index(MailEntry(record.seq, entry.action, entry.made_on, entry.data))
        return stored

    def _index(self, entry: MailEntry) -> None:
        self._entries.append(entry)
        self._by_recipient.setdefault(entry.data["recipient"], []).append(entry)
        if entry.action in _FINAL:
            self._blocked[entry.data["address"]] = entry.action == "refused" and entry.data.get("stage") == "rcpt"
