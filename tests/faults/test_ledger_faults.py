"""The ledger when its file is held, full, read-only or spoilt: one Chinese line, and nothing half-written."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.exc import OperationalError

from pipeline.errors import MingceError
from pipeline.review import ledger_database
from pipeline.review.chain import Entry
from pipeline.review.ledger_database import network_share
from tests.review.small import open_in


def written(folder: Path, count: int = 3) -> None:
    with open_in(folder) as ledger:
        ledger.append(*(Entry("decision", by="王", why=f"第 {n} 条") for n in range(count)))


def whole(folder: Path) -> int:
    with open_in(folder) as ledger:
        assert ledger.verify() == []
        return ledger.head()[0]


def test_held_by_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    written(tmp_path)
    monkeypatch.setattr(ledger_database, "BUSY_MS", 100)
    with open_in(tmp_path) as ledger:
        holder = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(MingceError, match=r"ledger\.sqlite：账本正被另一个程序占用"):
            ledger.append(Entry("decision", by="王"))
        assert len(ledger.entries()) == 3  # readers are not held up
        holder.execute("ROLLBACK")
        ledger.append(Entry("decision", by="王"))
        holder.close()
    assert whole(tmp_path) == 4


def test_a_full_disk_writes_all_or_nothing(tmp_path: Path):
    written(tmp_path)
    with open_in(tmp_path) as ledger:

        def small(connection: sqlite3.Connection, *_: object) -> None:
            connection.execute("PRAGMA max_page_count = 20")

        ledger.close()
        event.listen(ledger._engine, "connect", small)
        with pytest.raises(MingceError, match="磁盘写满"):
            ledger.append(*(Entry("decision", by="王", why="长" * 3000) for _ in range(60)))
    assert whole(tmp_path) == 3


@pytest.mark.parametrize("spoil", ["text", "middle"])
def test_a_spoilt_file_is_told(tmp_path: Path, spoil: str):
    written(tmp_path, 300)
    path = tmp_path / "ledger.sqlite"
    data = path.read_bytes()
    if spoil == "text":
        path.write_bytes(b"this is no ledger at all" * 400)
    else:
        path.write_bytes(data[:4096] + b"\xa5" * (len(data) - 4096))
    with pytest.raises(MingceError, match="账本文件"), open_in(tmp_path) as ledger:
        ledger.verify()


def test_a_row_that_somebody_changed_is_found(tmp_path: Path):
    written(tmp_path)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
        connection.execute("UPDATE entries SET \"by\" = '李' WHERE seq = 2")
    with open_in(tmp_path) as ledger:
        assert ledger.verify()


def test_a_ledger_on_a_share_is_told(tmp_path: Path):
    """SQLite's WAL wants the memory of one machine."""
    mounts = tmp_path / "mounts"
    shared, here = tmp_path / "共享 盘", tmp_path / "here"
    lines = ["/dev/sda1 / ext4 rw 0 0", f"//server/jyc {str(shared).replace(' ', chr(92) + '040')} cifs rw 0 0"]
    mounts.write_text("\n".join([*lines, f"server:/x {here}/nfs nfs4 rw 0 0"]) + "\n", encoding="utf-8")
    url = "sqlite:///ledger.sqlite"
    assert network_share(url, shared / "2017", mounts) == "cifs"
    assert network_share(url, here / "nfs" / "2017", mounts) == "nfs4"
    assert network_share(url, here, mounts) == ""
    assert network_share(f"sqlite:///{here}/ledger.sqlite", shared, mounts) == ""  # on this machine's disk
    assert network_share("postgresql://db.example/x", shared, mounts) == ""
    assert network_share(url, shared, tmp_path / "none") == ""


@pytest.mark.parametrize("name", ["SQLITE_IOERR_LOCK", "SQLITE_IOERR_SHMMAP", "SQLITE_PROTOCOL"])
def test_a_file_system_without_locks_is_told_with_the_remedy(name: str):
    fault = sqlite3.OperationalError("locking protocol")
    fault.sqlite_errorname = name
    engine = create_engine("sqlite:///ledger.sqlite")
    with pytest.raises(MingceError, match=r"不能加锁.*PostgreSQL"), ledger_database.translated(engine):
        raise OperationalError("BEGIN", None, fault)
