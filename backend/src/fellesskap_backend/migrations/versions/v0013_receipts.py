"""Receipts: each hour's tree over the decisions, its root, and each decision's path in it."""

import sqlalchemy as sa
from alembic import op

from fellesskap_backend.db import Json
from fellesskap_backend.migrations.index import index
from fellesskap_backend.migrations.row_security import secure

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both tables; a receipt is seen by its carrier and by the house, roots by everybody."""
    op.create_table(
        "receipts",
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("carrier_id", sa.Uuid(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told", sa.String(), nullable=False),
        sa.Column("salt", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("path", Json, nullable=False),
        sa.PrimaryKeyConstraint("decision_id", name="pk_receipts"),
    )
    index("ix_receipts_hour", "receipts", ["hour"])
    op.create_table(
        "audit_roots",
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("seed", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("jws", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("hour", name="pk_audit_roots"),
    )
    secure("receipts")


def downgrade() -> None:
    """Drop both: what is public already can then be proven by nobody here."""
    op.drop_table("audit_roots")
    op.drop_table("receipts")
