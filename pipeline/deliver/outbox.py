"""The outbox: the ledger's entries on every mail, so that none is sent twice and none is lost unnoticed.

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
    def lost(self) -> bool:
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
    """What was sent to whom: the ledger, read once, and this process's own entries."""

    def __init__(self, ledger: Ledger, cohort: Cohort, run_id: str) -> None:
        self._ledger = ledger
        self._run = run_id
        self._done = "accepted" if cohort.mail else "written"
        self._past: list[MailEntry] = []
        self._of: dict[str, list[MailEntry]] = {}
        self._blocked: dict[str, bool] = {}
        for row in ledger.entries(KIND).to_dict("records"):
            self._note(MailEntry(int(row["seq"]), row["action"], row["made_on"], json_object(row["data"])))

    def recover(self) -> int:
        """Flag open claims as unclear, and return their number. The caller holds the lock of sending."""
        settled = {past.data.get("claim") for past in self._past if past.action != "claim"}
        open_claims = [past for past in self._past if past.action == "claim" and past.seq not in settled]
        for past in open_claims:
            data = {**past.data, "stage": "data", "claim": past.seq}
            key = f"delivery:settle:{past.seq}"
            self._write([Entry(KIND, action="unclear", by=BY, made_on=past.content, data=data, unique_key=key)])
        return len(open_claims)

    def skip_reason(
        self, recipient: Recipient, content: str, *, force: bool = False, failed: bool = False
    ) -> tuple[str, str] | None:
        """Return what becomes of a mail (skipped, flagged) that is not due, and why; None if it is due.

        `force` sends also what was sent, is unclear or unchanged. `failed` sends only refused or deferred mails, held
        addresses included.
        """
        past = [each for each in self._of.get(recipient.key, []) if each.action in _FINAL]
        last = past[-1] if past else None
        if failed and (last is None or last.action not in ("refused", "deferred")):
            return "skipped", "没有失败的记录"
        if failed:  # not if the failed mail said something else
            told = next((each for each in reversed(past) if each.action == self._done), None)
            same = told is not None and told.content == content
            return ("skipped", "与上次寄到的相同") if same else None
        if force:
            return None
        if self._blocked.get(recipient.address_key):
            return "flagged", "地址曾被拒收，改正地址或用 --failed 重试"
        return self._past_reason(past, last, content)

    def _past_reason(self, past: list[MailEntry], last: MailEntry | None, content: str) -> tuple[str, str] | None:
        if last is None:
            return None
        told = next((each for each in reversed(past) if each.action in (self._done, "unclear")), None)
        if told and told.content == content and told.action == "unclear":
            return "flagged", "上次是否送达不明，不自动重发"
        if told and told.content == content:
            return "skipped", UNCHANGED
        here = [each.action for each in past if each.data["run"] == self._run]
        if self._done in here:
            return "skipped", "本次运行已寄出"
        if "unclear" in here:
            return "flagged", "是否送达不明，不自动重发"
        if here and here[-1] == "refused":
            return "flagged", "本次运行已被拒收，可用 --failed 重试"
        return None

    def claim(self, recipient: Recipient, content: str) -> int:
        """Record a mail before its handover; return the claim's number. Raise `RefusedError` if it is claimed."""
        past = self._of.get(recipient.key, [])
        count = sum(each.action == "claim" and each.data["run"] == self._run for each in past)
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
        away = Attempt("deferred", "connect")
        self._write([self._entry(recipient, content, away) for recipient, content in mails])

    def _entry(
        self, recipient: Recipient, content: str, outcome: Attempt, claim: int = 0, unique_key: str | None = None
    ) -> Entry:
        data = {"run": self._run, "recipient": recipient.key, "address": recipient.address_key}
        ended = {"stage": outcome.stage, "code": outcome.code, "claim": claim}
        data |= {name: value for name, value in ended.items() if value}
        personal = {"address": recipient.address}
        personal |= {"reply": mask(outcome.reply)[:300]} if outcome.reply else {}
        return Entry(
            KIND, action=outcome.action, by=BY, made_on=content, data=data, personal=personal, unique_key=unique_key
        )

    def _write(self, entries: list[Entry]) -> list[Stored]:
        stored = self._ledger.append(*entries) if entries else []
        for each, entry in zip(stored, entries, strict=True):
            self._note(MailEntry(each.seq, entry.action, entry.made_on, entry.data))
        return stored

    def _note(self, past: MailEntry) -> None:
        self._past.append(past)
        self._of.setdefault(past.data["recipient"], []).append(past)
        if past.action in _FINAL:
            self._blocked[past.data["address"]] = past.action == "refused" and past.data.get("stage") == "rcpt"
