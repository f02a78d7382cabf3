"""The ledger: who decided what, when, why, and on which data. Append-only, chained, shared by several writers.

Its heads are recorded outside it too: an old, truncated, missing or other ledger lacks one of these entries.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, cast

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pipeline.atomic_files import atomic_path, read_object, write_atomically
from pipeline.clock import SHANGHAI
from pipeline.cohort import Cohort
from pipeline.errors import MingceError, RefusedError
from pipeline.resources import report_table
from pipeline.review.chain import FIRST, Entry, canonical, chain_problems, entry_hash, json_object, side_digest
from pipeline.review.ledger_database import ENTRIES, PERSONAL, ledger_url, open_engine, reading, writing
from pipeline.run_folder import read_summary

_TEXT = [column.name for column in ENTRIES.columns if column.name != "seq"]
_COLUMNS = ["seq", *_TEXT, "why", "values"]
WITNESS = "signature.json"
"""Beside a signature's files: the number and hash of its entry."""
RESTORE = str(report_table("words")["remedies"]["restore"])


@dataclass(frozen=True)
class Stored:
    """The `seq` of an entry. `new` is false if its unique key existed and nothing was written."""

    seq: int
    new: bool


class Ledger(AbstractContextManager["Ledger"]):
    """An open ledger, created or migrated. Every method is one transaction; several processes may write at once."""

    def __init__(
        self, url: sa.URL, clock: Callable[[], datetime] | None = None, reviewers: Mapping[str, str] | None = None
    ) -> None:
        self._engine = open_engine(url)
        self._clock = clock or (lambda: datetime.now(SHANGHAI))
        self._reviewers = reviewers or {}

    def append(self, *new: Entry) -> list[Stored]:
        """Write entries, all or none."""
        with writing(self._engine) as connection:
            return self._write(connection, new)

    def append_if(self, decide: Callable[[pd.DataFrame], Sequence[Entry]], *kinds: str) -> list[Stored]:
        """Write what `decide` returns for the current entries of these kinds, in one exclusive transaction."""
        with writing(self._engine) as connection:
            return self._write(connection, decide(_frame(connection, kinds)))

    def _write(self, connection: Connection, new: Sequence[Entry]) -> list[Stored]:
        """Write entries that are not there yet, by `unique_key`, each chained to the one before."""
        at, account = self._clock().astimezone(SHANGHAI).isoformat(timespec="seconds"), system_account()
        seq, previous = _head(connection)
        keys = {entry.unique_key for entry in new if entry.unique_key}
        known: dict[str | None, int] = _select_map(connection, ENTRIES.c.unique_key, ENTRIES.c.seq, keys)
        rows: list[dict[str, Any]] = []
        private: list[dict[str, Any]] = []
        stored: list[Stored] = []
        for entry in (_with_account(entry, account, self._reviewers) for entry in new):
            if entry.unique_key in known:
                stored.append(Stored(known[entry.unique_key], new=False))
                continue
            seq += 1
            side: dict[str, Any] = {}
            if entry.why or entry.personal:
                values = canonical(dict(entry.personal)) if entry.personal else ""
                side = {"seq": seq, "salt": secrets.token_hex(16), "why": entry.why, "values": values}
            row: dict[str, Any] = {name: getattr(entry, name, "") for name in _TEXT} | {
                "seq": seq, "at": at, "account": account, "previous": previous, "data": canonical(dict(entry.data)),
                "personal_digest": side_digest(side) if side else "",
            }  # fmt: skip
            row["hash"] = previous = entry_hash(row)
            rows.append(row)
            private += [side] if side else []
            stored.append(Stored(seq, new=True))
            if entry.unique_key:
                known[entry.unique_key] = seq
        _insert(connection, rows, private)
        return stored

    def entries(self, *kinds: str) -> pd.DataFrame:
        """Return entries (of these kinds, or all) by `seq` (int). All else is text; `data` and `values` hold JSON."""
        with reading(self._engine) as connection:
            return _frame(connection, kinds)

    def head(self) -> tuple[int, str]:
        """Return the last entry's `seq` and hash, or (0, 64 zeros) for an empty ledger."""
        with reading(self._engine) as connection:
            return _head(connection)

    def hashes(self, numbers: Sequence[int]) -> dict[int, str]:
        """Return the hash by `seq` of these entries. Missing entries are left out."""
        with reading(self._engine) as connection:
            return _select_map(connection, ENTRIES.c.seq, ENTRIES.c.hash, set(numbers))

    def verify(self) -> list[str]:
        """Return a Chinese line for each error of the chain; [] if it is intact."""
        with reading(self._engine) as connection:
            return chain_problems(*_both_tables(connection))

    def purge(self, *, before: str, by: str, why: str) -> int:
        """Empty the personal side of entries before the ISO date, list them in a new entry, and return how many."""
        with writing(self._engine) as connection:
            e, p = ENTRIES, PERSONAL
            old = sa.select(e.c.seq).join(p, p.c.seq == e.c.seq).where(e.c.at < before).order_by(e.c.seq)
            seqs = [int(seq) for seq in connection.execute(old).scalars()]
            if seqs:
                connection.execute(sa.delete(p).where(p.c.seq <= seqs[-1], p.c.seq.in_(old.scalar_subquery())))
                entry = Entry("purge", by=by, why=why, data={"before": before, "spans": _spans(seqs)})
                self._write(connection, [entry])
            return len(seqs)

    def backup(self, path: Path) -> int:
        """Copy the ledger to a new SQLite file, verify the copy, return its number of entries. Raises MingceError."""
        if path.exists():
            raise MingceError("备份文件已存在", where=str(path), remedy="请换一个文件名")
        with reading(self._engine) as connection:
            rows, private = _both_tables(connection)
        with atomic_path(path) as draft, draft.open("xb"), Ledger(sa.URL.create("sqlite", database=str(draft))) as copy:
            with writing(copy._engine) as connection:
                _insert(connection, rows, private)
            found = copy.verify()
            if found:
                raise MingceError(
                    f"备份没有通过核对：{found[0]}", where=str(path), remedy="请先运行 mingce doctor 查看账本"
                )
        return len(rows)

    def close(self) -> None:
        """Close the database connection."""
        self._engine.dispose()

    def __exit__(self, *_: object) -> None:
        self.close()


