"""The colleges' signatures and acceptances, as the ledger's entries tell them. Pure functions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd

from pipeline.review.chain import name_checked
from pipeline.review.signed_set import VERSION, code_of

_STATE = [
    "signed_at", "signed_by", "signed_digest", "signed_files", "only_listed", "accepted_at", "accepted_by", "standing",
]  # fmt: skip
SIGNATURE_TABLE = ["school_code", "college", *_STATE]


@dataclass(frozen=True)
class Signature:
    """One signature: by whom, when, under which data, with which files; `parts` by student, empty once purged."""

    seq: int
    hash: str
    school_code: str
    college: str
    by: str
    at: str
    digest: str
    checked: bool
    """Whether the name is bound to the account of the machine that signed; else it was typed."""
    version: int
    files: dict[str, str]
    majors: list[list[str | int]]
    parts: dict[str, str]

    @property
    def place(self) -> str:
        """The college in the form that is never ambiguous."""
        return f"{self.school_code}/{self.college}"

    @property
    def code(self) -> str:
        """The code that is printed; empty where only names were signed."""
        return code_of(self.digest) if self.version == VERSION else ""


def signatures(entries: pd.DataFrame) -> list[Signature]:
    """Return every signature ever made, oldest first, from `Ledger.entries()`."""
    return [_signature(row) for row in _of(entries, "signature") if row["action"] == "sign"]


def standing_signature(entries: pd.DataFrame, code: str, college: str) -> Signature | None:
    """Return the college's last signature; None where it never signed or took it back."""
    own = entries[(entries["school_code"] == code) & (entries["college"] == college)]
    last = next(reversed(_of(own, "signature")), None)
    return _signature(last) if last is not None and last["action"] == "sign" else None


def college_states(entries: pd.DataFrame) -> pd.DataFrame:
    """Return, from `Ledger.entries()`, one row per college that ever signed: `SIGNATURE_TABLE`, all text.

    After a revocation the row's other columns are empty; a new signature empties what concerns the acceptance until
    accepted anew. `signed_files` and `standing` are JSON; `only_listed` is not blank where an older version signed the
    list of names alone.
    """
    states: dict[tuple[str, str], dict[str, str]] = {}
    for row in _of(entries, "signature", "acceptance"):
        key = (str(row["school_code"]), str(row["college"]))
        data = _json(row["data"])
        if row["kind"] == "signature":
            states[key] = dict.fromkeys(_STATE, "") | (_signed(row, data) if row["action"] == "sign" else {})
        elif key in states and row["made_on"] == states[key]["signed_digest"]:
            standing = json.dumps(data["standing"]) if data.get("standing") else ""
            states[key] |= {"accepted_at": str(row["at"]), "accepted_by": str(row["by"]), "standing": standing}
    rows = [{"school_code": code, "college": college, **state} for (code, college), state in states.items()]
    return pd.DataFrame(rows, columns=SIGNATURE_TABLE).astype("str")


def scans(entries: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the scans of signed paper that were filed, by their SHA-256: entries of the ledger."""
    return {str(_json(row["data"])["sha256"]): row for row in _of(entries, "scan")}


def _signed(row: dict[str, Any], data: dict[str, Any]) -> dict[str, str]:
    return {
        "signed_at": str(row["at"]),
        "signed_by": str(row["by"]),
        "signed_digest": str(row["made_on"]),
        "signed_files": json.dumps(data.get("files", {})),
        "only_listed": "" if data.get("version") == VERSION else "1",
    }


def _signature(row: dict[str, Any]) -> Signature:
    data, values = _json(row["data"]), _json(row["values"])
    return Signature(
        seq=int(row["seq"]),
        hash=str(row["hash"]),
        school_code=str(row["school_code"]),
        college=str(row["college"]),
        by=str(row["by"]),
        at=str(row["at"]),
        digest=str(row["made_on"]),
        checked=name_checked(data),
        version=int(data.get("version", 1)),
        files=dict(data.get("files", {})),
        majors=list(data.get("majors", [])),
        parts=dict(values.get("people", {})),
    )


def _of(entries: pd.DataFrame, *kinds: str) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", entries[entries["kind"].isin(kinds)].to_dict("records"))


def _json(text: object) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(str(text))) if text else {}
