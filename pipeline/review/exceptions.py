"""Granted exceptions: one person, one rule, one value, with proof, until a day. Pure functions.

The five kinds of proof are those that Hunan province names for corrections of identity and record.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Any, cast

import pandas as pd

PROOFS = ("录取名册", "公安证明", "学籍异动证明", "转学表", "定向合同", "其他")
COLLEGE_RULE = "headcount.previous_year"  # an explanation that a college gives, not a student's exception
PERSON = ["school", "student_number", "rule"]
EXCEPTION_TABLE = [
    "school_code", "college", *PERSON, "proof", "expires", "salt", "value_digest", "by", "at", "why", "seq",
]  # fmt: skip


def standing_exceptions(entries: pd.DataFrame) -> pd.DataFrame:
    """Return the exceptions that were added and not revoked, from `Ledger.entries()`.

    `school` is the name as findings carry it; `expires` is an ISO date or empty (no end); `salt` and `value_digest`
    recognise the value that was excepted and are empty once purged: such an exception covers nothing any more.
    """
    own = entries[entries["kind"] == "exception"]
    revoked = {str(_json(text).get("revokes", "")) for text in own["data"][own["action"] == "revoke"]}
    added = own[(own["action"] == "add") & ~own["seq"].astype("str").isin(revoked)]
    data = [_json(text) for text in added["data"]]
    values = [_json(text) for text in added["values"]]
    table = added.assign(
        school=[str(item.get("school", "")) for item in data],
        proof=[str(item.get("proof", "")) for item in data],
        expires=[str(item.get("expires", "")) for item in data],
        salt=[str(item.get("salt", "")) for item in values],
        value_digest=[str(item.get("value_digest", "")) for item in values],
    )[EXCEPTION_TABLE].reset_index(drop=True)
    return table.astype(dict.fromkeys([name for name in EXCEPTION_TABLE if name != "seq"], "str"))


def apply_exceptions(findings: pd.DataFrame, exceptions: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Return `findings` with `excepted` set: true where a standing exception names person, rule and value.

    A changed value (`given`) is a new question: the exception does not cover it. The day of `expires` is still covered.
    """
    return findings.assign(excepted=_covered(findings, exceptions[~_expired(exceptions, as_of)]))


def lapsed_submissions(findings: pd.DataFrame, exceptions: pd.DataFrame, as_of: date) -> set[str]:
    """Return the submissions with a finding that only an expired exception covered: an approval rested on it.

    Args:
        findings: of `apply_exceptions` for this day.
        exceptions: of `standing_exceptions`.
        as_of: the day.
    """
    open_now = findings[~findings["excepted"] & (findings["severity"] == "critical")]
    return set(open_now["submission_id"][_covered(open_now, exceptions[_expired(exceptions, as_of)])]) - {""}


def _expired(exceptions: pd.DataFrame, as_of: date) -> pd.Series:
    return (exceptions["expires"] != "") & (exceptions["expires"] < as_of.isoformat())


def _covered(findings: pd.DataFrame, exceptions: pd.DataFrame) -> pd.Series:
    """Return where one of the exceptions names person, rule and value of a finding."""
    valid = exceptions[(exceptions["salt"] != "") & (exceptions["student_number"] != "")]
    if valid.empty or findings.empty:
        return pd.Series(False, index=findings.index)
    place = pd.Series(range(len(findings)), index=findings.index)
    asked = findings[[*PERSON, "given"]].assign(place=place)
    asked = asked[asked["student_number"].isin(valid["student_number"])]
    pairs = asked.merge(valid[[*PERSON, "salt", "value_digest"]], on=PERSON)
    digests = [value_digest(salt, given) for salt, given in zip(pairs["salt"], pairs["given"], strict=True)]
    covered = pairs["place"][pairs["value_digest"] == pd.Series(digests, index=pairs.index, dtype="str")]
    return place.isin(covered)


def settled_faults(entries: pd.DataFrame) -> dict[str, str]:
    """Return how each shared fault that somebody settled was settled (alias, students), by its number."""
    own = entries[entries["kind"] == "shared_fault"]
    return {str(_json(text).get("number", "")): str(how) for text, how in zip(own["data"], own["action"], strict=True)}


def value_digest(salt: str, value: str) -> str:
    """Return the salted digest by which an excepted value is recognised."""
    return hashlib.sha256(f"{salt}\x1f{value}".encode()).hexdigest()


def _json(text: str) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(text)) if text else {}
