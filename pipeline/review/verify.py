"""Is the ledger whole? Every hash, every link, every personal part that was not purged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.review.chain import entry_hash, side_digest

Row = Mapping[str, Any]


def problems(rows: Sequence[Row], personal: Sequence[Row], first: str) -> list[str]:
    """Return a Chinese line for each thing wrong with the chain of `rows` and their `personal` side."""
    sides = {int(side["seq"]): side for side in personal}
    purged = _purged(rows)
    found: list[str] = []
    previous = first
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
    covered = str(row["personal_digest"])
    seq = row["seq"]
    if side is None:
        return [f"账本第 {seq} 条的个人信息不见了，又没有清除记录，请用备份核对"] if covered and not purged else []
    same = covered == side_digest(side)
    return [] if same else [f"账本第 {seq} 条的个人信息被改动，请用备份核对"]


def _purged(rows: Sequence[Row]) -> set[int]:
    spans = [span for row in rows if row["kind"] == "purge" for span in json.loads(row["data"]).get("spans", [])]
    return {seq for start, end in spans for seq in range(int(start), int(end) + 1)}
