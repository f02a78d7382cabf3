"""The ledger's database. The chain covers only a salted digest of `personal`, so `purge` may empty that table."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError

from pipeline.errors import ConfigurationError, MingceError, reason_of
from pipeline.resources import report_table
from pipeline.review.chain import COVERED

SCHEMA = "0001"  # the version of the tables below; a ledger of another one is refused
BUSY_MS = 60_000  # a writer waits so long for another one
# secure_delete: purged values must not stay in free pages, and not every SQLite build overwrites them by default
_PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON")

metadata = sa.MetaData()
ENTRIES = sa.Table(
    "entries",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    *(sa.Column(name, sa.Text, nullable=False) for name in COVERED if name not in ("seq", "unique_key", "previous")),
    sa.Column("unique_key", sa.Text, unique=True),
    sa.Column("previous", sa.Text, nullable=False, unique=True),  # unique, against forks
    sa.Column("hash", sa.Text, nullable=False),
    sa.Index("entries_of_kind", "kind", "seq"),
)
PERSONAL = sa.Table(
    "personal",
    metadata,
    sa.Column("seq", sa.Integer, sa.ForeignKey("entries.seq"), primary_key=True, autoincrement=False),
    *(sa.Column(name, sa.Text, nullable=False) for name in ("salt", "why", "values")),
)
VERSION = sa.Table("alembic_version", metadata, sa.Column("version_num", sa.String(32), primary_key=True))
"""One row: `SCHEMA`. It has the name by which earlier versions of mingce look for it."""


def ledger_url(text: str, folder: Path) -> sa.URL:
    """Return the URL of `[ledger] url`, a file in `folder`, with MINGCE_LEDGER_PASSWORD. Raises ConfigurationError."""
    try:
        url = sa.make_url(text)
    except (ArgumentError, ValueError):  # the text may hold a password: it is not repeated
        raise ConfigurationError(["账本地址不正确，写作 sqlite:///ledger.sqlite"], where="[ledger] url") from None
    kind = url.get_backend_name()
    if kind == "sqlite" and url.database and url.database != ":memory:":
        return url.set(database=str(folder / url.database))
    if kind == "postgresql":
        driver = url if "+" in url.drivername else url.set(drivername="postgresql+psycopg")
        password = os.environ.get("MINGCE_LEDGER_PASSWORD")
        return driver.set(password=password) if password and not url.password else driver
    raise ConfigurationError([f"账本不支持 {kind}，请用 sqlite 或 postgresql 的地址"], where="[ledger] url")


_SHARES = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "davfs", "fuse.sshfs", "fuse.rclone", "glusterfs", "vboxsf")


def network_share(text: str, folder: Path, mounts: Path = Path("/proc/self/mounts")) -> str:
    """Return the kind of network share that holds a SQLite ledger, or "". WAL needs one machine's shared memory."""
    url = ledger_url(text, folder)
    if url.get_backend_name() != "sqlite":
        return ""
    path = Path(str(url.database)).resolve()
    if str(path).startswith("\\\\"):
        return "Windows"
    rows = [line.split()[1:3] for line in mounts.read_text().splitlines()] if mounts.is_file() else []
    containing = [row for row in rows if path.is_relative_to(row[0].replace("\\040", " "))]
    kind = max(containing, key=lambda row: len(row[0]), default=["", ""])[1]
    return kind if kind.startswith(_SHARES) else ""


@contextmanager
def translated(engine: Engine) -> Generator[None]:
    """Raise MingceError, in Chinese, for SQLite's errors of disk, rights and locks in its file. Other errors pass."""
    try:
        yield
    except DatabaseError as error:
        name = str(getattr(error.orig, "sqlite_errorname", ""))
        faults = report_table("words")["ledger_faults"]
        message = next((fault for fault in faults if name.startswith(tuple(fault["names"]))), None)
        if message is None:
            raise
        raise MingceError(message["what"], where=str(engine.url.database), remedy=message["remedy"]) from None


def _private_file(path: Path) -> None:
    """Create the file, or restrict it to its owner. SQLite's side files get the same mode."""
    if path.is_dir():  # mode 0600 would close the folder
        raise IsADirectoryError(errno.EISDIR, "", str(path))
    if path.exists():
        if path.stat().st_mode & 0o077 and os.name == "posix":
            path.chmod(0o600)
        return
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def _on_connect(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # `_on_begin` begins
    for pragma in (f"busy_timeout = {BUSY_MS}", *_PRAGMAS):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("mingce_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")  # writers exclude each other at once


def open_engine(url: sa.URL) -> Engine:
    """Return an engine of the ledger, whose write transactions exclude each other. Creates missing tables.

    Raises ConfigurationError if the database or its driver is not there, or a newer mingce wrote it.
    """
    try:
        if url.get_backend_name() == "sqlite":
            _private_file(Path(str(url.database)))
            engine = sa.create_engine(url)
            event.listen(engine, "connect", _on_connect)
            event.listen(engine, "begin", _on_begin)
        else:
            engine = sa.create_engine(url, pool_pre_ping=True, pool_size=2)
        version = _create_tables(engine)
    except ModuleNotFoundError as error:
        message = f"缺少数据库驱动 {error.name}：请安装 mingce[postgresql]"
    except OSError as error:
        message = f"不能建立账本文件 {url.database}（{reason_of(error)}），请核对路径和权限"
    except OperationalError as error:
        message = f"打不开账本（{type(error.orig).__name__}）：请核对地址、权限和数据库是否在运行"
    else:
        if version == SCHEMA:
            return engine
        message = f"账本的版本（{version}）比本程序新，请升级 mingce 后再用"
    raise ConfigurationError([message], where="[ledger] url")


def _create_tables(engine: Engine) -> str:
    """Create the ledger's tables if there are none, and return their version."""
    with reading(engine) as connection:
        version = schema_of(connection)
    if not version:
        with writing(engine) as connection:
            metadata.create_all(connection)
            version = schema_of(connection)  # another process may have made them since
            if not version:
                version = SCHEMA
                connection.execute(sa.insert(VERSION).values(version_num=version))
    return version


@contextmanager
def reading(engine: Engine) -> Generator[Connection]:
    """Yield a connection in a transaction that reads."""
    with translated(engine), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Generator[Connection]:
    """Yield a connection in a transaction that excludes other writers."""
    with translated(engine), engine.connect().execution_options(mingce_write=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(1835625317)"))
        yield connection


def schema_of(connection: Connection) -> str:
    """Return the version of the ledger's tables, or "" for a database without a ledger."""
    if not sa.inspect(connection).has_table(VERSION.name):
        return ""
    return connection.execute(sa.select(VERSION.c.version_num)).scalar() or ""
