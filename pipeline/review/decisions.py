"""Current decisions and statuses of today's students, from ledger entries. Pure functions without a clock."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
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
from pipeline.review.exceptions import apply_exceptions
from pipeline.tables import AS_GIVEN, Frame, values_as_given

KEY = ["school_code", "student_number"]
DECISION_TABLE = [
    *KEY, "decision", "submission_id", "registry_digest", "by", "at", "why", "seq", "run", "snapshot",
    "later", "checked",
]  # fmt: skip
UNDO = "undo"
"""The action of an entry that takes an earlier one of its kind back (`review.granting.undo`)."""
ACTIONS = {"approve": "通过", "return": "退回", "reopen": "取消审核", "keep": "不同意修改"}
"""What a person can decide on a submission, in words. `keep` refuses a requested change: it writes a withdrawal."""
STANDS = {"approve": "approved", "return": "returned", "reopen": "reopened"}
"""What a student is after a decision."""
_BY_ACTOR = {"office": "not_checked", "counselor": "counselor", "registrar": "registrar", "student": "correct"}


def standing_decisions(entries: pd.DataFrame) -> pd.DataFrame:
    """Return `DECISION_TABLE`: the last decision of each student (approved, returned, reopened) in `Ledger.entries()`.

    `submission_id` and `registry_digest` are what it was made on. `seq` is int. `snapshot` is JSON, "" once purged.
    `later` is the later submission that it refused. `checked` is "1" if the name is bound to the machine's account.
    """
    made = entries[(entries["kind"] == "decision") & entries["action"].isin(list(STANDS))]
    last = made.sort_values("seq").drop_duplicates(KEY, keep="last").reset_index(drop=True)
    data = [json_object(text) for text in last["data"]]
    told = {name: [str(item.get(name, "")) for item in data] for name in ("registry_digest", "run", "later")}
    checked = ["1" if name_checked(item) else "" for item in data]
    last = last.assign(decision=last["action"].map(STANDS), checked=checked, snapshot=last["values"], **told)
    text = [column for column in DECISION_TABLE if column != "seq"]
    return last[DECISION_TABLE].astype(dict.fromkeys(text, "str") | {"seq": "int64"})


def decision_states(
    keys: pd.DataFrame,
    submission_ids: set[str] | pd.Series,
    decisions: pd.DataFrame,
    *,
    submissions: pd.DataFrame | None = None,
    lapsed: Collection[str] = (),
) -> pd.DataFrame:
    """Return what the last `decisions` mean for today's students, by the index of `keys` (contract, roster).

    `keys` has the registry's `school_code`, `student_number`, `registry_digest` and the counting `submission_id` or "".
    With the registry's fields, `changed_fields` can name them and approvals survive a change of normalising. A
    `later_id` is a later submission that was not taken (`cohort.later_uncertified`), or "". `submission_ids` are those
    that were not withdrawn. Approvals of `lapsed` submissions (their exception expired) are stale.

    `decision_state` is "", approved, stale or returned. `change_request` (bool): the student is approved, and a newer
    submission counts or a later one was neither taken nor decided on. `changed_fields` of stale approvals are
    comma-separated and need `submissions`.
    """
    wanted = decisions.rename(columns={"submission_id": "made_on", "registry_digest": "registry_then"})
    both = keys[[*KEY, "submission_id", "registry_digest"]].merge(wanted, on=KEY, how="left", validate="m:1")
    both.index = keys.index
    text = ["decision", "made_on", "registry_then", "by", "at", "why", "snapshot", "later", "checked"]
    both = both.assign(**{name: both[name].fillna("").astype("str") for name in text})
    approved = both["decision"] == "approved"
    expired = both["made_on"].isin(list(lapsed))
    present = is_in(both["made_on"], submission_ids) & ~expired
    same = both["registry_then"] == both["registry_digest"]
    stands = present & (same | _only_normalised(keys, both, approved & present & ~same))
    returned = (both["decision"] == "returned") & (both["made_on"] == both["submission_id"])
    state = pd.Series("", index=keys.index, dtype="str")
    state = state.mask(approved & stands, "approved").mask(approved & ~stands, "stale").mask(returned, "returned")
    counting = both["submission_id"]
    newer = (state == "approved") & (counting != "") & (counting != both["made_on"])
    later = pd.Series(False, index=keys.index)
    if "later_id" in keys:
        later = (keys["later_id"] != "") & (keys["later_id"] != both["later"].where(approved, ""))
    return pd.DataFrame(
        {
            "decision_state": state,
            "approved_submission_id": both["made_on"].where(approved, ""),
            "change_request": newer | later,
            "decided_by": both["by"],
            "decided_at": both["at"],
            "decided_why": both["why"],
            "decided_checked": both["checked"],
            "exception_expired": approved & expired,
            "changed_fields": _changed(keys, both, state == "stale", submissions),
        }
    )


def _only_normalised(keys: pd.DataFrame, both: pd.DataFrame, asked: pd.Series) -> pd.Series:
    """Return which approvals differ only because an earlier version normalised the registry row otherwise."""
    same = pd.Series(False, index=keys.index)
    if AS_GIVEN in keys:
        rows = keys[asked].to_dict("records")  # the whole cohort if normalising changed a common word
        found: list[bool] = []
        for row, snapshot in zip(rows, both["snapshot"][asked], strict=True):
            then, given = json_object(snapshot).get("snapshot", {}), values_as_given(str(row[AS_GIVEN]))
            differing = _differing_fields(then, "registry", row) if then else [""]
            found.append(all(_was(then, name, given.get(name, "")) for name in differing))
        same = same.where(~asked, pd.Series(found, index=keys.index[asked], dtype=bool)).astype(bool)
    return same


def _was(snapshot: dict[str, Any], name: str, given: str) -> bool:
    then, salt = snapshot.get("registry", {}).get(name), str(snapshot.get("salt"))
    steps = [clean_text, half_width, without_spaces, plain_dashes]
    spellings = accumulate(steps, lambda text, step: step(text), initial=given)
    return bool(given) and then in {_field_digest(salt, name, text) for text in spellings}


def with_approved(people: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """Return `people` with `approved_submission_id`, blank if the last decision is not an approval."""
    made = decisions.loc[decisions["decision"] == "approved", [*KEY, "submission_id"]]
    both = people[KEY].merge(made, on=KEY, how="left", validate="m:1")
    return people.assign(approved_submission_id=both["submission_id"].fillna("").astype("str").to_numpy())


def _changed(keys: pd.DataFrame, both: pd.DataFrame, stale: pd.Series, submissions: pd.DataFrame | None) -> pd.Series:
    rows, then = keys[stale], both["snapshot"][stale]
    now = pd.DataFrame(index=rows.index)
    if submissions is not None:
        counting = submissions[submissions["submission_id"].isin(rows["submission_id"])].set_index("submission_id")
        now = counting.reindex(rows["submission_id"])
    named: list[str] = []
    for at, snapshot in enumerate(then):
        before: dict[str, Any] = json_object(snapshot).get("snapshot", {})
        pairs = (("registry", rows.iloc[at].to_dict()), ("submission", now.iloc[at].to_dict()))
        differing = [name for side, row in pairs for name in _differing_fields(before, side, row)]
        named.append(",".join(dict.fromkeys(differing)))
    return pd.Series(named, index=rows.index, dtype="str").reindex(keys.index).fillna("")


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
    named = [name for name in fields.in_registry() if name in rows.columns]
    head = "\x1f".join(named)
    values = [hashlib.sha256(f"{head}\x1e\x1f{text}".encode()).hexdigest() for text in joined_text(rows, named)]
    return pd.Series(values, index=rows.index, dtype="str")


def withdrawn_submission_ids(entries: pd.DataFrame) -> set[str]:
    """Return the ids of withdrawn submissions. They do not count, and their numbers are free again."""
    own = entries[entries["kind"] == "withdrawal"].sort_values("seq").drop_duplicates("submission_id", keep="last")
    return set(own["submission_id"][own["action"] != UNDO])


def open_critical(findings: pd.DataFrame) -> pd.DataFrame:
    """Return the findings that block an approval: critical and not excepted."""
    return findings[(findings["severity"] == "critical") & ~findings["excepted"]]


def owners_of(rows: pd.DataFrame) -> list[str]:
    """Return whose each row of people or findings is: the submission's or, without one, SCHOOL/NUMBER's."""
    each = rows[["submission_id", "school", "student_number"]].to_numpy(dtype=object).tolist()
    return [submission or f"{school}/{number}" for submission, school, number in each]


def one_per_mistake(findings: pd.DataFrame) -> pd.DataFrame:
    """Return one finding for each mistake: drops comparisons with the registry that repeat a finding of the same value.

    Two rules of the value itself, such as a photo's size and background, are two mistakes.
    """
    value = ["submission_id", "field", "actor"]
    compares = findings["rule"].str.endswith(".registry") | findings["rule"].str.startswith("identity.")
    own_first = findings[value].assign(compares=compares).sort_values("compares", kind="stable")
    again = (compares & own_first.duplicated(value).reindex(findings.index)) | findings.duplicated([*value, "rule"])
    return findings[~(again & (findings["field"] != "") & (findings["submission_id"] != ""))]


def statuses(students: pd.DataFrame, decision_state: pd.Series, findings: pd.DataFrame) -> pd.Series:
    """Return each student's status, the first that applies in the contract's order. `findings` need `excepted`.

    `students` have `school, student_number`, and the counting `submission_id` or "". Nobody is missing under a number
    that is two people's: the registrar must say first whose it is (contract, tables/outside).
    """
    submission_id = students["submission_id"]
    blocking = open_critical(findings)
    if "shared_fault" in blocking:  # not in a table of an earlier version
        own = blocking["submission_id"][blocking["shared_fault"] == ""]  # who has findings of his own is shown those
        blocking = blocking[(blocking["shared_fault"] == "") | ~is_in(blocking["submission_id"], own)]
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
