"""Decisions: each answer of the allocation policy is a link of its locker's chain."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_GENESIS = "0" * 64


def upgrade() -> None:
    """Add the table, and begin a chain for every locker; claims of before have no decision."""
    op.create_table(
        "decisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("carrier_id", sa.Uuid(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
        sa.UniqueConstraint("locker_id", "number", name="uq_decisions_locker_id_number"),
    )
    _add("decided", sa.Integer(), "0")
    _add("decision_hash", sa.String(), _GENESIS)
    op.add_column("lockers", sa.Column("decision_layout", sa.String(), nullable=True))
    op.add_column("claims", sa.Column("decision", sa.Integer(), nullable=True))


def _add(name: str, kind: Any, value: str) -> None:
    op.add_column("lockers", sa.Column(name, kind, nullable=False, server_default=value))


def downgrade() -> None:
    """Drop the chains: what was decided is forgotten, what was confirmed stays."""
    op.drop_column("claims", "decision")
    for column in ("decided", "decision_hash", "decision_layout"):
        op.drop_column("lockers", column)
    op.drop_table("decisions")
