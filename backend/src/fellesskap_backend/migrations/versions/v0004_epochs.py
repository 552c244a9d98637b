"""Epochs: tails, quarantine, restored databases, lockers written off."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from fellesskap_backend.migrations.index import index

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_TIME = sa.DateTime(timezone=True)
_OF_LOCKERS = ("quarantined_at", "behind_since", "restored_at", "written_off_at")


def upgrade() -> None:
    """Add what is known of stores, and of databases, that went back in time."""
    for name in _OF_LOCKERS:
        op.add_column("lockers", sa.Column(name, _TIME, nullable=True))
    _add("lockers", "custody_wanted", sa.Boolean(), sa.false())
    _add("epochs", "said_head", sa.Integer(), "0")
    _add("epochs", "former_boots", _JSON, "[]")
    _add("epochs", "custody_seq", sa.Integer(), "0")
    index("ix_lockers_custody_wanted", "lockers", ["id"], where="custody_wanted")
    _tables()


def _add(table: str, name: str, kind: Any, value: Any) -> None:
    """Add a column that the rows of today get a value for."""
    op.add_column(table, sa.Column(name, kind, nullable=False, server_default=value))


def _tables() -> None:
    op.create_table(
        "ledger_tails",
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("acked_seq", sa.Integer(), nullable=False),
        sa.Column("said_head", sa.Integer(), nullable=False),
        sa.Column("closed_by", sa.String(), nullable=False),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("locker_id", "epoch", name="pk_ledger_tails"),
    )
    op.create_table(
        "restorations",
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("restored_at", _TIME, nullable=False),
        sa.Column("heard_until", _TIME, nullable=True),
        sa.Column("epoch", sa.String(), nullable=True),
        sa.Column("acked_seq", sa.Integer(), nullable=False),
        sa.Column("settled_at", _TIME, nullable=True),
        sa.Column("settled_epoch", sa.String(), nullable=True),
        sa.Column("settled_seq", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["locker_id"], ["lockers.id"], name="fk_restorations_locker_id"),
        sa.PrimaryKeyConstraint("locker_id", "generation", name="pk_restorations"),
    )


def downgrade() -> None:
    """Forget it again."""
    op.drop_table("restorations")
    op.drop_table("ledger_tails")
    op.drop_index("ix_lockers_custody_wanted", "lockers")
    for name in ("said_head", "former_boots", "custody_seq"):
        op.drop_column("epochs", name)
    for name in (*_OF_LOCKERS, "custody_wanted"):
        op.drop_column("lockers", name)
