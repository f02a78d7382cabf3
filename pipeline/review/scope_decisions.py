"""Who belongs to the class, as people have decided: ledger entries with proof, that outlive runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pandas as pd

from pipeline.errors import RefusedError, UsageError
from pipeline.match.membership import DECISIONS, scope_digests
from pipeline.review.actions import ActionOutcome, Actor
from pipeline.review.chain import Entry
from pipeline.review.decisions import UNDO
from pipeline.review.exceptions import PROOFS
from pipeline.review.ledger import Ledger
from pipeline.tables import Frame

KIND = "scope"
YEARS = "other_years"
"""Kind of the office's answers: the many rows of other years in a school's registry do not belong to the class."""
_MOVED = 0.1  # of a registry's rows: where more than these ended in another year then, the question is a new one
REASONS = ("休学", "保留学籍", "参军入伍", "退学", "转学", "延长学习年限", "留级或降级", "死亡", "其他")
_KEY = ["school_code", "student_number"]


def scope_decisions(entries: Frame) -> Frame:
    """Return `DECISIONS`: the last decision of each student on whether he belongs, from `Ledger.entries()`."""
    made = entries[entries["kind"] == KIND].sort_values("seq")
    last = made.drop_duplicates(_KEY, keep="last")
    last = last[last["action"] != UNDO].reset_index(drop=True)
    data = [cast("dict[str, Any]", json.loads(text)) for text in last["data"]]
    return last.assign(
        inside=last["action"] == "in",
        reason=pd.Series([str(each.get("reason", "")) for each in data], dtype="str"),
        row_digest=last["made_on"],
    )[DECISIONS]


def decide_scope(
    registry: Frame, ledger: Ledger, numbers: Sequence[str], actor: Actor, *, inside: bool, proof: str, reason: str = ""
) -> ActionOutcome:
    """Record that these students belong to the class, or do not: all of them or none.

    Args:
        registry: the newest run's table `registry`, with the columns of `match.scope`.
        ledger: where the decision goes.
        numbers: the students, NUMBER or SCHOOL/NUMBER.
        actor: who decides, and why.
        inside: whether they belong.
        proof: one of `PROOFS`.
        reason: one of `REASONS`, where they do not.

    Raises:
        UsageError: a number that nobody or several have; no reason, proof or explanation.
        RefusedError: somebody is inside already whom the registry has inside too.
    """
    outcome = ActionOutcome()

    def decide(entries: Frame) -> list[Entry]:
        desk = ScopeDesk(registry, entries)
        made: list[Entry] = []
        for number in dict.fromkeys(numbers):
            entry = desk.decide(number, actor, inside=inside, proof=proof, reason=reason)
            (outcome.already if entry is None else outcome.done).append(desk.name(number))
            made += [] if entry is None else [entry]
        return made

    outcome.entries += [one.seq for one in ledger.append_if(decide, KIND) if one.new]
    return outcome


def lay_answers(asked: Mapping[str, Mapping[str, Any]], year: int, entries: Frame) -> dict[str, dict[str, Any]]:
    """Return the questions about other years with `answered`: whether the office's last answer still fits the registry.

    Args:
        asked: by school code, `rows` of its registry and the number of them in each of the other `years`.
        year: of the cohort.
        entries: of the ledger.
    """
    own = entries[entries["kind"] == YEARS].drop_duplicates("school_code", keep="last")
    answers = {str(row["school_code"]): json.loads(row["data"]) for row in own.to_dict("records")}
    return {
        code: {**one, "answered": code in answers and _fits(one, year, cast("dict[str, Any]", answers[code]))}
        for code, one in asked.items()
    }


def _fits(asked: Mapping[str, Any], year: int, answer: Mapping[str, Any]) -> bool:
    """Return whether a registry's rows are spread over the years about as they were when the office answered."""
    shares = [{name: n / one["rows"] for name, n in one["years"].items()} for one in (asked, answer)]
    now, then = [{**share, "": 1 - sum(share.values())} for share in shares]
    moved = sum(max(now.get(name, 0) - then.get(name, 0), 0) for name in now)
    return answer["year"] == year and moved <= _MOVED


