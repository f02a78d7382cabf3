"""Signatures and acceptances in ledger entries. A signature covers people, approved submissions and registry rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd

from pipeline.knowledge import crockford
from pipeline.review.chain import digest, json_object, name_checked

VERSION = 2
"""1: signatures of mingce 1.0, which covered who was approved and nothing of what they had submitted."""
_LISTED = ["student_number", "name", "gender", "class_name", "education_level", "major"]
_SIDES = ("姓名、性别、班级、学历或专业", "提交的内容", "学籍信息")
_CODE_BYTES = 10
_SHOWN = 20  # students that changed since, by number
_NUMBERS = ["registered", "male", "female", "approved"]
_STATE = [
    "signed_at", "signed_by", "signed_digest", "signed_files", "only_listed", "accepted_at", "accepted_by", "standing",
]  # fmt: skip
SIGNATURE_TABLE = ["school_code", "college", *_STATE]


def signed_digest(people: pd.DataFrame) -> str:
    """Return the digest of a college's people, approved submissions and registry rows, in any order of rows."""
    return digest(str(VERSION), *sorted(f"{number} {part}" for number, part in person_parts(people).items()))


def code_of(signed: str) -> str:
    """Return the printed code of a signed digest: its first 80 bits, such as `7K3M-9QTE-0ABC-DEFG`."""
    return crockford.written(bytes.fromhex(signed)[:_CODE_BYTES])


def person_parts(people: pd.DataFrame) -> dict[str, str]:
    """Return by number (a repeat gets ′) digests of listed fields, approved submission ("-": none), registry row."""
    approved = people["approved_submission_id"].where(people["status"] == "approved", "")
    rows = people[[*_LISTED, "registry_digest"]].assign(approved=approved).sort_values([*_LISTED, "registry_digest"])
    parts: dict[str, str] = {}
    for *listed, registry, submission in rows.itertuples(index=False, name=None):
        number = str(listed[0])
        while number in parts:
            number += "′"
        sides = (json.dumps(list(map(str, listed)), ensure_ascii=False), str(submission), str(registry))
        parts[number] = " ".join(hashlib.sha256(side.encode()).hexdigest()[:16] if side else "-" for side in sides)
    return parts


def _changes(then: Mapping[str, str], people: pd.DataFrame) -> list[str]:
    if not then:
        return ["签字时的明细已按保存期清除，不能逐人指出"]
    now = person_parts(people)
    differing = sorted(number for number in {*then, *now} if then.get(number) != now.get(number))
    lines = [f"学号 {number}：{_change(then.get(number), now.get(number))}" for number in differing[:_SHOWN]]
    return [*lines, f"等共 {len(differing)} 人"] if len(differing) > _SHOWN else lines


def _change(then: str | None, now: str | None) -> str:
    if then is None:
        return "签字后新增"
    if now is None:
        return "签字时有，现在没有了"
    before, after = then.split(" "), now.split(" ")
    if after[1] == "-":
        return "现在没有审核通过"
    return "、".join(side for side, b, a in zip(_SIDES, before, after, strict=True) if b != a) + "有改动"


def majors_of(people: pd.DataFrame) -> list[list[str | int]]:
    """Return `[level, major, registered, male, female, approved]` per major, for comparing paper and workbook."""
    male, female, approved = people["gender"] == "男", people["gender"] == "女", people["status"] == "approved"
    marks = people[["education_level", "major"]].assign(registered=1, male=male, female=female, approved=approved)
    counted = marks.groupby(["education_level", "major"], as_index=False)[_NUMBERS].sum()
    return [
        [str(level), str(major), *map(int, numbers)]
        for level, major, *numbers in counted.itertuples(index=False, name=None)
    ]


@dataclass(frozen=True)
class Signature:
    """One signature. `files` maps names to SHA-256; `parts` is by student and empty once purged."""

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
        """The college as `code/college`, which is never ambiguous."""
        return f"{self.school_code}/{self.college}"

    @property
    def code(self) -> str:
        """The printed code; "" if an older version signed names only."""
        return code_of(self.digest) if self.version == VERSION else ""


def signatures(entries: pd.DataFrame) -> list[Signature]:
    """Return every signature ever made, oldest first, from `Ledger.entries()`."""
    return [_signature(row) for row in _of(entries, "signature") if row["action"] == "sign"]


def standing_signature(entries: pd.DataFrame, code: str, college: str) -> Signature | None:
    """Return the college's last signature, or None if it never signed or revoked it."""
    own = entries[(entries["school_code"] == code) & (entries["college"] == college)]
    last = next(reversed(_of(own, "signature")), None)
    return _signature(last) if last is not None and last["action"] == "sign" else None


def unsigned(entries: pd.DataFrame, code: str, college: str, people: pd.DataFrame) -> list[str]:
    """Return why a college's desk rows are not what it signed: the reason, then changes; [] if they are."""
    signature = standing_signature(entries, code, college)
    if signature is None:
        return ["还没有签字"]
    if signature.version != VERSION:
        return ["原来的签字只签了名单，没有签提交的内容和学籍信息，请重新签字"]
    if signature.digest == signed_digest(people):
        return []
    return ["签字后数据有改动，请重新签字", *_changes(signature.parts, people)]


def college_states(entries: pd.DataFrame) -> pd.DataFrame:
    """Return `SIGNATURE_TABLE` (all text) for each college that ever signed, from `Ledger.entries()`.

    A revocation empties the row, a new signature its acceptance. `signed_files` and `standing` are JSON. `only_listed`
    is "1" if an older version signed the names only.
    """
    states: dict[tuple[str, str], dict[str, str]] = {}
    for row in _of(entries, "signature", "acceptance"):
        key, made_on = (str(row["school_code"]), str(row["college"])), str(row["made_on"])
        at, by, data = str(row["at"]), str(row["by"]), json_object(row["data"])
        if row["kind"] == "signature":
            states[key] = dict.fromkeys(_STATE, "")
            if row["action"] == "sign":
                files, listed = json.dumps(data.get("files", {})), "" if data.get("version") == VERSION else "1"
                states[key] |= dict(zip(_STATE, (at, by, made_on, files, listed), strict=False))
        elif key in states and made_on == states[key]["signed_digest"]:
            standing = json.dumps(data["standing"]) if data.get("standing") else ""
            states[key] |= {"accepted_at": at, "accepted_by": by, "standing": standing}
    rows = [{"school_code": code, "college": college, **state} for (code, college), state in states.items()]
    return pd.DataFrame(rows, columns=SIGNATURE_TABLE).astype("str")


def scans(entries: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the entries of filed scans of signed paper by SHA-256."""
    return {str(json_object(row["data"])["sha256"]): row for row in _of(entries, "scan")}


def _signature(row: dict[str, Any]) -> Signature:
    data = json_object(row["data"])
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
        parts=dict(json_object(row["values"]).get("people", {})),
    )


def _of(entries: pd.DataFrame, *kinds: str) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", entries[entries["kind"].isin(kinds)].to_dict("records"))
