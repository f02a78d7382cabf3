"""Exceptions and colleges' explanations of headcounts. `PROOFS` are Hunan's kinds of proof for corrected records."""

from __future__ import annotations

import hashlib
from datetime import date

import pandas as pd

from pipeline.review.chain import json_object

PROOFS = ("录取名册", "公安证明", "学籍异动证明", "转学表", "定向合同", "其他")
COLLEGE_RULE = "headcount.previous_year"  # explained by a college, not an exception of a student
_PERSON = ["school", "student_number", "rule"]
_EXCEPTION_TABLE = [
    "school_code", "college", *_PERSON, "proof", "expires", "salt", "value_digest", "by", "at", "why", "seq",
]  # fmt: skip
_MAJOR = ["school", "college", "education_level", "major"]


def standing_exceptions(entries: pd.DataFrame) -> pd.DataFrame:
    """Return the exceptions that were added and not revoked, from `Ledger.entries()`.

    `expires` is an ISO date or "". An exception whose `salt` and `value_digest` were purged ("") covers nothing.
    """
    own = entries[entries["kind"] == "exception"]
    revoked = {str(json_object(text).get("revokes", "")) for text in own["data"][own["action"] == "revoke"]}
    added = own[(own["action"] == "add") & ~own["seq"].astype("str").isin(revoked)]
    told = [
        json_object(data) | json_object(values) for data, values in zip(added["data"], added["values"], strict=True)
    ]
    named = ("school", "proof", "expires", "salt", "value_digest")
    table = added.assign(**{name: [str(item.get(name, "")) for item in told] for name in named})
    text = [name for name in _EXCEPTION_TABLE if name != "seq"]
    return table[_EXCEPTION_TABLE].reset_index(drop=True).astype(dict.fromkeys(text, "str"))


def apply_exceptions(findings: pd.DataFrame, exceptions: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Return `findings` with `excepted`: an exception, valid through `expires`, covers person, rule and this value."""
    return findings.assign(excepted=_covered(findings, exceptions[~_expired(exceptions, as_of)]))


def lapsed_submissions(findings: pd.DataFrame, exceptions: pd.DataFrame, as_of: date) -> set[str]:
    """Return the submissions with a critical finding of `apply_exceptions` that only an expired exception covers."""
    open_now = findings[~findings["excepted"] & (findings["severity"] == "critical")]
    return set(open_now["submission_id"][_covered(open_now, exceptions[_expired(exceptions, as_of)])]) - {""}


def _expired(exceptions: pd.DataFrame, as_of: date) -> pd.Series:
    return (exceptions["expires"] != "") & (exceptions["expires"] < as_of.isoformat())


def _covered(findings: pd.DataFrame, exceptions: pd.DataFrame) -> pd.Series:
    valid = exceptions[(exceptions["salt"] != "") & (exceptions["student_number"] != "")]
    if valid.empty or findings.empty:
        return pd.Series(False, index=findings.index)
    place = pd.Series(range(len(findings)), index=findings.index)
    asked = findings[[*_PERSON, "given"]].assign(place=place)
    asked = asked[asked["student_number"].isin(valid["student_number"])]
    pairs = asked.merge(valid[[*_PERSON, "salt", "value_digest"]], on=_PERSON)
    digests = [value_digest(salt, given) for salt, given in zip(pairs["salt"], pairs["given"], strict=True)]
    covered = pairs["place"][pairs["value_digest"] == pd.Series(digests, index=pairs.index, dtype="str")]
    return place.isin(covered)


def settled_faults(entries: pd.DataFrame) -> dict[str, str]:
    """Return how each shared fault was resolved (alias, students), by its number."""
    own = entries[entries["kind"] == "shared_fault"]
    numbers = [str(json_object(text).get("number", "")) for text in own["data"]]
    return dict(zip(numbers, own["action"].astype("str"), strict=True))


def value_digest(salt: str, value: str) -> str:
    """Return the salted digest that identifies an excepted value."""
    return hashlib.sha256(f"{salt}\x1f{value}".encode()).hexdigest()


def compare_years(headcount: pd.DataFrame, previous: pd.DataFrame, entries: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return per major `registered`, `registered_before`, `change` (fraction), `explain` (bool) and `explanation`.

    `explain`: ± 20 % or more, or new (`change` 1.0) or gone (-1.0), and this very number is not explained in `entries`.
    """
    both = headcount[[*_MAJOR, "registered"]].merge(
        previous[[*_MAJOR, "registered"]].rename(columns={"registered": "registered_before"}), on=_MAJOR, how="outer"
    )
    now, before = (both[name].fillna(0).astype("int64") for name in ("registered", "registered_before"))
    change = ((now - before) / before.where(before > 0)).fillna((now > 0).astype("float64"))
    large = (5 * (now - before).abs() >= before) & (now != before)  # exact: 20 % of 15 is 3, not 3.0000000000000004
    both = both.assign(registered=now, registered_before=before, change=change.astype("float64"))
    known = explanations(entries) if entries is not None else {}
    major = ["school", "college", "major"]  # an explanation covers all education levels
    keys = zip(*(both[name] for name in major), both.groupby(major)["registered"].transform("sum"), strict=True)
    explanation = pd.Series([known.get(key, "") for key in keys], index=both.index, dtype="str")
    return both.assign(explain=large & (explanation == ""), explanation=explanation)


def explanations(entries: pd.DataFrame) -> dict[tuple[str, str, str, int], str]:
    """Return the last explanation of a headcount by (school, college, major, number)."""
    own = entries[(entries["kind"] == "exception") & (entries["rule"] == COLLEGE_RULE)]
    told = [(row, json_object(row["data"])) for row in own.to_dict("records")]
    revoked = {item["revokes"] for _, item in told if "revokes" in item}
    return {
        (item["school"], str(row["college"]), item["major"], int(item["registered"])): str(row["why"]) or "已说明"
        for row, item in told
        if row["action"] == "add" and row["seq"] not in revoked
    }
