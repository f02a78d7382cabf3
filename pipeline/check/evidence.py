"""The evidence of a failed identity in words, for counselor and office: which row, which digits, which school."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd

from pipeline.match.evidence import SEVERAL
from pipeline.tables import Frame


def describe(table: Frame, registry: Frame) -> pd.Series:
    """Return the evidence of each failed row (`identity_cause` not blank); blank for the others.

    The text holds registry values and stands in `findings.expected` only: students never see it.
    """
    told = pd.Series("", index=table.index, dtype="str")
    failed = table[(table["identity_cause"] != "") & (table["identity_cause"] != "not_checked")]
    words = [_describe(row, registry) for row in failed.to_dict("records")]
    return told.mask(told.index.isin(failed.index), pd.Series(words, index=failed.index, dtype="str"))


def _describe(row: dict[Hashable, Any], registry: Frame) -> str:
    get = row.__getitem__
    parts: list[str] = []
    if get("matched_row") >= 0:
        parts.append(
            f"最接近的学籍：{get('matched_school')} 学号 {get('registry_student_number')} {get('registry_name')}"
        )
        parts += _differences("身份证号码", get("id_number"), get("registry_id_number"))
        for name, label in (("student_number", "学号"), ("exam_number", "考生号")):
            parts += _differences(label, get(name), get(f"registry_{name}"))
    owner = get("id_row") if get("id_row") >= 0 else get("elsewhere_id_row")
    if owner >= 0 and owner != get("matched_row"):
        other = registry.iloc[owner]
        parts.append(f"所填身份证号码在学籍中属于 {other['school']} 学号 {other['student_number']} {other['name']}")
    if not parts and any(get(name) for name in SEVERAL.values()):
        return "学籍中有多条记录同样相符，请逐条核对"
    if not parts and get("strays"):
        return "所填号码在学籍中不属于同一人"
    return "；".join(parts) or "学籍中没有身份证号码、学号、考生号或姓名相符的记录"


def _differences(label: str, given: str, held: str) -> list[str]:
    """Return what differs between a given number and the registry's: the places where both are of one length."""
    if given == held or not held:
        return []
    if len(given) != len(held):
        return [f"{label}填写 {given or '空'}，学籍为 {held}"]
    places = [str(n) for n, (one, other) in enumerate(zip(given, held, strict=True), 1) if one != other]
    return [f"{label}第 {'、'.join(places)} 位不同：填写 {given}，学籍为 {held}"]
