"""Current decisions and statuses of today's students, from ledger entries. Pure functions without a clock."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from typing import Any

import pandas as pd

from pipeline import fields
from pipeline.knowledge.text_columns import clean_text, is_in, joined_text
from pipeline.match.membership import has_shared_number
from pipeline.match.persons import WITHDRAWN
from pipeline.normalise.text_repairs import half_width, plain_dashes, without_spaces
from pipeline.review.chain import json_object, name_checked
from pipeline.review.exceptions import NEVER, apply_exceptions
from pipeline.tables import AS_GIVEN, Frame, values_as_given

KEY = ["school_code", "student_number"]
DECISION_TABLE = [
    *KEY, "decision", "submission_id", "registry_digest", "by", "at", "why", "seq", "run", "snapshot",
    "later", "checked",
]  # fmt: skip
UNDO = "undo"
"""The action of an entry that takes an earlier one of its kind back (`review.granting.undo`)."""
ACTIONS = {"approve": "通过", "return": "退回", "reopen": "取消审核", "keep": "不同意修改"}
"""A person's decisions on a submission, in Chinese. `keep` refuses a requested change: it writes a withdrawal."""
STATES = {"approve": "approved", "return": "returned", "reopen": "reopened"}
"""A student's state after each decision."""
_BY_ACTOR = {"office": "not_checked", "counselor": "counselor", "registrar": "registrar", "student": "correct"}


def standing_decisions(entries: pd.DataFrame) -> pd.DataFrame:
    """Return `DECISION_TABLE`: the last decision of each student (approved, returned, reopened) in `Ledger.entries()`.

    `submission_id` and `registry_digest` are what it was made on. `seq` is int. `snapshot` is JSON, "" once purged.
    `later` is the later submission that it refused. `checked` is "1" if the name is bound to the machine's account.
    """
    decided = entries[(entries["kind"] == "decision") & entries["action"].isin(list(STATES))]
    last = decided.sort_values("seq").drop_duplicates(KEY, keep="last").reset_index(drop=True)
    data = [json_object(text) for text in last["data"]]
    columns = {name: [str(item.get(name, "")) for item in data] for name in ("registry_digest", "run", "later")}
    checked = ["1" if name_checked(item) else "" for item in data]
    last = last.assign(decision=last["action"].map(STATES), checked=checked, snapshot=last["values"], **columns)
    text = [column for column in DECISION_TABLE if column != "seq"]
    return last[DECISION_TABLE].astype(dict.fromkeys(text, "str") | {"seq": "int64"})


def decision_states(
    keys: pd.DataFrame,
    submission_ids: set[str] | pd.Series,
    decisions: pd.DataFrame,
    *,
    submissions: pd.DataFrame | None = None,
    lapsed: Mapping[str, int] | None = None,
) -> pd.DataFrame:
    """Return what the last `decisions` mean for today's students, by the index of `keys` (contract, roster).

    `keys` has the registry's `school_code`, `student_number`, `registry_digest` and the counting `submission_id` or "".
    With the registry's fields, `changed_fields` can name them and approvals survive a change of normalising. A
    `later_id` is a later submission that was not taken (`cohort.later_uncertified`), or "". `submission_ids` are those
    that were not withdrawn. Approvals whose exception has `lapsed` since (`apply_exceptions`) are stale.

    `decision_state` is "", approved, stale or returned. `change_request` (bool): the student is approved, and a newer
    submission counts or a later one was neither taken nor decided on. `changed_fields` of stale approvals are
    comma-separated and need `submissions`.
    """
    wanted = decisions.rename(columns={"submission_id": "made_on", "registry_digest": "registry_then"})
    joined = keys[[*KEY, "submission_id", "registry_digest"]].merge(wanted, on=KEY, how="left", validate="m:1")
    joined.index = keys.index
    text = ["decision", "made_on", "registry_then", "by", "at", "why", "snapshot", "later", "checked"]
    joined = joined.assign(**{name: joined[name].fillna("").astype("str") for name in text})
    approved = joined["decision"] == "approved"
    ended = pd.Series([(lapsed or {}).get(key, 0) for key in joined["made_on"]], index=keys.index, dtype="int64")
    expired, revoked = ended == NEVER, (ended > joined["seq"]) & (ended != NEVER)
    present = is_in(joined["made_on"], submission_ids) & ~expired & ~revoked
    same = joined["registry_then"] == joined["registry_digest"]
    valid = present & (same | _only_normalised(keys, joined, approved & present & ~same))
    returned = (joined["decision"] == "returned") & (joined["made_on"] == joined["submission_id"])
    state = pd.Series("", index=keys.index, dtype="str")
    state = state.mask(approved & valid, "approved").mask(approved & ~valid, "stale").mask(returned, "returned")
    counting = joined["submission_id"]
    newer = (state == "approved") & (counting != "") & (counting != joined["made_on"])
    later = pd.Series(False, index=keys.index)
    if "later_id" in keys:
        later = (keys["later_id"] != "") & (keys["later_id"] != joined["later"].where(approved, ""))
    return pd.DataFrame(
        {
            "decision_state": state,
            "approved_submission_id": joined["made_on"].where(approved, ""),
            "change_request": newer | later,
            **{f"decided_{name}": joined[name] for name in ("by", "at", "why", "checked")},
            "exception_expired": approved & expired,
            "exception_revoked": approved & revoked,
            "changed_fields": _changed_fields(keys, joined, state == "stale", submissions),
        }
    )


