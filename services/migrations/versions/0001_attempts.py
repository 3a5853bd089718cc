"""The ledger of attempts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("backend", sa.String(64), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("project", sa.String(200), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("remote_id", sa.String(200), nullable=False),
        sa.Column("resume", sa.JSON, nullable=False),
        sa.Column("seconds", sa.Float),
        sa.Column("price", sa.BigInteger),
        sa.Column("charged", sa.BigInteger),
        sa.Column("currency", sa.String(32), nullable=False),
        sa.Column("billed", sa.Boolean, nullable=False),
        sa.Column("error", sa.String(32), nullable=False),
        sa.Column("safety", sa.String(200), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
    )
    op.create_index("ix_attempts_key", "attempts", ["key"], unique=True)
    op.create_index("ix_attempts_day", "attempts", ["day"])
    op.create_index("ix_attempts_state", "attempts", ["state"])
    op.create_index("ix_attempts_fingerprint", "attempts", ["fingerprint", "backend"])


def downgrade() -> None:
    op.drop_table("attempts")
