"""A college's steps from its last approval to the office's acceptance, in Chinese, for pages, index and mail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from pipeline.view.remaining_work import month_day
from pipeline.view.run_tables import Run


@dataclass(frozen=True)
class SigningStep:
    """One step: its word in tables, who acts next (blank: nobody), in short and as a sentence."""

    word: str
    who: str = ""
    short: str = ""
    text: str = ""


REVIEW = SigningStep("审核中")
SIGN = SigningStep("待签字", "副书记", "签字、盖章后上报", "请打印人数表，由院党委副书记签字、盖章后上报。")
VERIFY_EXTRAS = SigningStep(
    "待签字", "辅导员", "核实名单外的提交", "有名单外的提交，不妨碍签字；可能是学籍库漏了的人，请辅导员核实。"
)
_RE_SIGN = ("待重签", "副书记", "核对后重新签字")
_REPRINT = "请核对后重新打印人数表，由院党委副书记重新签字、盖章后上报。"
SIGN_CHANGED = SigningStep(*_RE_SIGN, f"签字之后数据有改动，{_REPRINT}")
SIGN_CONTENT = SigningStep(*_RE_SIGN, f"原来的签字只签了名单，没有签提交的内容和学籍信息，{_REPRINT}")
SIGNED = SigningStep("已签字", "就业办", "核对后接收", "学院已签字，等就业办接收。")
ACCEPTED = SigningStep("已接收", text="就业办已接收，不用再做什么。")
DONE = SigningStep("已完成", text="不用再做什么，谢谢您。")
"""Of a counselor, who signs nothing."""


@dataclass(frozen=True)
class SignatureState:
    """A college's signature and acceptance (None: not yet), and whether the data changed since."""

    signed: date | None = None
    accepted: date | None = None
    broken: bool = False
    names_only: bool = False
    """Whether an older version signed the list of names alone."""

    @property
    def valid(self) -> bool:
        """Whether the college signed and the data are unchanged."""
        return self.signed is not None and not self.broken

    def step(self, left: int, extras: int = 0) -> SigningStep:
        """Return the step with `left` unapproved students and `extras` submissions outside the roster."""
        if self.valid:
            return ACCEPTED if self.accepted else SIGNED
        if self.signed:
            return SIGN_CONTENT if self.names_only else SIGN_CHANGED
        return REVIEW if left else VERIFY_EXTRAS if extras else SIGN

    def text(self, due: date) -> str:
        """Return the day of the signature compared with the deadline `due`; blank if unsigned."""
        if self.signed is None:
            return ""
        late = (self.signed - due).days
        timing = f"比上报截止 {month_day(due)}晚 {late} 天" if late > 0 else f"上报截止 {month_day(due)}"
        return f"学院 {month_day(self.signed)}签字，{timing}。"


def signature_of(run: Run, row: dict[Any, Any]) -> SignatureState:
    """Return one college's signature. `row` is its row of the table `colleges`."""
    state = run.state(run.code_of(str(row["school"])), str(row["college"]))
    moments = (str(row[name]) for name in ("signed_at", "accepted_at"))
    signed, accepted = (date.fromisoformat(moment[:10]) if moment else None for moment in moments)
    return SignatureState(signed, accepted, bool(state.get("signature_broken")), bool(state.get("only_listed")))


def next_step(steps: Iterable[SigningStep]) -> tuple[SigningStep, str]:
    """Return the first step of several colleges, and a sentence with the number of colleges per step."""
    counts = Counter(steps)
    sentences = {
        SIGN: "{} 个院系待签字",
        VERIFY_EXTRAS: "{} 个院系待签字，要先核实名单外的提交",
        SIGN_CHANGED: "{} 个院系签字后有改动，待重签",
        SIGN_CONTENT: "{} 个院系原来只签了名单，待重签",
        SIGNED: "{} 个院系已签字，等就业办接收",
        ACCEPTED: "{} 个院系已接收",
    }
    sentence = "；".join(words.format(counts[step]) for step, words in sentences.items() if counts[step])
    first = next((step for step in (SIGN, SIGN_CHANGED, SIGN_CONTENT, VERIFY_EXTRAS, SIGNED) if counts[step]), ACCEPTED)
    to_sign = counts[SIGN] + counts[SIGN_CHANGED] + counts[SIGN_CONTENT]
    shorts = {VERIFY_EXTRAS: VERIFY_EXTRAS.short, SIGNED: f"接收 {counts[SIGNED]} 个院系"}
    short = f"{to_sign} 个院系待签字" if to_sign else shorts.get(first, "")
    return SigningStep(first.word, first.who, short), f"{sentence}。" if sentence else ""