def _only_normalised(keys: pd.DataFrame, joined: pd.DataFrame, candidates: pd.Series) -> pd.Series:
    """Return which approvals differ only because an earlier version normalised the registry row otherwise."""
    same = pd.Series(False, index=keys.index)
    if AS_GIVEN in keys:
        rows = keys[candidates].to_dict("records")  # the whole cohort if normalising changed a common word
        found: list[bool] = []
        for row, snapshot in zip(rows, joined["snapshot"][candidates], strict=True):
            then, given = json_object(snapshot).get("snapshot", {}), values_as_given(str(row[AS_GIVEN]))
            differing = _differing_fields(then, "registry", row) if then else [""]
            found.append(all(_was_spelling_of(then, name, given.get(name, "")) for name in differing))
        same = same.where(~candidates, pd.Series(found, index=keys.index[candidates], dtype=bool)).astype(bool)
    return same


def _was_spelling_of(snapshot: dict[str, Any], name: str, given: str) -> bool:
    then, salt = snapshot.get("registry", {}).get(name), str(snapshot.get("salt"))
    steps = [clean_text, half_width, without_spaces, plain_dashes]
    spellings = accumulate(steps, lambda text, step: step(text), initial=given)
    return bool(given) and then in {_field_digest(salt, name, text) for text in spellings}


