"""Decisions on who belongs to the class: ledger entries with proof that hold for all later runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.errors import RefusedError, UsageError
from pipeline.match.membership import DECISIONS, scope_digests
from pipeline.review.actions import ActionOutcome, Actor, record
from pipeline.review.chain import Entry, json_object
from pipeline.review.decisions import KEY, UNDO
from pipeline.review.exceptions import PROOFS
from pipeline.review.ledger import Ledger
from pipeline.review.review_snapshot import StudentNumbers
from pipeline.tables import Frame

KIND = "scope"
YEARS = "other_years"
"""Kind of the office's answers: the many rows of other years in a school's registry do not belong to the class."""
_MAX_MOVED = 0.1  # share of a registry's rows: if more have moved to other years, the office is asked again
REASONS = ("休学", "保留学籍", "参军入伍", "退学", "转学", "延长学习年限", "留级或降级", "死亡", "其他")


def scope_decisions(entries: Frame) -> Frame:
    """Return `DECISIONS`: the last decision on each student's membership, from `Ledger.entries()`."""
    last = entries[entries["kind"] == KIND].sort_values("seq").drop_duplicates(KEY, keep="last")
    last = last[last["action"] != UNDO].reset_index(drop=True)
    reasons = pd.Series([str(json_object(text).get("reason", "")) for text in last["data"]], dtype="str")
    return last.assign(inside=last["action"] == "in", reason=reasons, row_digest=last["made_on"])[DECISIONS]


def decide_scope(
    registry: Frame, ledger: Ledger, numbers: Sequence[str], actor: Actor, *, inside: bool, proof: str, reason: str = ""
) -> ActionOutcome:
    """Record students as inside or outside the class, all or none. `registry` has the columns of `match.membership`.

    Raises:
        UsageError: no or several students have a number; a reason, proof or explanation is missing.
        RefusedError: a student is inside by the registry already.
    """

    def decide(entries: Frame, outcome: ActionOutcome) -> list[Entry]:
        snapshot = ScopeSnapshot(registry, entries)
        new: list[Entry] = []
        for number in dict.fromkeys(numbers):
            entry = snapshot.decide(number, actor, inside=inside, proof=proof, reason=reason)
            (outcome.already if entry is None else outcome.done).append("/".join(snapshot.key(number)))
            new += [] if entry is None else [entry]
        return new

    return record(ledger, decide, KIND)


def answered_years(questions: Mapping[str, Mapping[str, Any]], year: int, entries: Frame) -> dict[str, dict[str, Any]]:
    """Return `questions` (by school: `rows`, counts of other `years`) with `answered`: the last answer still fits."""
    answered = entries[entries["kind"] == YEARS].drop_duplicates("school_code", keep="last")
    answers = {str(row["school_code"]): json_object(row["data"]) for row in answered.to_dict("records")}
    fits = {code: code in answers and _still_fits(one, year, answers[code]) for code, one in questions.items()}
    return {code: {**question, "answered": fits[code]} for code, question in questions.items()}


def _still_fits(question: Mapping[str, Any], year: int, answer: Mapping[str, Any]) -> bool:
    shares = [{name: n / side["rows"] for name, n in side["years"].items()} for side in (question, answer)]
    now, then = [{**share, "": 1 - sum(share.values())} for share in shares]
    moved = sum(max(now.get(name, 0) - then.get(name, 0), 0) for name in now)
    return answer["year"] == year and moved <= _MAX_MOVED


def answer_years(
    questions: Mapping[str, Mapping[str, Any]], year: int, ledger: Ledger, schools: Sequence[str], actor: Actor
) -> ActionOutcome:
    """Record that rows of other years are outside the class, for `schools` or, if empty, all of `questions`."""
    actor.need_reason("确认", "请写明依据，例如导出的是全校在校生")
    unknown = [code for code in schools if code not in questions]
    if unknown:
        raise UsageError(f"没有要确认的：{'、'.join(unknown)}", where="--school", remedy="请核对学校代码")

    def answer(entries: Frame, outcome: ActionOutcome) -> list[Entry]:
        current = answered_years(questions, year, entries)
        for code in schools or questions:
            (outcome.already if current[code]["answered"] else outcome.done).append(code)
        who = (actor.by.strip(), actor.why.strip())
        names = ("rows", "years")
        answers = {code: {name: questions[code][name] for name in names} | {"year": year} for code in outcome.done}
        return [Entry(YEARS, "outside", *who, code, data=data) for code, data in answers.items()]

    return record(ledger, answer, YEARS)


class ScopeSnapshot:
    """Decisions on membership over the newest run's registry, which has the columns of `match.membership`."""

    def __init__(self, registry: Frame, entries: Frame) -> None:
        self._registry, self._numbers = registry, StudentNumbers(registry, set(registry["school_code"]))
        self._known: dict[tuple[str, str], Mapping[Any, Any]] = {
            _student(row): row for row in scope_decisions(entries).to_dict("records")
        }

    def key(self, number: str) -> tuple[str, str]:
        """Return school code and number of NUMBER or SCHOOL/NUMBER. Raises the errors of `StudentNumbers.place`."""
        return _student(self._registry.iloc[self._numbers.position(number)])

    def decide(self, number: str, actor: Actor, *, inside: bool, proof: str, reason: str = "") -> Entry | None:
        """Return the entry of this decision, or None if the same one stands. Raises the errors of `decide_scope`."""
        if not inside and reason not in REASONS:
            raise UsageError(f"没有原因“{reason}”", where="--reason", remedy=f"可选：{'、'.join(REASONS)}")
        if proof not in PROOFS:
            raise UsageError(f"没有证明“{proof}”", where="--proof", remedy=f"可选：{'、'.join(PROOFS)}")
        actor.need_reason("登记", "请写明依据，例如文号和日期")
        rows = self._registry.iloc[[self._numbers.position(number)]]
        row = rows.iloc[0]
        key, made_on = _student(row), str(scope_digests(rows).iloc[0])
        standing = self._known.get(key)
        if standing is None and inside and not row["outside_registry"] and not row["status_unknown"]:
            raise RefusedError(f"{'/'.join(key)} 本来就在本届", where="--student", remedy="不用再登记")
        decision = {"inside": inside, "reason": reason, "row_digest": made_on}
        if standing is not None and decision == {name: standing[name] for name in decision}:
            return None
        self._known[key] = decision
        who = ("in" if inside else "out", actor.by.strip(), actor.why.strip())
        return Entry(KIND, *who, made_on=made_on, data={"reason": reason, "proof": proof}).about(row.to_dict())


def _student(row: Mapping[Any, Any] | pd.Series) -> tuple[str, str]:
    return str(row["school_code"]), str(row["student_number"])
