"""Reservations, rights, parcels, events and door operations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from fellesskap_backend.migrations.index import index

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    _reservations()
    _rights()
    _parcels()
    _events()


def downgrade() -> None:
    """Drop the tables."""
    for table in (
        "door_operations",
        "feed_counters",
        "notices",
        "authorisations",
        "parcel_history",
        "parcels",
        "right_codes",
        "rights",
        "claims",
        "reservations",
    ):
        op.drop_table(table)


def _reservations() -> None:
    op.create_table(
        "reservations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("carrier_id", sa.Uuid(), nullable=False),
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("parcel_id", sa.Uuid(), nullable=False),
        sa.Column("right_id", sa.Uuid(), nullable=False),
        sa.Column("label_kind", sa.String(), nullable=False),
        sa.Column("label_value", sa.String(), nullable=False),
        sa.Column("label_key", sa.String(), nullable=False),
        sa.Column("w_mm", sa.Integer(), nullable=False),
        sa.Column("h_mm", sa.Integer(), nullable=False),
        sa.Column("d_mm", sa.Integer(), nullable=False),
        sa.Column("g", sa.Integer(), nullable=False),
        sa.Column("size_class", sa.String(), nullable=True),
        sa.Column("needs", _JSON, nullable=False),
        sa.Column("deposit_by", _TIME, nullable=False),
        sa.Column("collect_within_s", sa.Integer(), nullable=False),
        sa.Column("code_at", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reject_reason", sa.String(), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reservations"),
    )
    index("ix_reservations_carrier_id_label_key", "reservations", ["carrier_id", "label_key"])
    index("ix_reservations_deposit_by", "reservations", ["deposit_by"], where="state = 'confirmed'")
    index("ix_reservations_right_id", "reservations", ["right_id"])
    index(
        "uq_reservations_confirmed_label",
        "reservations",
        ["carrier_id", "label_key"],
        unique=True,
        where="state = 'confirmed'",
    )
    op.create_table(
        "claims",
        sa.Column("right_id", sa.Uuid(), nullable=False),
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("carrier_number", sa.Integer(), nullable=False),
        sa.Column("w_mm", sa.Integer(), nullable=False),
        sa.Column("h_mm", sa.Integer(), nullable=False),
        sa.Column("d_mm", sa.Integer(), nullable=False),
        sa.Column("g", sa.Integer(), nullable=False),
        sa.Column("needs", _JSON, nullable=False),
        sa.Column("released_at_revision", sa.Integer(), nullable=True),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("right_id", name="pk_claims"),
    )
    index("ix_claims_locker_id_released", "claims", ["locker_id", "released"])


def _rights() -> None:
    op.create_table(
        "rights",
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("locker_id", "id", name="pk_rights"),
    )
    index("ix_rights_locker_id_revision", "rights", ["locker_id", "revision"])
    op.create_table(
        "right_codes",
        sa.Column("right_id", sa.Uuid(), nullable=False),
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("code_mac", sa.String(), nullable=False),
        sa.Column("removed_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("right_id", name="pk_right_codes"),
    )
    index("ix_right_codes_locker_id_code_mac", "right_codes", ["locker_id", "code_mac"])


def _parcels() -> None:
    op.create_table(
        "parcels",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("carrier_id", sa.Uuid(), nullable=False),
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("reservation_id", sa.Uuid(), nullable=True),
        sa.Column("right_id", sa.Uuid(), nullable=True),
        sa.Column("label_value", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("compartment", sa.Integer(), nullable=True),
        sa.Column("deposited_at", _TIME, nullable=True),
        sa.Column("collect_by", _TIME, nullable=True),
        sa.Column("collected_at", _TIME, nullable=True),
        sa.Column("evidence", sa.String(), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_parcels"),
    )
    index("ix_parcels_collect_by", "parcels", ["collect_by"], where="state = 'deposited'")
    index("ix_parcels_right_id", "parcels", ["right_id"])
    op.create_table(
        "parcel_history",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("parcel_id", sa.Uuid(), nullable=False),
        sa.Column("carrier_id", sa.Uuid(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("clock", sa.String(), nullable=False),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.Column("compartment", sa.Integer(), nullable=True),
        sa.Column("detail", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_parcel_history"),
    )
    index("ix_parcel_history_parcel_id_id", "parcel_history", ["parcel_id", "id"])
    op.create_table(
        "authorisations",
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("authorisation_id", sa.String(), nullable=False),
        sa.Column("right_id", sa.Uuid(), nullable=True),
        sa.Column("parcel_id", sa.Uuid(), nullable=True),
        sa.Column("jti", sa.String(), nullable=True),
        sa.Column("compartment", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("locker_id", "authorisation_id", name="pk_authorisations"),
    )


def _events() -> None:
    op.create_table(
        "notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("carrier_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("parcel_id", sa.Uuid(), nullable=True),
        sa.Column("data", _JSON, nullable=False),
        sa.Column("occurred_at", _TIME, nullable=False),
        sa.Column("clock", sa.String(), nullable=False),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
    )
    index("ix_notices_without_position", "notices", ["id"], where="position IS NULL")
    index("uq_notices_carrier_id_position", "notices", ["carrier_id", "position"], unique=True)
    op.create_table(
        "feed_counters",
        sa.Column("carrier_id", sa.Uuid(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("carrier_id", name="pk_feed_counters"),
    )
    op.create_table(
        "door_operations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("compartment", sa.Integer(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("reason_code", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("outcome_reason", sa.String(), nullable=True),
        sa.Column("issued_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("sent_at", _TIME, nullable=True),
        sa.Column("signed_again", sa.Boolean(), nullable=False),
        sa.Column("authorisation_id", sa.String(), nullable=True),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_door_operations"),
    )
    index("ix_door_operations_issued", "door_operations", ["locker_id"], where="state = 'issued'")
