"""Granted exceptions: one person, one rule, one value, with proof, until a day; and what colleges explain of numbers.

Pure functions over the ledger's entries. The five kinds of proof are those that Hunan province names for corrections
of identity and record.
"""

from __future__ import annotations

import hashlib
from datetime import date

import pandas as pd

from pipeline.review.chain import json_object

PROOFS = ("录取名册", "公安证明", "学籍异动证明", "转学表", "定向合同", "其他")
COLLEGE_RULE = "headcount.previous_year"  # an explanation that a college gives, not a student's exception
_PERSON = ["school", "student_number", "rule"]
_EXCEPTION_TABLE = [
    "school_code", "college", *_PERSON, "proof", "expires", "salt", "value_digest", "by", "at", "why", "seq",
]  # fmt: skip
_MAJOR = ["school", "college", "education_level", "major"]


def standing_exceptions(entries: pd.DataFrame) -> pd.DataFrame:
    """Return the exceptions that were added and not revoked, from `Ledger.entries()`.

    `school` is the name as findings carry it; `expires` is an ISO date or empty (no end); `salt` and `value_digest`
    recognise the value that was excepted and are empty once purged: such an exception covers nothing any more.
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
    """Return `findings` with `excepted` set: true where a standing exception names person, rule and value.

    A changed value (`given`) is a new question: the exception does not cover it. The day of `expires` is still covered.
    """
    return findings.assign(excepted=_covered(findings, exceptions[~_expired(exceptions, as_of)]))


def lapsed_submissions(findings: pd.DataFrame, exceptions: pd.DataFrame, as_of: date) -> set[str]:
    """Return the submissions with a finding that only an expired exception covered: an approval rested on it.

    `findings` are of `apply_exceptions` for this day.
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
    asked = findings[[*_PERSON, "given"]].assign(place=place)
    asked = asked[asked["student_number"].isin(valid["student_number"])]
    pairs = asked.merge(valid[[*_PERSON, "salt", "value_digest"]], on=_PERSON)
    digests = [value_digest(salt, given) for salt, given in zip(pairs["salt"], pairs["given"], strict=True)]
    covered = pairs["place"][pairs["value_digest"] == pd.Series(digests, index=pairs.index, dtype="str")]
    return place.isin(covered)


def settled_faults(entries: pd.DataFrame) -> dict[str, str]:
    """Return how each shared fault that somebody settled was settled (alias, students), by its number."""
    own = entries[entries["kind"] == "shared_fault"]
    numbers = [str(json_object(text).get("number", "")) for text in own["data"]]
    return dict(zip(numbers, own["action"].astype("str"), strict=True))


def value_digest(salt: str, value: str) -> str:
    """Return the salted digest by which an excepted value is recognised."""
    return hashlib.sha256(f"{salt}\x1f{value}".encode()).hexdigest()


def compare_years(headcount: pd.DataFrame, previous: pd.DataFrame, entries: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return per major `registered`, `registered_before`, `change` (fraction), `explain` (bool) and `explanation`.

    `explain` is true at ± 20 % and more, and for a major that is new (no number before: `change` is 1.0) or gone
    (-1.0), where the college has not explained this very number. Explanations come from the ledger's `entries`.
    """
    both = headcount[[*_MAJOR, "registered"]].merge(
        previous[[*_MAJOR, "registered"]].rename(columns={"registered": "registered_before"}), on=_MAJOR, how="outer"
    )
    now, before = (both[name].fillna(0).astype("int64") for name in ("registered", "registered_before"))
    change = ((now - before) / before.where(before > 0)).fillna((now > 0).astype("float64"))
    large = (5 * (now - before).abs() >= before) & (now != before)  # exact: 20 % of 15 is 3, not 3.0000000000000004
    both = both.assign(registered=now, registered_before=before, change=change.astype("float64"))
    known = explanations(entries) if entries is not None else {}
    major = ["school", "college", "major"]  # what is explained, whatever the education levels
    keys = zip(*(both[name] for name in major), both.groupby(major)["registered"].transform("sum"), strict=True)
    explanation = pd.Series([known.get(key, "") for key in keys], index=both.index, dtype="str")
    return both.assign(explain=large & (explanation == ""), explanation=explanation)


def explanations(entries: pd.DataFrame) -> dict[tuple[str, str, str, int], str]:
    """Return what colleges said of a number, by school, college, major and that number; the last of each stands."""
    own = entries[(entries["kind"] == "exception") & (entries["rule"] == COLLEGE_RULE)]
    told = [(row, json_object(row["data"])) for row in own.to_dict("records")]
    revoked = {item["revokes"] for _, item in told if "revokes" in item}
    return {
        (item["school"], str(row["college"]), item["major"], int(item["registered"])): str(row["why"]) or "已说明"
        for row, item in told
        if row["action"] == "add" and row["seq"] not in revoked
    }
