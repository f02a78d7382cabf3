"""One ledger entry, the digests that chain entries, and the checks of the chain."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

FIRST = "0" * 64  # `previous` of the first entry
TYPED = "姓名系手工填写，未与账号核对"
COVERED = (
    "seq", "at", "kind", "action", "by", "account", "school_code", "student_number", "submission_id", "college",
    "rule", "made_on", "data", "personal_digest", "unique_key", "previous",
)  # fmt: skip
"""The columns of an entry that its hash covers, in this order for ever."""
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """An entry for `Ledger.append`. `made_on` is the digest of the data that the entry was made on.

    The chain covers `data` (JSON), which stays forever: no names or values of persons there. `why` and `personal` go to
    the side table, which `purge` empties. A second entry with the same `unique_key` is not written.
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

    def about(self, student: Mapping[Any, Any]) -> Entry:
        """Return the entry with `school_code, student_number, college` of this row."""
        school, number, college = (str(student[name]) for name in ("school_code", "student_number", "college"))
        return replace(self, school_code=school, student_number=number, college=college)


def json_object(text: object) -> dict[str, Any]:
    """Return the JSON object in `data` or `values` of an entry; empty if it was purged or never given."""
    return cast("dict[str, Any]", json.loads(str(text))) if text else {}


def name_checked(data: Mapping[str, Any]) -> bool:
    """Return whether `by` of the entry with these `data` is bound to the machine's account. If not, it was typed."""
    return data.get("named") == "account"


def canonical(value: object) -> str:
    """Return `value` as JSON text that is identical for equal values."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(*parts: str) -> str:
    """Return the SHA-256 of a list of texts. The boundaries between the texts count."""
    return hashlib.sha256(canonical(list(parts)).encode()).hexdigest()


def entry_hash(row: Row) -> str:
    """Return the hash of all columns of an entry, including the previous entry's hash."""
    return digest(*(str(row[name] or "") for name in COVERED))


def side_digest(side: Row) -> str:
    """Return the salted digest of an entry's personal columns. The chain covers it."""
    return digest(str(side["salt"]), str(side["why"]), str(side["values"]))


def chain_problems(rows: Sequence[Row], personal: Sequence[Row]) -> list[str]:
    """Return a Chinese line for each broken link of `rows` and their `personal` side."""
    sides = {int(side["seq"]): side for side in personal}
    spans = [span for row in rows if row["kind"] == "purge" for span in json.loads(row["data"]).get("spans", [])]
    purged = {seq for start, end in spans for seq in range(int(start), int(end) + 1)}
    found: list[str] = []
    previous = FIRST
    for number, row in enumerate(rows, 1):
        seq = int(row["seq"])
        if seq != number:
            return [*found, f"账本第 {number} 条缺失或编号不连续（读到 {seq}），请用备份核对"]
        if row["previous"] != previous:
            found.append(f"账本第 {seq} 条与前一条接不上：前面的记录被改动或删去，请用备份核对")
        if row["hash"] != entry_hash(row):
            found.append(f"账本第 {seq} 条的内容被改动，请用备份核对")
        found += _side_problem(row, sides.pop(seq, None), seq in purged)
        previous = str(row["hash"])
    return found + [f"账本有多出的个人信息（第 {seq} 条），请用备份核对" for seq in sides]


def _side_problem(row: Row, side: Row | None, purged: bool) -> list[str]:
    expected, place = str(row["personal_digest"]), f"账本第 {row['seq']} 条的个人信息"
    if side is None:
        return [f"{place}不见了，又没有清除记录，请用备份核对"] if expected and not purged else []
    return [] if expected == side_digest(side) else [f"{place}被改动，请用备份核对"]
