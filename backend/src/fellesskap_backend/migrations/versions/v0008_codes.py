"""Badges, delegations and second codes; who made a reservation on whose behalf."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from fellesskap_backend.migrations.index import index

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add them; what was reserved until now its carrier reserved itself."""
    op.add_column("reservations", sa.Column("acted_by", sa.Uuid(), nullable=True))
    op.add_column(
        "parcels",
        sa.Column("has_second_codes", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "courier_badges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("carrier_id", sa.Uuid(), nullable=False),
        *(sa.Column(name, _JSON, nullable=False) for name in ("carriers", "lockers", "may")),
        *(sa.Column(name, _TIME, nullable=False) for name in ("issued_at", "expires_at")),
        sa.Column("revoked_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_courier_badges"),
    )
    index("ix_courier_badges_carrier_id_id", "courier_badges", ["carrier_id", "id"])
    index("ix_courier_badges_carrier_id_expires_at", "courier_badges", ["carrier_id", "expires_at"])
    _delegations()
    op.create_table(
        "delegated_codes",
        *(sa.Column(name, sa.Uuid(), nullable=False) for name in ("id", "parcel_id", "carrier_id")),
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("revoked_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_delegated_codes"),
    )
    index("ix_delegated_codes_parcel_id", "delegated_codes", ["parcel_id"])


def _delegations() -> None:
    op.create_table(
        "delegations",
        *(sa.Column(name, sa.Uuid(), nullable=False) for name in ("id", "giver_id", "receiver_id")),
        sa.Column("may", _JSON, nullable=False),
        *(sa.Column(name, _TIME, nullable=False) for name in ("ends_at", "created_at")),
        sa.Column("revoked_at", _TIME, nullable=True),
        *(
            sa.ForeignKeyConstraint([name], ["carriers.id"], name=f"fk_delegations_{name}")
            for name in ("giver_id", "receiver_id")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_delegations"),
    )
    live = "revoked_at IS NULL"
    two = ["receiver_id", "giver_id"]
    index("uq_delegations_of_two", "delegations", two, unique=True, where=live)
    for name in ("giver_id", "receiver_id"):
        index(f"ix_delegations_{name}_id", "delegations", [name, "id"])


def downgrade() -> None:
    """Drop them: badges that are out stay good until they expire, second codes until collected."""
    for table in ("delegated_codes", "delegations", "courier_badges"):
        op.drop_table(table)
    op.drop_column("parcels", "has_second_codes")
    op.drop_column("reservations", "acted_by")
