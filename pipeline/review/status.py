"""A student's status, from submission, decision and open findings (contract, tables/roster)."""

from __future__ import annotations

import pandas as pd

from pipeline.knowledge.text_columns import among

_BY_ACTOR = {"office": "not_checked", "counselor": "counselor", "registrar": "registrar", "student": "correct"}


def open_critical(findings: pd.DataFrame) -> pd.DataFrame:
    """Return the findings that stand in the way of an approval: critical, not excepted."""
    return findings[(findings["severity"] == "critical") & ~findings["excepted"]]


def one_a_slip(findings: pd.DataFrame) -> pd.DataFrame:
    """Return the findings without those that say again what another one says of the same value.

    A month that is wrong by its rule and by the registry is one slip, and so is a name that differs from the
    registry twice: the same submission, field and actor. Two rules of a value's own, such as a photo's size and its
    background, are two slips.
    """
    value = ["submission_id", "field", "actor"]
    compares = findings["rule"].str.endswith(".registry") | findings["rule"].str.startswith("identity.")
    own_first = findings[value].assign(compares=compares).sort_values("compares", kind="stable")
    again = (compares & own_first.duplicated(value).reindex(findings.index)) | findings.duplicated([*value, "rule"])
    return findings[~(again & (findings["field"] != "") & (findings["submission_id"] != ""))]


def _his_own(blocking: pd.DataFrame) -> pd.DataFrame:
    """Return findings without those of shared faults where the same submission has another one: he is told that."""
    if "shared_fault" not in blocking:  # the table of a run before there were shared faults
        return blocking
    own = blocking["submission_id"][blocking["shared_fault"] == ""]
    return blocking[(blocking["shared_fault"] == "") | ~among(blocking["submission_id"], own)]


def statuses(submission_id: pd.Series, decision_state: pd.Series, findings: pd.DataFrame) -> pd.Series:
    """Return each student's status, the first that applies in the contract's order.

    Args:
        submission_id: the counting submission of each student, or "".
        decision_state: of `decision_states`, same index.
        findings: the table, `excepted` already set.
    """
    blocking = _his_own(open_critical(findings))
    status = pd.Series("awaiting", index=submission_id.index, dtype="str")
    status = status.mask(decision_state == "returned", "returned")
    for actor, name in reversed(_BY_ACTOR.items()):
        status = status.mask(among(submission_id, blocking["submission_id"][blocking["actor"] == actor]), name)
    for state in ("approved", "stale"):
        status = status.mask(decision_state == state, state)
    return status.mask(submission_id == "", "missing")
