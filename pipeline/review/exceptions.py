"""Exceptions and colleges' explanations of headcounts. `PROOFS` are Hunan's kinds of proof for corrected records."""

from __future__ import annotations

import hashlib
import sys
from datetime import date
from typing import Any, cast

import pandas as pd

from pipeline.review.chain import json_object

PROOFS = ("录取名册", "公安证明", "学籍异动证明", "转学表", "定向合同", "其他")
COLLEGE_RULE = "headcount.previous_year"  # explained by a college, not an exception of a student
LAPSED = {"exception_expired": "例外已到期", "exception_revoked": "例外已撤销"}
"""Columns of `decision_states`: why the exception under which a student was approved no longer holds."""
NEVER = sys.maxsize  # no entry revoked the exception
_PERSON = ["school", "student_number", "rule"]
_EXCEPTION_TABLE = [
    "school_code", "college", *_PERSON, "proof", "expires", "salt", "value_digest", "by", "at", "why", "seq", "revoked",
]  # fmt: skip
_MAJOR = ["school", "college", "education_level", "major"]


def _granted(entries: pd.DataFrame) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the entries that were added, each with the `seq` that `revoked` it (or `NEVER`), and all its data."""
    exceptions = cast("list[dict[str, Any]]", entries[entries["kind"] == "exception"].to_dict("records"))
    with_data = [(row, json_object(row["data"]) | json_object(row["values"])) for row in exceptions]
    revoked = {int(data["revokes"]): int(row["seq"]) for row, data in with_data if "revokes" in data}
    added = [(row, data) for row, data in with_data if row["action"] == "add"]
    return [(row | {"revoked": revoked.get(row["seq"], NEVER)}, data) for row, data in added]


def standing_exceptions(entries: pd.DataFrame) -> pd.DataFrame:
    """Return the exceptions that were added and not revoked, from `Ledger.entries()`.

    `expires` is an ISO date or "". An exception whose `salt` and `value_digest` were purged ("") covers nothing.
    """
    exceptions = _exceptions(entries)
    return exceptions[exceptions["revoked"] == NEVER].reset_index(drop=True)


def _exceptions(entries: pd.DataFrame) -> pd.DataFrame:
    names = ("school", "proof", "expires", "salt", "value_digest")
    rows = [row | {name: str(data.get(name, "")) for name in names} for row, data in _granted(entries)]
    types = dict.fromkeys(_EXCEPTION_TABLE, "str") | {"seq": "int64", "revoked": "int64"}
    return pd.DataFrame(rows, columns=_EXCEPTION_TABLE).astype(types)


def apply_exceptions(findings: pd.DataFrame, entries: pd.DataFrame, as_of: date) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return `findings` with `excepted`: an exception, valid through `expires`, covers person, rule and this value.

    Return also the submissions with a critical finding that only a lapsed exception covers, each with the `seq` of the
    revocation; `NEVER` if the exception expired.
    """
    granted = _exceptions(entries)
    expired = (granted["expires"] != "") & (granted["expires"] < as_of.isoformat())
    holds = ~expired & (granted["revoked"] == NEVER)
    judged = findings.assign(excepted=_covered(findings, granted[holds]) > 0)
    open_now = judged[~judged["excepted"] & (judged["severity"] == "critical") & (judged["submission_id"] != "")]
    found = zip(_covered(open_now, granted[~holds]), open_now["submission_id"], strict=True)
    return judged, {submission: seq for seq, submission in sorted(pair for pair in found if pair[0])}


def _covered(findings: pd.DataFrame, exceptions: pd.DataFrame) -> pd.Series:
    """Return for each finding the largest `revoked` of the exceptions that cover its value, or 0 without one."""
    valid = exceptions[(exceptions["salt"] != "") & (exceptions["student_number"] != "")]
    if valid.empty or findings.empty:
        return pd.Series(0, index=findings.index)
    candidates = findings[[*_PERSON, "given"]].assign(place=range(len(findings)))
    candidates = candidates[candidates["student_number"].isin(valid["student_number"])]
    pairs = candidates.merge(valid[[*_PERSON, "salt", "value_digest", "revoked"]], on=_PERSON)
    digests = [value_digest(salt, given) for salt, given in zip(pairs["salt"], pairs["given"], strict=True)]
    covering = pairs[pairs["value_digest"] == pd.Series(digests, index=pairs.index, dtype="str")]
    revoked = covering.groupby("place")["revoked"].max().reindex(range(len(findings)), fill_value=0)
    return revoked.set_axis(findings.index)


def resolved_faults(entries: pd.DataFrame) -> dict[str, str]:
    """Return how each shared fault was resolved (alias, students), by its number."""
    faults = entries[entries["kind"] == "shared_fault"]
    numbers = [str(json_object(text).get("number", "")) for text in faults["data"]]
    return dict(zip(numbers, faults["action"].astype("str"), strict=True))


def value_digest(salt: str, value: str) -> str:
    """Return the salted digest that identifies an excepted value."""
    return hashlib.sha256(f"{salt}\x1f{value}".encode()).hexdigest()


def compare_years(headcount: pd.DataFrame, previous: pd.DataFrame, entries: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return per major `registered`, `registered_before`, `change` (fraction), `explain` (bool) and `explanation`.

    `explain`: ± 20 % or more, or new (`change` 1.0) or gone (-1.0), and this very number is not explained in `entries`.
    """
    joined = headcount[[*_MAJOR, "registered"]].merge(
        previous[[*_MAJOR, "registered"]].rename(columns={"registered": "registered_before"}), on=_MAJOR, how="outer"
    )
    now, before = (joined[name].fillna(0).astype("int64") for name in ("registered", "registered_before"))
    change = ((now - before) / before.where(before > 0)).fillna((now > 0).astype("float64"))
    large = (5 * (now - before).abs() >= before) & (now != before)  # exact: 20 % of 15 is 3, not 3.0000000000000004
    joined = joined.assign(registered=now, registered_before=before, change=change.astype("float64"))
    known = explanations(entries) if entries is not None else {}
    major = ["school", "college", "major"]  # an explanation covers all education levels
    keys = zip(*(joined[name] for name in major), joined.groupby(major)["registered"].transform("sum"), strict=True)
    explanation = pd.Series([known.get(key, "") for key in keys], index=joined.index, dtype="str")
    return joined.assign(explain=large & (explanation == ""), explanation=explanation)


def explanations(entries: pd.DataFrame) -> dict[tuple[str, str, str, int], str]:
    """Return the last explanation of a headcount by (school, college, major, number)."""
    return {
        (data["school"], str(row["college"]), data["major"], int(data["registered"])): str(row["why"]) or "已说明"
        for row, data in _granted(entries)
        if row["rule"] == COLLEGE_RULE and row["revoked"] == NEVER
    }
