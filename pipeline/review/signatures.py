"""Signatures and acceptances in ledger entries. A signature covers people, approved submissions and registry rows.

Files and printed codes are compared with what was signed. No file is parsed: a forger controls its content.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd

from pipeline.atomic_files import sha256_of
from pipeline.errors import InputError, UsageError
from pipeline.knowledge import crockford
from pipeline.review.chain import TYPED, digest, json_object, name_checked
from pipeline.review.review_snapshot import ReviewSnapshot, of_college

VERSION = 2
"""1: signatures of mingce 1.0, which covered who was approved and nothing of what they had submitted."""
_LISTED = ["student_number", "name", "gender", "class_name", "education_level", "major"]
_SIDES = ("姓名、性别、班级、学历或专业", "提交的内容", "学籍信息")
_CODE_BYTES = 10
_MAX_STUDENTS = 20  # students that changed since, by number
_MAX_COLLEGES = 30  # so many colleges are listed for comparing; the others need a code
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
    return crockford.encode_base32(bytes.fromhex(signed)[:_CODE_BYTES])


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
    lines = [f"学号 {number}：{_change(then.get(number), now.get(number))}" for number in differing[:_MAX_STUDENTS]]
    return [*lines, f"等共 {len(differing)} 人"] if len(differing) > _MAX_STUDENTS else lines


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


class Signature:
    """One signature of the ledger. `files` maps names to SHA-256; `parts` is by student and empty once purged.

    `checked`: the name is bound to the account of the machine that signed; else it was typed.
    """

    def __init__(self, row: Mapping[str, Any]) -> None:
        data = json_object(row["data"])
        self.seq, self.hash, self.digest = int(row["seq"]), str(row["hash"]), str(row["made_on"])
        self.school_code, self.college = str(row["school_code"]), str(row["college"])
        self.by, self.signed_at, self.checked = str(row["by"]), str(row["at"]), name_checked(data)
        self.version = int(data.get("version", 1))
        self.files: dict[str, str] = dict(data.get("files", {}))
        self.majors: list[list[str | int]] = list(data.get("majors", []))
        self.parts: dict[str, str] = dict(json_object(row["values"]).get("people", {}))

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
    return [Signature(row) for row in _rows_of(entries, "signature") if row["action"] == "sign"]


def standing_signature(entries: pd.DataFrame, code: str, college: str) -> Signature | None:
    """Return the college's last signature, or None if it never signed or revoked it."""
    rows = entries[(entries["school_code"] == code) & (entries["college"] == college)]
    last = next(reversed(_rows_of(rows, "signature")), None)
    return Signature(last) if last is not None and last["action"] == "sign" else None


def scope_since(snapshot: ReviewSnapshot, entries: pd.DataFrame, code: str, college: str) -> list[str]:
    """Return the reason, and numbers, if it was decided after the run who of the college belongs to the class."""
    run = snapshot.tables.summary
    number, ended = (run.get("ledger") or {}).get("number", sys.maxsize), str(run.get("finished_at") or "9999")
    rows = entries[(entries["kind"] == "scope") & (entries["school_code"] == code) & (entries["college"] == college)]
    new = rows[(rows["seq"] > number) | (rows["at"] > ended)]["student_number"].drop_duplicates()
    reason = ["最近一次运行之后又登记了谁在本届，请先运行 mingce run"] if len(new) else []
    return [*reason, *(f"学号 {student}：登记了是否在本届" for student in new.head(_MAX_STUDENTS))]


def unsigned(snapshot: ReviewSnapshot, entries: pd.DataFrame, code: str, college: str) -> list[str]:
    """Return why a college's rows are not what it signed: the reason, then changes; [] if they are."""
    signature = standing_signature(entries, code, college)
    if signature is None:
        return ["还没有签字"]
    if signature.version != VERSION:
        return ["原来的签字只签了名单，没有签提交的内容和学籍信息，请重新签字"]
    people = of_college(snapshot.people, code, college)
    if signature.digest == signed_digest(people):
        return scope_since(snapshot, entries, code, college)
    return ["签字后数据有改动，请重新签字", *_changes(signature.parts, people)]


def college_states(entries: pd.DataFrame) -> pd.DataFrame:
    """Return `SIGNATURE_TABLE` (all text) for each college that ever signed, from `Ledger.entries()`.

    A revocation empties the row, a new signature its acceptance. `signed_files` and `standing` are JSON. `only_listed`
    is "1" if an older version signed the names only.
    """
    states: dict[tuple[str, str], dict[str, str]] = {}
    for row in _rows_of(entries, "signature", "acceptance"):
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