def open_ledger(cohort: Cohort, clock: Callable[[], datetime] | None = None) -> Ledger:
    """Open the cohort's ledger. Raises ConfigurationError as `ledger_url` and `open_engine`."""
    return Ledger(ledger_url(cohort.ledger.url, cohort.folder), clock, cohort.review.reviewers)


def entries_of(cohort: Cohort, *kinds: str) -> pd.DataFrame:
    """Return the entries of the cohort's ledger (`Ledger.entries`) of these kinds, or all."""
    with open_ledger(cohort) as ledger:
        return ledger.entries(*kinds)


def open_intact(cohort: Cohort) -> Ledger:
    """Open the ledger to sign, accept or hand in. Raises RefusedError if it was deleted, cut, replaced or changed."""
    ledger = open_ledger(cohort)
    faults = [*ledger.verify(), *missing_history(cohort, ledger)]
    if faults:
        ledger.close()
        raise RefusedError(faults[0], where=cohort.name, remedy=RESTORE)
    return ledger


def system_account() -> str:
    """Return the account that runs this process, or ""."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return os.environ.get("USER", "")


def _with_account(entry: Entry, account: str, reviewers: Mapping[str, str]) -> Entry:
    """Set `named`: account if `reviewers` binds `by` to the account, else typed, as in every import (`source`)."""
    by = entry.by.strip()
    if not by:
        return entry
    name = reviewers.get(account, "")
    if reviewers and by not in (name, account) and "source" not in entry.data:
        reason = f"只能以“{name}”的名义办理" if name else "没有登记可用的姓名"
        raise RefusedError(
            f"账号 {account} {reason}", where="--by", remedy="请本人用自己的账号办理，或更正 [review] reviewers"
        )
    bound = bool(name) and by == name and "source" not in entry.data
    return replace(entry, data={**entry.data, "named": "account" if bound else "typed"})


def _insert(connection: Connection, rows: list[dict[str, Any]], private: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(sa.insert(ENTRIES), rows)
    if private:
        connection.execute(sa.insert(PERSONAL), private)


def _head(connection: Connection) -> tuple[int, str]:
    query = sa.select(ENTRIES.c.seq, ENTRIES.c.hash).order_by(ENTRIES.c.seq.desc()).limit(1)
    last = connection.execute(query).first()
    return (int(last[0]), str(last[1])) if last else (0, FIRST)


def _select_map(
    connection: Connection, key: sa.Column[Any], value: sa.Column[Any], wanted: Collection[Any]
) -> dict[Any, Any]:
    """Return `value` by `key` for the existing rows with these keys."""
    return {row[0]: row[1] for row in connection.execute(sa.select(key, value).where(key.in_(wanted)))}


def _both_tables(connection: Connection) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    first, second = (
        [dict(row) for row in connection.execute(sa.select(table).order_by("seq")).mappings()]
        for table in (ENTRIES, PERSONAL)
    )
    return first, second


def _frame(connection: Connection, kinds: Iterable[str]) -> pd.DataFrame:
    e, p = ENTRIES, PERSONAL
    query = sa.select(e, p.c.why, p.c["values"]).join(p, p.c.seq == e.c.seq, isouter=True).order_by(e.c.seq)
    wanted = list(kinds)
    rows = connection.execute(query.where(e.c.kind.in_(wanted)) if wanted else query).all()
    frame = pd.DataFrame([tuple(row) for row in rows], columns=_COLUMNS)
    text = {name: frame[name].fillna("").astype("str") for name in _COLUMNS if name != "seq"}
    return pd.DataFrame({"seq": frame["seq"].astype("int64"), **text})


def _spans(seqs: list[int]) -> list[list[int]]:
    """Return first and last number of each run of consecutive ascending numbers."""
    runs = [list(run) for _, run in groupby(enumerate(seqs), lambda pair: pair[1] - pair[0])]
    return [[run[0][1], run[-1][1]] for run in runs]


@dataclass(frozen=True, order=True)
class Head:
    """The last ledger entry at a moment (20161101-090000): number, hash, and where it was recorded."""

    moment: str
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


def write_witness(folder: Path, number: int, entry_hash: str, timestamp: str) -> None:
    """Write number, hash and time (ISO) of a signature's entry beside its files."""
    moment = re.sub(r"[-:]", "", timestamp[:19]).replace("T", "-")
    write_atomically(folder / WITNESS, json.dumps({"number": number, "hash": entry_hash, "at": moment}) + "\n")


