"""What a signature covers, and the signatures and acceptances that the ledger's entries tell of. Pure functions.

A signature covers a college's people, the content of each approved submission and each registry row. Rows of people
have `registry_digest` and `approved_submission_id`, as the desk's have.
"""

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
    """Return the digest of a college's signed set (the order of rows does not matter).

    Everybody is in it with number, name, gender, class, level and major, the submission that was approved (its id is a
    digest of its content), and the registry row. A newer submission of an approved student changes nothing before it
    is approved.
    """
    return digest(str(VERSION), *sorted(f"{number} {part}" for number, part in person_parts(people).items()))


def code_of(signed: str) -> str:
    """Return the code of a signed digest as it is printed: its first 80 bits, such as `7K3M-9QTE-0ABC-DEFG`."""
    return crockford.written(bytes.fromhex(signed)[:_CODE_BYTES])


def person_parts(people: pd.DataFrame) -> dict[str, str]:
    """Return for each student number three short digests, of what is listed, submitted, registered.

    A number that the registry repeats is told apart by a mark; the second digest is blank where nothing is approved.
    """
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
    """Return what differs from the signed `person_parts`, a line for each student (of many the first ones)."""
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
    """Return what paper and workbook are compared by: `[level, major, registered, male, female, approved]` a major."""
    male, female, approved = people["gender"] == "男", people["gender"] == "女", people["status"] == "approved"
    marks = people[["education_level", "major"]].assign(registered=1, male=male, female=female, approved=approved)
    counted = marks.groupby(["education_level", "major"], as_index=False)[_NUMBERS].sum()
    return [
        [str(level), str(major), *map(int, numbers)]
        for level, major, *numbers in counted.itertuples(index=False, name=None)
    ]


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


def unsigned(entries: pd.DataFrame, code: str, college: str, people: pd.DataFrame) -> list[str]:
    """Return why a college's rows of a desk's people are not what it signed (changes after the first line), or none."""
    signature = standing_signature(entries, code, college)
    if signature is None:
        return ["还没有签字"]
    if signature.version != VERSION:
        return ["原来的签字只签了名单，没有签提交的内容和学籍信息，请重新签字"]
    if signature.digest == signed_digest(people):
        return []
    return ["签字后数据有改动，请重新签字", *_changes(signature.parts, people)]


def college_states(entries: pd.DataFrame) -> pd.DataFrame:
    """Return, from `Ledger.entries()`, one row per college that ever signed: `SIGNATURE_TABLE`, all text.

    After a revocation the row's other columns are empty; a new signature empties what concerns the acceptance until
    accepted anew. `signed_files` and `standing` are JSON; `only_listed` is not blank where an older version signed the
    list of names alone.
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
    """Return the scans of signed paper that were filed, by their SHA-256: entries of the ledger."""
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
