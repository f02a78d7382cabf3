"""One ledger entry as it is written, and the digests that chain entries to one another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

FIRST = "0" * 64  # what stands as `previous` in the first entry

TYPED = "姓名系手工填写，未与账号核对"

COVERED = (
    "seq", "at", "kind", "action", "by", "account", "school_code", "student_number", "submission_id", "college",
    "rule", "made_on", "data", "personal_digest", "unique_key", "previous",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """What a caller hands to `Ledger.append`.

    `data` (JSON) is covered by the chain and stays for ever: no names, no values of a person there.
    `why` and `personal` go to the side table, which `purge` empties. `made_on` is the digest of what it was made on.
    `unique_key`, where given, makes the entry happen once: a second one with the key changes nothing.
    """

    kind: str
    action: str = ""
    by: str = ""
    why: str = ""
    school_code: str = ""
    student_number: str = ""
    submission_id: str = ""
    college: str = ""
    rule: str = ""
    made_on: str = ""
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    personal: Mapping[str, Any] = field(default_factory=dict[str, Any])
    unique_key: str | None = None


def name_checked(data: Mapping[str, Any]) -> bool:
    """Return whether the name in an entry with these `data` is bound to the machine's account; else it was typed."""
    return data.get("named") == "account"


def canonical(value: object) -> str:
    """Return `value` as JSON that is the same for equal values."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(*parts: str) -> str:
    """Return the SHA-256 of several texts; where one ends and the next begins is part of it."""
    return hashlib.sha256(canonical(list(parts)).encode()).hexdigest()


def entry_hash(row: Mapping[str, Any]) -> str:
    """Return the hash of an entry: all its columns, the hash before it included."""
    return digest(*(str(row[name] or "") for name in COVERED))


def side_digest(side: Mapping[str, Any]) -> str:
    """Return the salted digest of an entry's personal side, which the chain covers."""
    return digest(str(side["salt"]), str(side["why"]), str(side["values"]))


class Parts(TypedDict, total=False):
    """The fields of `Entry` other than `kind`, as keywords."""

    action: str
    by: str
    why: str
    school_code: str
    student_number: str
    submission_id: str
    college: str
    rule: str
    made_on: str
    data: Mapping[str, Any]
    personal: Mapping[str, Any]
    unique_key: str | None
