"""Heads of the ledger recorded outside it: an old, truncated, missing or other ledger lacks one of these entries."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd

from pipeline.cohort import Cohort
from pipeline.errors import RefusedError
from pipeline.review.chain import json_object
from pipeline.review.ledger import Ledger
from pipeline.run_folder import read_summary
from pipeline.whole import appearing

WITNESS = "signature.json"
"""Beside a signature's files: the number and hash of its entry."""
_REMEDY = "请停止使用，用 mingce backup --restore 副本 --by 姓名 --why 原因 换回最近的备份"


@dataclass(frozen=True, order=True)
class Head:
    """The last ledger entry at a moment (20161101-090000): number, hash, and where it was recorded."""

    at: str
    number: int
    hash: str
    where: str

    def __str__(self) -> str:
        return f"第 {self.number} 条（见{self.where}）"


def head_of(entries: pd.DataFrame) -> dict[str, Any]:
    """Return number and hash of the last entry, as in a run's summary; number 0 for an empty ledger."""
    if entries.empty:
        return {"number": 0, "hash": ""}
    return {"number": int(entries["seq"].iloc[-1]), "hash": str(entries["hash"].iloc[-1])}


def keep_witness(folder: Path, number: int, entry_hash: str, at: str) -> None:
    """Write number, hash and time (ISO) of a signature's entry beside its files."""
    moment = re.sub(r"[-:]", "", at[:19]).replace("T", "-")
    with appearing(folder / WITNESS) as draft:
        draft.write_text(json.dumps({"number": number, "hash": entry_hash, "at": moment}) + "\n", encoding="utf-8")
        draft.chmod(0o600)


def known_heads(cohort: Cohort) -> list[Head]:
    """Return every recorded head of this cohort's ledger, oldest first. Earlier versions recorded none."""
    runs = (cohort.reports_folder / "runs").glob("[!.]*")
    seen: list[tuple[object, str, str]] = [
        ((read_summary(run) or {}).get("ledger"), run.name[:15], f"运行 {run.name}") for run in runs
    ]
    for witness in (cohort.folder / "signed").glob(f"*/{WITNESS}"):
        with suppress(OSError, ValueError):
            seen.append((json.loads(witness.read_text(encoding="utf-8")), "", f"签字 {witness.parent.name}"))
    return sorted({head for kept in seen for head in _head(*kept)})


def _head(kept: object, at: str, where: str) -> Iterator[Head]:
    if isinstance(kept, dict):
        told = cast("dict[str, Any]", kept)
        number, entry_hash = told.get("number"), told.get("hash")
        if isinstance(number, int) and number > 0 and isinstance(entry_hash, str):
            yield Head(at or str(told.get("at", "")), number, entry_hash, where)


def missing_heads(cohort: Cohort, ledger: Ledger) -> list[Head]:
    """Return the recorded heads that the ledger lacks and that no `restore` entry explains."""
    seen = known_heads(cohort)
    hashes = ledger.hashes([head.number for head in seen])
    restored = [json_object(text) for text in ledger.entries("restore")["data"]]
    explained = {(int(number), str(text)) for data in restored for number, text, _ in data.get("explains", [])}
    return [h for h in seen if hashes.get(h.number) != h.hash and (h.number, h.hash) not in explained]


def require_whole(cohort: Cohort, ledger: Ledger) -> None:
    """Raise RefusedError if the ledger's chain is broken or a recorded head is missing. The newest one is named."""
    found = ledger.verify()
    if found:
        raise RefusedError(f"账本没有通过核对：{found[0]}", where=cohort.name, remedy=_REMEDY)
    lost = missing_heads(cohort, ledger)
    if lost:
        raise RefusedError(shortened(lost, ledger.head()[0]), where=cohort.name, remedy=_REMEDY)


def shortened(lost: list[Head], last: int) -> str:
    """Return a Chinese line that the ledger lacks recorded heads. It names the newest."""
    return f"账本不是原来那一本：缺少曾经记下的{lost[-1]}，现在只到第 {last} 条，或内容不同"
