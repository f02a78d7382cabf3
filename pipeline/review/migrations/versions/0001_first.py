"""The ledger's first schema: entries and their personal side table."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables. Spelt out instead of imported: a released migration never changes."""
    text = [
        "at", "kind", "action", "by", "account", "school_code", "student_number", "submission_id", "college", "rule",
        "made_on", "data", "personal_digest", "hash",
    ]  # fmt: skip
    op.create_table(
        "entries",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in text),
        sa.Column("unique_key", sa.Text, unique=True),
        sa.Column("previous", sa.Text, nullable=False, unique=True),
    )
    op.create_index("entries_of_kind", "entries", ["kind", "seq"])
    op.create_table(
        "personal",
        sa.Column("seq", sa.Integer, sa.ForeignKey("entries.seq"), primary_key=True, autoincrement=False),
        sa.Column("salt", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("values", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Refuse: a ledger never loses entries."""
    raise NotImplementedError("the ledger has no way back: restore a backup")
