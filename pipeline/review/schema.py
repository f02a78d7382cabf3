"""The ledger's two tables, and bringing a database to the newest schema.

`entries` is append-only; each row's `hash` covers the row and the hash before it. `personal` holds, per entry, what
names or describes a person beyond the student number; the chain covers only its salted digest, so `purge` may empty it.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pipeline.errors import ConfigurationError

NEWEST = "0001"  # the newest revision in migrations/versions
MIGRATIONS = Path(__file__).resolve().parent / "migrations"

metadata = sa.MetaData()

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("school_code", sa.Text, nullable=False),
    sa.Column("student_number", sa.Text, nullable=False),
    sa.Column("submission_id", sa.Text, nullable=False),
    sa.Column("college", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("made_on", sa.Text, nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("personal_digest", sa.Text, nullable=False),
    sa.Column("unique_key", sa.Text, unique=True),
    sa.Column("previous", sa.Text, nullable=False, unique=True),  # two entries after one predecessor: a fork
    sa.Column("hash", sa.Text, nullable=False),
    sa.Index("entries_of_kind", "kind", "seq"),
)

personal = sa.Table(
    "personal",
    metadata,
    sa.Column("seq", sa.Integer, sa.ForeignKey("entries.seq"), primary_key=True, autoincrement=False),
    sa.Column("salt", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("values", sa.Text, nullable=False),
)


def revision(connection: Connection) -> str:
    """Return the schema's revision, or the empty string for a database without a ledger."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() or ""


def migrate(connection: Connection) -> None:
    """Bring the database to the newest schema, inside the caller's transaction.

    Raises:
        ConfigurationError: a newer mingce wrote this ledger.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise ConfigurationError(
            [f"账本的版本（{revision(connection)}）比本程序新，请升级 mingce 后再用"], where="[ledger] url"
        ) from None
