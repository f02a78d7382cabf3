"""Comparison of files and printed codes with what was signed. No file is parsed: a forger controls its content."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.errors import InputError, UsageError
from pipeline.knowledge import crockford
from pipeline.review.chain import TYPED
from pipeline.review.review_snapshot import Desk, of_college
from pipeline.review.signatures import Signature, college_states, scans, signatures, standing_signature, unsigned
from pipeline.whole import sha256_of

_COLLEGES = 30  # so many colleges are listed for comparing; the others need a code


@dataclass(frozen=True)
class FileVerdict:
    """`equal`: file and data are as signed. `told` reports it in one Chinese line, `lines` in detail."""

    equal: bool
    told: str
    lines: list[str]


def file_sha256(path: Path) -> str:
    """Return a file's SHA-256.

    Raises:
        InputError: the file does not exist or cannot be read.
    """
    if not os.path.isfile(path):  # noqa: PTH113  # False, not an error, for a name too long
        raise InputError("没有这个文件", where=str(path), remedy="请核对路径")
    try:
        return sha256_of(path)
    except OSError:
        raise InputError("读不出这个文件", where=path.name, remedy="请核对文件的权限") from None


def verify_file(sha256: str, desk: Desk, entries: pd.DataFrame) -> FileVerdict:
    """Compare a file's SHA-256 with those of signatures and scans, then today's data with what was signed."""
    made = signatures(entries)
    signature = next((one for one in reversed(made) if sha256 in one.files.values()), None)
    scan = scans(entries).get(sha256)
    if signature is None and scan is not None:
        signature = next((one for one in reversed(made) if one.digest == scan["made_on"]), None)
    if signature is None:
        other = "不是签字时保存的那份文件；在 WPS、Excel 里另存过也会这样"
        return FileVerdict(False, other, _numbers_to_compare(entries))
    changed = _now(signature, desk, entries)
    what = f"{'签字扫描件' if scan is not None else '人数表'}：{_who_signed(signature)}"
    return FileVerdict(not changed, "原件，但数据已有改动" if changed else "原件", [what, *changed])


def verify_code(typed: str, desk: Desk, entries: pd.DataFrame) -> FileVerdict:
    """Return who signed what and when under a printed code. An unknown code is not `equal`.

    Raises:
        UsageError: the text is not such a code.
    """
    code = crockford.read(typed)
    if len(code) != len("7K3M-9QTE-0ABC-DEFG"):
        raise UsageError("校验码应为四组、每组四个字母或数字", where="--code", remedy="请照人数表页脚填写")
    signature = next((one for one in reversed(signatures(entries)) if one.code == code), None)
    if signature is None:
        return FileVerdict(False, f"没有人签过校验码为 {code} 的人数表", [])
    return FileVerdict(True, _who_signed(signature), [*_majors(signature), *_now(signature, desk, entries)])


def _who_signed(signature: Signature) -> str:
    checked = "" if signature.checked else f"（{TYPED}）"
    return f"{signature.place} 由 {signature.by} 于 {signature.at[:16].replace('T', ' ')} 签字{checked}"


def _majors(signature: Signature) -> list[str]:
    lines = [
        f"  {level}{major}：在册 {registered}，男 {male}，女 {female}，已通过 {approved}"
        for level, major, registered, male, female, approved in signature.majors
    ]
    return [*lines, f"  合计：在册 {sum(int(row[2]) for row in signature.majors)}"]


def _now(signature: Signature, desk: Desk, entries: pd.DataFrame) -> list[str]:
    code, college = signature.school_code, signature.college
    last = standing_signature(entries, code, college)
    if last is None:
        return ["这份签字后来撤销了"]
    if last.digest != signature.digest:
        return [f"学院后来又签过字：{_who_signed(last)}，校验码 {last.code}"]
    rows = of_college(desk.people, code, college)
    return ["现在的名册中没有这个院系"] if rows.empty else unsigned(entries, code, college, rows)


def _numbers_to_compare(entries: pd.DataFrame) -> list[str]:
    states = college_states(entries)
    signed = states[(states["signed_at"] != "") & (states["only_listed"] == "")]
    places = list(zip(signed["school_code"], signed["college"], strict=True))
    found = [standing_signature(entries, str(code), str(college)) for code, college in places[:_COLLEGES]]
    lines = [line for one in found if one for line in (f"{_who_signed(one)}，校验码 {one.code}", *_majors(one))]
    more = ["其余院系请用 mingce sign verify --code 校验码 查看"] if len(places) > _COLLEGES else []
    return [*(["签字时的人数，请逐专业对照："] if lines else ["还没有学院签过字"]), *lines, *more]
