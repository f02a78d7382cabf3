"""Taking an action back: new entries restore what stood before it, and nothing in the ledger is lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

import pandas as pd

from pipeline.errors import RefusedError
from pipeline.review.actions import ActionOutcome, Actor
from pipeline.review.chain import Entry
from pipeline.review.decisions import UNDO
from pipeline.review.exceptions import standing_exceptions
from pipeline.review.granting import revocation
from pipeline.review.ledger import Ledger

_ABOUT = {"decision": ["school_code", "student_number"], "scope": ["school_code", "student_number"]}
_WHY = "撤销上一步"


def undo(ledger: Ledger, written: Sequence[int], actor: Actor) -> ActionOutcome:
    """Take back what these entries decided: all of it or nothing.

    A student's decision goes back to the one before it: an approval stands again on what it was made on, a return
    stands again with its reason, or nothing is decided. An exception is revoked; a withdrawn submission counts again.

    Args:
        ledger: the cohort's.
        written: `Outcome.entries` of the action.
        actor: who takes it back; without a why, the entry says 撤销上一步.

    Raises:
        RefusedError: somebody has decided on one of these students since, or it was taken back already.
    """
    outcome = ActionOutcome()

    def decide(entries: pd.DataFrame) -> list[Entry]:
        own = entries[entries["seq"].isin(list(written))]
        if own.empty:
            raise RefusedError("没有可撤销的操作", remedy="只能撤销本页上最近的一次操作")
        made = [_taken_back(entries, own.loc[at], actor) for at in own.index]
        outcome.done += [f"{one.school_code}/{one.student_number}" for one in made]
        return made

    outcome.entries += [one.seq for one in ledger.append_if(decide) if one.new]
    return outcome


def _taken_back(entries: pd.DataFrame, row: pd.Series, actor: Actor) -> Entry:
    kind = str(row["kind"])
    if kind == "exception":
        if int(row["seq"]) not in set(standing_exceptions(entries)["seq"]):
            raise _since(row)
        return revocation(row, Actor(actor.by, actor.why or _WHY))
    about = _ABOUT.get(kind, ["submission_id"])
    same = entries[(entries["kind"] == kind) & (entries[about] == row[about]).all(axis=1)]
    if (same["seq"] > row["seq"]).any():
        raise _since(row)
    before = same[same["seq"] < row["seq"]].sort_values("seq")
    return _restored(row, before.iloc[-1] if len(before) else None, actor)


def _restored(row: pd.Series, before: pd.Series | None, actor: Actor) -> Entry:
    """Return an entry that says again what the one before said, or that nothing is decided."""
    nothing = "reopen" if row["kind"] == "decision" else UNDO
    stands = row if before is None else before
    data, personal = (cast("dict[str, Any]", json.loads(str(stands[name]) or "{}")) for name in ("data", "values"))
    for name in ("source", "rows", "mark"):  # a worksheet's reading is no part of what is restored
        data.pop(name, None)
    return Entry(
        str(row["kind"]),
        nothing if before is None else str(before["action"]),
        actor.by.strip(),
        actor.why.strip() or (_WHY if before is None else str(before["why"]) or _WHY),
        str(row["school_code"]),
        str(row["student_number"]),
        str(stands["submission_id"]),
        str(row["college"]),
        made_on=str(stands["made_on"]),
        data=data | {"undoes": int(row["seq"])},
        personal={} if before is None else personal,
    )


def _since(row: pd.Series) -> RefusedError:
    name = f"{row['school_code']}/{row['student_number']}"
    return RefusedError(f"{name} 之后又有新的决定，不能撤销", remedy="请查看这名学生，再作决定")