def answer_years(
    asked: Mapping[str, Mapping[str, Any]], year: int, ledger: Ledger, wanted: Sequence[str], actor: Actor
) -> ActionOutcome:
    """Record that the rows of other years in these registries do not belong to the class.

    Args:
        asked: as of `lay_answers`, of the newest run.
        year: of the cohort.
        ledger: where the answer goes.
        wanted: school codes; none means every school that is asked about.
        actor: who answers, and why.

    Raises:
        UsageError: nothing is asked about a school; no explanation.
    """
    if not actor.why.strip():
        raise UsageError("没有写说明", where="--why", remedy="请写明依据，例如导出的是全校在校生")
    strange = [code for code in wanted if code not in asked]
    if strange:
        raise UsageError(f"没有要确认的：{'、'.join(strange)}", where="--school", remedy="请核对学校代码")
    outcome = ActionOutcome()

    def answer(entries: Frame) -> list[Entry]:
        laid = lay_answers(asked, year, entries)
        codes = list(wanted or asked)
        outcome.already += [code for code in codes if laid[code]["answered"]]
        outcome.done += [code for code in codes if not laid[code]["answered"]]
        data = {code: {"rows": asked[code]["rows"], "years": asked[code]["years"], "year": year} for code in codes}
        who = (actor.by.strip(), actor.why.strip())
        return [Entry(YEARS, "outside", *who, school_code=code, data=data[code]) for code in outcome.done]

    outcome.entries += [one.seq for one in ledger.append_if(answer, YEARS) if one.new]
    return outcome


class ScopeDesk:
    """What decisions on the scope look at: the registry, and what was decided before."""

    def __init__(self, registry: Frame, entries: Frame) -> None:
        """Take the newest run's table `registry` with the columns of `match.scope`, and the ledger's entries."""
        self._registry = registry
        decided = scope_decisions(entries).to_dict("records")
        self._known: dict[tuple[str, str], Mapping[Any, Any]] = {_student(each): each for each in decided}

    def row(self, number: str) -> Mapping[str, Any]:
        """Return the registry row that NUMBER or SCHOOL/NUMBER names.

        Raises:
            UsageError: nobody has it, or several have.
        """
        return cast("dict[str, Any]", _row(self._registry, number).to_dict("records")[0])

    def name(self, number: str) -> str:
        """Return SCHOOL/NUMBER of a student."""
        return "/".join(_student(self.row(number)))

    def decide(self, number: str, actor: Actor, *, inside: bool, proof: str, reason: str = "") -> Entry | None:
        """Return the entry that this decision makes, or None where the same one stands; errors of `decide_scope`."""
        _check(actor, inside, proof, reason)
        row = self.row(number)
        key = _student(row)
        made_on = str(scope_digests(pd.DataFrame([row])).iloc[0])
        standing = self._known.get(key)
        if standing is None and inside and not row["outside_registry"] and not row["status_unknown"]:
            raise RefusedError(f"{'/'.join(key)} 本来就在本届", where="--student", remedy="不用再登记")
        if standing is not None and _says_the_same(standing, inside, reason, made_on):
            return None
        self._known[key] = {"inside": inside, "reason": reason, "row_digest": made_on}
        action, college = "in" if inside else "out", str(row["college"])
        data = {"reason": reason, "proof": proof}
        return Entry(
            KIND, action, actor.by.strip(), actor.why.strip(), *key, college=college, made_on=made_on, data=data
        )


def _student(row: Mapping[Any, Any]) -> tuple[str, str]:
    return str(row["school_code"]), str(row["student_number"])


def _says_the_same(standing: Mapping[Any, Any], inside: bool, reason: str, made_on: str) -> bool:
    return bool(standing["inside"]) == inside and standing["reason"] == reason and standing["row_digest"] == made_on


def _check(actor: Actor, inside: bool, proof: str, reason: str) -> None:
    if not inside and reason not in REASONS:
        raise UsageError(f"没有原因“{reason}”", where="--reason", remedy=f"可选：{'、'.join(REASONS)}")
    if proof not in PROOFS:
        raise UsageError(f"没有证明“{proof}”", where="--proof", remedy=f"可选：{'、'.join(PROOFS)}")
    if not actor.why.strip():
        raise UsageError("没有写说明", where="--why", remedy="请写明依据，例如文号和日期")


def _row(registry: Frame, text: str) -> Frame:
    code, _, number = text.strip().rpartition("/")
    own = registry[(registry["student_number"] == number) & ((registry["school_code"] == code) if code else True)]
    if own.empty:
        raise UsageError(f"学籍库中没有学号 {text}", where="--student", remedy="请核对学号")
    if len(own) > 1:
        named = "、".join(f"{row['school_code']}/{row['student_number']}" for row in own.to_dict("records"))
        raise UsageError(f"学号 {text} 不止一人", where="--student", remedy=f"请写明学校：{named}")
    return own
