"""Cut-offs, and reservations that wait for one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from fellesskap_backend.migrations.index import index

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_AT = sa.DateTime(timezone=True)
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_BEFORE = "uq_reservations_confirmed_label"
_LIVE = "uq_reservations_live_label"


def upgrade() -> None:
    """Add the announced days; a label that waits for its answer is as taken as a confirmed one."""
    op.create_table(
        "announced_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("policy", sa.String(), nullable=False),
        sa.Column("key_hash", sa.String(), nullable=False),
        sa.Column("announced_at", _AT, nullable=False),
        sa.Column("ends_at", _AT, nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_announced_days"),
    )
    op.create_table(
        "cut_offs",
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("begins_at", _AT, nullable=False),
        sa.Column("load_permille", sa.Integer(), nullable=False),
        sa.Column("decided_at", _AT, nullable=True),
        sa.PrimaryKeyConstraint("locker_id", "at", name="pk_cut_offs"),
    )
    index("ix_cut_offs_day", "cut_offs", ["day"])
    waiting = "decided_at IS NULL"
    index("ix_cut_offs_waiting", "cut_offs", ["locker_id", "at"], where=waiting)
    op.add_column("reservations", sa.Column("cut_off", _AT, nullable=True))
    op.add_column("reservations", sa.Column("decided_at", _AT, nullable=True))
    op.add_column("reservations", sa.Column("decision_id", sa.Uuid(), nullable=True))
    op.add_column("reservations", sa.Column("alternatives", _JSON, nullable=True))
    op.drop_index(_BEFORE, "reservations")
    live = "state IN ('requested', 'confirmed')"
    index(_LIVE, "reservations", ["carrier_id", "label_key"], unique=True, where=live)
    requested = "state = 'requested'"
    index("ix_reservations_requested", "reservations", ["locker_id", "cut_off"], where=requested)


def downgrade() -> None:
    """Decide at once everywhere; what still waits for an answer is withdrawn."""
    op.execute("UPDATE reservations SET state = 'cancelled' WHERE state = 'requested'")
    op.drop_index("ix_reservations_requested", "reservations")
    op.drop_index(_LIVE, "reservations")
    columns = ["carrier_id", "label_key"]
    index(_BEFORE, "reservations", columns, unique=True, where="state = 'confirmed'")
    for name in ("alternatives", "decision_id", "decided_at", "cut_off"):
        op.drop_column("reservations", name)
    op.drop_table("cut_offs")
    op.drop_table("announced_days")