def _rows_of(entries: pd.DataFrame, *kinds: str) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", entries[entries["kind"].isin(kinds)].to_dict("records"))


@dataclass(frozen=True)
class FileVerdict:
    """`equal`: file and data are as signed. `line` says so in Chinese, `details` has more lines."""

    equal: bool
    line: str
    details: list[str]


def file_sha256(path: Path) -> str:
    """Return a file's SHA-256. Raises InputError if the file does not exist or cannot be read."""
    if not os.path.isfile(path):  # noqa: PTH113  # False, not an error, for a name too long
        what = "是文件夹，不是文件" if os.path.isdir(path) else "没有这个文件"  # noqa: PTH112
        raise InputError(what, where=str(path), remedy="请核对路径")
    try:
        return sha256_of(path)
    except OSError:
        raise InputError("读不出这个文件", where=path.name, remedy="请核对文件的权限") from None


def verify_file(sha256: str, snapshot: ReviewSnapshot, entries: pd.DataFrame) -> FileVerdict:
    """Compare a file's SHA-256 with those of signatures and scans, then today's data with what was signed."""
    signed_before = signatures(entries)
    signature = next((item for item in reversed(signed_before) if sha256 in item.files.values()), None)
    scans = [row for row in _rows_of(entries, "scan") if json_object(row["data"])["sha256"] == sha256]
    scan = scans[-1] if scans else None
    if signature is None and scan is not None:
        signature = next((item for item in reversed(signed_before) if item.digest == scan["made_on"]), None)
    if signature is None:
        other = "不是签字时保存的那份文件；在 WPS、Excel 里另存过也会这样"
        states = college_states(entries)
        signed = states[(states["signed_at"] != "") & (states["only_listed"] == "")]
        places = list(zip(signed["school_code"], signed["college"], strict=True))
        found = [standing_signature(entries, str(code), str(college)) for code, college in places[:_MAX_COLLEGES]]
        lines = [line for one in found if one for line in (f"{_who_signed(one)}，校验码 {one.code}", *_majors(one))]
        extra = ["其余院系请用 mingce sign verify --code 校验码 查看"] if len(places) > _MAX_COLLEGES else []
        head = "签字时的人数，请逐专业对照：" if lines else "还没有学院签过字"
        return FileVerdict(False, other, [head, *lines, *extra])
    changed = _changes_since(signature, snapshot, entries)
    head_line = f"{'签字扫描件' if scan is not None else '人数表'}：{_who_signed(signature)}"
    return FileVerdict(not changed, "原件，但数据已有改动" if changed else "原件", [head_line, *changed])


def verify_code(typed: str, snapshot: ReviewSnapshot, entries: pd.DataFrame) -> FileVerdict:
    """Return who signed what and when under a printed code. An unknown one is not `equal`; UsageError if it is none."""
    code = crockford.decode_base32(typed)
    if len(code) != len("7K3M-9QTE-0ABC-DEFG"):
        raise UsageError("校验码应为四组、每组四个字母或数字", where="--code", remedy="请照人数表页脚填写")
    signature = next((item for item in reversed(signatures(entries)) if item.code == code), None)
    if signature is None:
        return FileVerdict(False, f"没有人签过校验码为 {code} 的人数表", [])
    details = [*_majors(signature), *_changes_since(signature, snapshot, entries)]
    return FileVerdict(True, _who_signed(signature), details)


def _who_signed(signature: Signature) -> str:
    checked = "" if signature.checked else f"（{TYPED}）"
    return f"{signature.place} 由 {signature.by} 于 {signature.signed_at[:16].replace('T', ' ')} 签字{checked}"


def _majors(signature: Signature) -> list[str]:
    lines = [
        f"  {level}{major}：在册 {registered}，男 {male}，女 {female}，已通过 {approved}"
        for level, major, registered, male, female, approved in signature.majors
    ]
    return [*lines, f"  合计：在册 {sum(int(row[2]) for row in signature.majors)}"]


def _changes_since(signature: Signature, snapshot: ReviewSnapshot, entries: pd.DataFrame) -> list[str]:
    code, college = signature.school_code, signature.college
    last = standing_signature(entries, code, college)
    if last is None:
        return ["这份签字后来撤销了"]
    if last.digest != signature.digest:
        return [f"学院后来又签过字：{_who_signed(last)}，校验码 {last.code}"]
    known = len(of_college(snapshot.people, code, college))
    return unsigned(snapshot, entries, code, college) if known else ["现在的名册中没有这个院系"]
