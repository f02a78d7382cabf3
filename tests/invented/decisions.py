"""The decisions of a season under way: `decisions.csv`, as the office would keep it."""

from __future__ import annotations

import csv
from pathlib import Path
from random import Random

from tests.invented.plant import Planted

_REASONS = ("家庭地址请写到门牌号", "请核对家长电话", "请补充家庭住址的单元号")


def write_decisions(path: Path, schools: list[Planted], seed: int) -> None:
    """Approve a part of the class (one college wholly, others half), return a few; columns as the contract says."""
    random = Random(seed)
    rows: list[tuple[str, str, str, str]] = []
    for planted in schools:
        rows += _decisions(planted, random)
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(["学号", "意见", "审核人", "说明"])
        writer.writerows(rows)


def _decisions(planted: Planted, random: Random) -> list[tuple[str, str, str, str]]:
    numbers = planted.school.registry["student_number"].to_pylist()
    college_of = planted.school.registry["college"].to_pylist()
    used = list(dict.fromkeys(college_of))
    rows: list[tuple[str, str, str, str]] = []
    for at in planted.clean.tolist():
        turn = used.index(college_of[at])
        share = (0.55, 1.0, 0.8, 0.0, 0.35, 0.6, 0.15)[turn % 7] if len(used) > 1 else 0.4
        if random.random() < share:
            rows.append((numbers[at], "通过", f"审核员{turn % 3 + 1}", ""))
        elif random.random() < 0.03:
            rows.append((numbers[at], "退回", f"审核员{turn % 3 + 1}", random.choice(_REASONS)))
    return rows