def with_approved(people: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """Return `people` with `approved_submission_id`, blank if the last decision is not an approval."""
    approvals = decisions.loc[decisions["decision"] == "approved", [*KEY, "submission_id"]]
    joined = people[KEY].merge(approvals, on=KEY, how="left", validate="m:1")
    return people.assign(approved_submission_id=joined["submission_id"].fillna("").astype("str").to_numpy())


def _changed_fields(keys: Frame, joined: Frame, stale: pd.Series, submissions: Frame | None) -> pd.Series:
    rows, then = keys[stale], joined["snapshot"][stale]
    now = pd.DataFrame(index=rows.index)
    if submissions is not None:
        counting = submissions[submissions["submission_id"].isin(rows["submission_id"])].set_index("submission_id")
        now = counting.reindex(rows["submission_id"])
    names: list[str] = []
    for position, snapshot in enumerate(then):
        before: dict[str, Any] = json_object(snapshot).get("snapshot", {})
        pairs = (("registry", rows.iloc[position].to_dict()), ("submission", now.iloc[position].to_dict()))
        differing = [name for side, row in pairs for name in _differing_fields(before, side, row)]
        names.append(",".join(dict.fromkeys(differing)))
    return pd.Series(names, index=rows.index, dtype="str").reindex(keys.index).fillna("")


def _differing_fields(snapshot: dict[str, Any], side: str, row: Mapping[Any, Any]) -> list[str]:
    then: dict[str, str] = snapshot.get(side, {})
    known = [name for name in then if isinstance(row.get(name), str)]
    return [name for name in known if then[name] != _field_digest(str(snapshot["salt"]), name, str(row[name]))]


def _field_digest(salt: str, name: str, value: str) -> str:
    """Return the salted digest of a field's value (16 hex digits are enough to detect a change)."""
    return hashlib.sha256(f"{salt}\x1f{name}\x1f{value}".encode()).hexdigest()[:16]


def snapshot_of(salt: str, registry: Mapping[str, Any], submission: Mapping[str, Any]) -> dict[str, Any]:
    """Return salted digests of every field of both rows, from which a later run names the changed fields."""
    sides = {"registry": (registry, fields.in_registry()), "submission": (submission, fields.names())}
    return {"salt": salt} | {
        side: {name: _field_digest(salt, name, str(row[name])) for name in names if name in row}
        for side, (row, names) in sides.items()
    }


def registry_digest(rows: pd.DataFrame) -> pd.Series:
    """Return the SHA-256 of each registry row's fields: the compared ones and the ID number."""
    names = [name for name in fields.in_registry() if name in rows.columns]
    head = "\x1f".join(names)
    values = [hashlib.sha256(f"{head}\x1e\x1f{text}".encode()).hexdigest() for text in joined_text(rows, names)]
    return pd.Series(values, index=rows.index, dtype="str")


def withdrawn_submission_ids(entries: pd.DataFrame) -> set[str]:
    """Return the ids of withdrawn submissions. They do not count, and their numbers are free again."""
    last = entries[entries["kind"] == "withdrawal"].sort_values("seq").drop_duplicates("submission_id", keep="last")
    return set(last["submission_id"][last["action"] != UNDO])


def open_critical(findings: pd.DataFrame) -> pd.DataFrame:
    """Return the findings that block an approval: critical and not excepted."""
    return findings[(findings["severity"] == "critical") & ~findings["excepted"]]


def owners_of(rows: pd.DataFrame) -> list[str]:
    """Return the owner of each row of people or findings: its submission or, without one, SCHOOL/NUMBER."""
    keys = rows[["submission_id", "school", "student_number"]].to_numpy(dtype=object).tolist()
    return [submission or f"{school}/{number}" for submission, school, number in keys]


def one_per_mistake(findings: pd.DataFrame) -> pd.DataFrame:
    """Return one finding for each mistake: drops comparisons with the registry that repeat a finding of the same value.

    Two rules of the value itself, such as a photo's size and background, are two mistakes.
    """
    value = ["submission_id", "field", "actor"]
    compares = findings["rule"].str.endswith(".registry") | findings["rule"].str.startswith("identity.")
    own_first = findings[value].assign(compares=compares).sort_values("compares", kind="stable")
    repeated = (compares & own_first.duplicated(value).reindex(findings.index)) | findings.duplicated([*value, "rule"])
    return findings[~(repeated & (findings["field"] != "") & (findings["submission_id"] != ""))]


def statuses(students: pd.DataFrame, decision_state: pd.Series, findings: pd.DataFrame) -> pd.Series:
    """Return each student's status, the first that applies in the contract's order. `findings` need `excepted`.

    `students` have `school, student_number`, and the counting `submission_id` or "". Nobody is missing under a number
    that is two people's: the registrar must say first whose it is (contract, tables/outside).
    """
    submission_id = students["submission_id"]
    blocking = open_critical(findings)
    if "shared_fault" in blocking:  # not in a table of an earlier version
        own = blocking["shared_fault"] == ""  # they take precedence over a shared fault
        blocking = blocking[own | ~is_in(blocking["submission_id"], blocking["submission_id"][own])]
    status = pd.Series("awaiting", index=students.index, dtype="str")
    status = status.mask(decision_state == "returned", "returned")
    for actor, name in reversed(_BY_ACTOR.items()):
        status = status.mask(is_in(submission_id, blocking["submission_id"][blocking["actor"] == actor]), name)
    for state in ("approved", "stale"):
        status = status.mask(decision_state == state, state)
    status = status.mask(submission_id == "", "missing")
    return status.mask((submission_id == "") & has_shared_number(students), "registrar")


@dataclass(frozen=True)
class Reviewed:
    """The result of `review`. `decisions` has the columns of `decision_states` and the index of `students`."""

    students: Frame
    decisions: Frame
    findings: Frame
    entries: Frame


def review(students: Frame, submissions: Frame, findings: Frame, entries: Frame, as_of: date) -> Reviewed:
    """Apply the ledger's entries as of `as_of`. `students`: registry rows with the counting `submission_id` or ""."""
    students = students.assign(registry_digest=registry_digest(students))
    present = submissions["submission_id"][submissions["superseded_by"] != WITHDRAWN]
    judged, lapsed = apply_exceptions(findings, entries, as_of)
    decisions = decision_states(students, present, standing_decisions(entries), lapsed=lapsed)
    return Reviewed(students, decisions, judged, entries)
