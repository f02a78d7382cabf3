"""What a signature covers: a college's people, the content of each approved submission, each registry row.

A roster's rows come in with `registry_digest` and `approved_submission_id` beside them, as the desk's people have them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import pandas as pd

from pipeline.knowledge import crockford
from pipeline.review.chain import digest

VERSION = 2
"""1: signatures of mingce 1.0, which covered who was approved and nothing of what they had submitted."""
_LISTED = ["student_number", "name", "gender", "class_name", "education_level", "major"]
_SIDES = ("姓名、性别、班级、学历或专业", "提交的内容", "学籍信息")
_CODE_BYTES = 10
_SHOWN = 20
NUMBERS = ("registered", "male", "female", "approved")


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
        parts[number] = " ".join(_short(side) if side else "-" for side in sides)
    return parts


def changes(then: Mapping[str, str], people: pd.DataFrame) -> list[str]:
    """Return what differs from the signed `person_parts`, a line for each student (of many the first ones).

    Where the parts were purged, a line says that they are not known any more.
    """
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
    """Return the signed numbers, `[level, major, *NUMBERS]` for each major: what paper and workbook are compared by."""
    marks = pd.DataFrame(
        {
            "level": people["education_level"],
            "major": people["major"],
            "registered": 1,
            "male": (people["gender"] == "男").astype("int64"),
            "female": (people["gender"] == "女").astype("int64"),
            "approved": (people["status"] == "approved").astype("int64"),
        }
    )
    counted = marks.groupby(["level", "major"], as_index=False)[list(NUMBERS)].sum()
    return [
        [str(level), str(major), *map(int, numbers)]
        for level, major, *numbers in counted.itertuples(index=False, name=None)
    ]


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
