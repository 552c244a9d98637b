"""Neutrality: what each carrier got in a month; an index by which it finds its decisions."""

import sqlalchemy as sa
from alembic import op

from fellesskap_backend.db import Json
from fellesskap_backend.migrations.index import index
from fellesskap_backend.migrations.row_security import secure

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both tables; a carrier sees its own figures, and of a month what all may see."""
    op.create_table(
        "neutral_months",
        sa.Column("month", sa.String(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told", Json, nullable=False),
        sa.PrimaryKeyConstraint("month", name="pk_neutral_months"),
    )
    op.create_table(
        "neutral_figures",
        sa.Column("month", sa.String(), nullable=False),
        sa.Column("carrier_id", sa.Uuid(), nullable=False),
        sa.Column("figures", Json, nullable=False),
        sa.Column("may_know_lent", sa.Boolean(), nullable=False),
        sa.Column("complaints", Json, nullable=False),
        sa.PrimaryKeyConstraint("month", "carrier_id", name="pk_neutral_figures"),
    )
    index("ix_decisions_carrier_id_id", "decisions", ["carrier_id", "id"])
    secure("neutral_figures")


def downgrade() -> None:
    """Drop both: months that were counted are counted anew, as far as the rows are still there."""
    op.drop_index("ix_decisions_carrier_id_id", "decisions")
    op.drop_table("neutral_figures")
    op.drop_table("neutral_months")
