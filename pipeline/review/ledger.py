"""The ledger: who decided what, when, why, and on which data. Append-only, chained, shared by several writers."""

from __future__ import annotations

import getpass
import os
import secrets
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError

from pipeline.clock import SHANGHAI
from pipeline.cohort import Cohort
from pipeline.errors import ConfigurationError, MingceError, RefusedError
from pipeline.review.chain import FIRST, Entry, canonical, chain_problems, entry_hash, side_digest
from pipeline.review.ledger_database import (
    ENTRIES,
    NEWEST,
    PERSONAL,
    engine_of,
    faults_told,
    ledger_url,
    migrate,
    revision,
)
from pipeline.whole import appearing

_TEXT = [column.name for column in ENTRIES.columns if column.name != "seq"]
_COLUMNS = ["seq", *_TEXT, "why", "values"]


@dataclass(frozen=True)
class Stored:
    """The `seq` of an entry. `new` is false if its unique key existed and nothing was written."""

    seq: int
    new: bool


class Ledger:
    """An open ledger. Every method is one transaction; several processes may write at once."""

    def __init__(
        self, engine: Engine, clock: Callable[[], datetime], reviewers: Mapping[str, str] | None = None
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._reviewers = reviewers or {}

    def append(self, entry: Entry) -> Stored:
        """Write one entry."""
        return self.append_all([entry])[0]

    def append_all(self, new: Sequence[Entry]) -> list[Stored]:
        """Write several entries, all or none."""
        with self._writing() as connection:
            return self._write(connection, new)

    def append_if(self, decide: Callable[[pd.DataFrame], Sequence[Entry]], *kinds: str) -> list[Stored]:
        """Write what `decide` returns for the current entries of these kinds, in one exclusive transaction."""
        with self._writing() as connection:
            return self._write(connection, decide(_frame(connection, kinds)))

    def _write(self, connection: Connection, new: Sequence[Entry]) -> list[Stored]:
        account = system_account()
        named = [_with_account(entry, account, self._reviewers) for entry in new]
        return _write(connection, named, self._clock(), account)

    def entries(self, *kinds: str) -> pd.DataFrame:
        """Return entries (of these kinds, or all) by `seq` (int). All else is text; `data` and `values` hold JSON."""
        with self._reading() as connection:
            return _frame(connection, kinds)

    def head(self) -> tuple[int, str]:
        """Return the last entry's `seq` and hash, or (0, 64 zeros) for an empty ledger."""
        with self._reading() as connection:
            return _head(connection)

    def hashes(self, numbers: Sequence[int]) -> dict[int, str]:
        """Return the hash by `seq` of these entries. Missing entries are left out."""
        with self._reading() as connection:
            return dict(_looked_up(connection, ENTRIES.c.seq, ENTRIES.c.hash, sorted(set(numbers))))

    def verify(self) -> list[str]:
        """Return a Chinese line for each error of the chain; [] if it is intact."""
        with self._reading() as connection:
            return chain_problems(*_both_tables(connection))

    def purge(self, *, before: str, by: str, why: str) -> int:
        """Empty the personal side of entries before the ISO date, list them in a new entry, and return how many."""
        with self._writing() as connection:
            e, p = ENTRIES, PERSONAL
            old = sa.select(e.c.seq).join(p, p.c.seq == e.c.seq).where(e.c.at < before).order_by(e.c.seq)
            seqs = [int(seq) for seq in connection.execute(old).scalars()]
            if seqs:
                connection.execute(sa.delete(p).where(p.c.seq <= seqs[-1], p.c.seq.in_(old.scalar_subquery())))
                entry = Entry("purge", by=by, why=why, data={"before": before, "spans": _spans(seqs)})
                self._write(connection, [entry])
            return len(seqs)

    def backup(self, path: Path) -> int:
        """Copy the ledger to a new SQLite file, verify the copy and return its number of entries.

        Raises:
            MingceError: the file exists, or the copy does not verify.
        """
        if path.exists():
            raise MingceError("备份文件已存在", where=str(path), remedy="请换一个文件名")
        with self._reading() as connection:
            rows, private = _both_tables(connection)
        with appearing(path) as draft, _open(sa.URL.create("sqlite", database=str(draft)), self._clock) as copy:
            with copy._writing() as connection:
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

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _writing(self) -> Generator[Connection]:
        connect = self._engine.connect
        with faults_told(), connect().execution_options(mingce_write=True) as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(1835625317)"))
            yield connection

    @contextmanager
    def _reading(self) -> Generator[Connection]:
        with faults_told(), self._engine.connect() as connection, connection.begin():
            yield connection


def open_ledger(cohort: Cohort, clock: Callable[[], datetime] | None = None) -> Ledger:
    """Open the cohort's ledger. Creates or migrates it.

    Raises:
        ConfigurationError: the URL is wrong, the database is unreachable or was written by a newer mingce.
    """
    return _open(ledger_url(cohort.ledger.url, cohort.folder), clock or _now, cohort.review.reviewers)


def open_ledger_file(path: Path, cohort: Cohort) -> Ledger:
    """Open a copy of the cohort's ledger from a SQLite file."""
    return _open(sa.URL.create("sqlite", database=str(path)), _now, cohort.review.reviewers)


def _open(url: sa.URL, clock: Callable[[], datetime], reviewers: Mapping[str, str] | None = None) -> Ledger:
    engine = engine_of(url)
    ledger = Ledger(engine, clock, reviewers)
    try:
        with ledger._reading() as connection:  # pyright: ignore[reportPrivateUsage]
            found = revision(connection)
        if found != NEWEST:
            with ledger._writing() as connection:  # pyright: ignore[reportPrivateUsage]
                migrate(connection)
    except OperationalError as error:
        raise ConfigurationError(
            [f"打不开账本（{type(error.orig).__name__}）：请核对地址、权限和数据库是否在运行"], where="[ledger] url"
        ) from None
    return ledger


def _now() -> datetime:
    return datetime.now(SHANGHAI)


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
    own = reviewers.get(account, "")
    if reviewers and by not in (own, account) and "source" not in entry.data:
        whose = f"只能以“{own}”的名义办理" if own else "没有登记可用的姓名"
        raise RefusedError(
            f"账号 {account} {whose}",
            where="--by",
            remedy="请本人用自己的账号办理，或更正 [review] reviewers",
        )
    bound = bool(own) and by == own and "source" not in entry.data
    return replace(entry, data={**entry.data, "named": "account" if bound else "typed"})


def _write(connection: Connection, new: Sequence[Entry], now: datetime, account: str) -> list[Stored]:
    at = now.astimezone(SHANGHAI).isoformat(timespec="seconds")
    seq, previous = _head(connection)
    keys = [entry.unique_key for entry in new if entry.unique_key]
    known: dict[str | None, int] = dict(_looked_up(connection, ENTRIES.c.unique_key, ENTRIES.c.seq, keys))
    rows: list[dict[str, Any]] = []
    private: list[dict[str, Any]] = []
    stored: list[Stored] = []
    for entry in new:
        if entry.unique_key in known:
            stored.append(Stored(known[entry.unique_key], new=False))
            continue
        seq += 1
        side = _side(entry, seq)
        row = _row(entry, seq, at, account, previous, side_digest(side) if side else "")
        previous = row["hash"]
        rows.append(row)
        private += [side] if side else []
        stored.append(Stored(seq, new=True))
        if entry.unique_key:
            known[entry.unique_key] = seq
    _insert(connection, rows, private)
    return stored


def _row(entry: Entry, seq: int, at: str, account: str, previous: str, personal_digest: str) -> dict[str, Any]:
    row = {"seq": seq, "at": at, "account": account, "previous": previous, "personal_digest": personal_digest}
    row |= {name: getattr(entry, name) for name in _TEXT if name not in row and name not in ("data", "hash")}
    row["data"] = canonical(dict(entry.data))
    return row | {"hash": entry_hash(row)}


def _side(entry: Entry, seq: int) -> dict[str, Any]:
    if not entry.why and not entry.personal:
        return {}
    values = canonical(dict(entry.personal)) if entry.personal else ""
    return {"seq": seq, "salt": secrets.token_hex(16), "why": entry.why, "values": values}


def _insert(connection: Connection, rows: list[dict[str, Any]], private: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(sa.insert(ENTRIES), rows)
    if private:
        connection.execute(sa.insert(PERSONAL), private)


def _head(connection: Connection) -> tuple[int, str]:
    query = sa.select(ENTRIES.c.seq, ENTRIES.c.hash).order_by(ENTRIES.c.seq.desc()).limit(1)
    last = connection.execute(query).first()
    return (int(last[0]), str(last[1])) if last else (0, FIRST)


def _looked_up(
    connection: Connection, key: sa.Column[Any], value: sa.Column[Any], wanted: Sequence[Any]
) -> Iterator[tuple[Any, Any]]:
    """Yield key and value of existing rows, 500 keys at a time: a statement takes a limited number."""
    for start in range(0, len(wanted), 500):
        query = sa.select(key, value).where(key.in_(wanted[start : start + 500]))
        yield from ((row[0], row[1]) for row in connection.execute(query))


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
    spans: list[list[int]] = []
    for seq in seqs:
        if spans and spans[-1][1] == seq - 1:
            spans[-1][1] = seq
        else:
            spans.append([seq, seq])
    return spans