def known_heads(cohort: Cohort) -> list[Head]:
    """Return every recorded head of this cohort's ledger, oldest first. Earlier versions recorded none."""
    runs = (cohort.reports_folder / "runs").glob("[!.]*")
    recorded: list[tuple[object, str, str]] = [
        ((read_summary(run) or {}).get("ledger"), run.name[:15], f"运行 {run.name}") for run in runs
    ]
    witnesses = (cohort.folder / "signed").glob(f"*/{WITNESS}")
    recorded += [(read_object(path), "", f"签字 {path.parent.name}") for path in witnesses]
    heads: set[Head] = set()
    for stored, at, where in recorded:
        head = cast("dict[str, Any]", stored if isinstance(stored, dict) else {})
        number, entry_hash = head.get("number"), head.get("hash")
        if isinstance(number, int) and number > 0 and isinstance(entry_hash, str):
            heads.add(Head(at or str(head.get("at", "")), number, entry_hash, where))
    return sorted(heads)


def missing_heads(cohort: Cohort, ledger: Ledger) -> list[Head]:
    """Return the recorded heads that the ledger lacks and that no `restore` entry explains."""
    recorded = known_heads(cohort)
    hashes = ledger.hashes([head.number for head in recorded])
    restored = [json_object(text) for text in ledger.entries("restore")["data"]]
    explained = {(int(number), str(text)) for data in restored for number, text, _ in data.get("explains", [])}
    return [h for h in recorded if hashes.get(h.number) != h.hash and (h.number, h.hash) not in explained]


def missing_history(cohort: Cohort, ledger: Ledger) -> list[str]:
    """Return a Chinese line on the newest of `missing_heads`, or none: the ledger is the cohort's own."""
    lost, last = missing_heads(cohort, ledger), ledger.head()[0]
    return [f"账本不是原来那一本：缺少曾经记下的{head}，现在只到第 {last} 条，或内容不同" for head in lost[-1:]]
