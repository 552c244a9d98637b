"""Carriers, lockers, ledger, webhooks and answers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from fellesskap_backend.migrations.index import index

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    _carriers()
    _webhooks()
    _lockers()
    _ledger()
    _answers()


def downgrade() -> None:
    """Drop the tables."""
    for table in (
        "answers",
        "ledger_gaps",
        "ledger",
        "compartments",
        "epochs",
        "devices",
        "lockers",
        "deliveries",
        "webhook_subscriptions",
        "api_keys",
        "carriers",
    ):
        op.drop_table(table)


def _carriers() -> None:
    op.create_table(
        "carriers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_carriers"),
        sa.UniqueConstraint("number", name="uq_carriers_number"),
    )
    op.create_table(
        "api_keys",
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("carrier_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("revoked_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(["carrier_id"], ["carriers.id"], name="fk_api_keys_carrier_id"),
        sa.PrimaryKeyConstraint("prefix", name="pk_api_keys"),
    )


def _webhooks() -> None:
    op.create_table(
        "webhook_subscriptions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("carrier_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("disabled_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["carrier_id"], ["carriers.id"], name="fk_webhook_subscriptions_carrier_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_subscriptions"),
    )
    index("ix_webhook_subscriptions_carrier_id", "webhook_subscriptions", ["carrier_id"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("carrier_id", sa.Uuid(), nullable=False),
        sa.Column("parcel_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("delivered_at", _TIME, nullable=True),
        sa.Column("gave_up_at", _TIME, nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["webhook_subscriptions.id"], name="fk_deliveries_subscription_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
    )
    index(
        "ix_deliveries_due_at",
        "deliveries",
        ["due_at"],
        where="delivered_at IS NULL AND gave_up_at IS NULL",
    )
    index(
        "ix_deliveries_subscription_id_parcel_id_position",
        "deliveries",
        ["subscription_id", "parcel_id", "position"],
        where="delivered_at IS NULL AND gave_up_at IS NULL",
    )


def _lockers() -> None:
    op.create_table(
        "lockers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("site_name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("k_version", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("applied_generation", sa.Integer(), nullable=False),
        sa.Column("applied_revision", sa.Integer(), nullable=False),
        sa.Column("reported_generation", sa.Integer(), nullable=False),
        sa.Column("reported_revision", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=True),
        sa.Column("contact_at", _TIME, nullable=True),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_lockers"),
    )
    op.create_table(
        "devices",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("public_key", sa.String(), nullable=False),
        sa.Column("kid", sa.String(), nullable=False),
        sa.Column("claimed_at", _TIME, nullable=False),
        sa.Column("revoked_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(["locker_id"], ["lockers.id"], name="fk_devices_locker_id"),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
        sa.UniqueConstraint("kid", name="uq_devices_kid"),
    )
    index("ix_devices_locker_id", "devices", ["locker_id"])
    op.create_table(
        "epochs",
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("opened_at", _TIME, nullable=False),
        sa.Column("closed_at", _TIME, nullable=True),
        sa.Column("acked_seq", sa.Integer(), nullable=False),
        sa.Column("last_hash", sa.String(), nullable=False),
        sa.Column("boot_id", sa.String(), nullable=False),
        sa.Column("session", sa.Integer(), nullable=False),
        sa.Column("protocol", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["locker_id"], ["lockers.id"], name="fk_epochs_locker_id"),
        sa.PrimaryKeyConstraint("locker_id", "epoch", name="pk_epochs"),
    )
    op.create_table(
        "compartments",
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("width_mm", sa.Integer(), nullable=False),
        sa.Column("height_mm", sa.Integer(), nullable=False),
        sa.Column("depth_mm", sa.Integer(), nullable=False),
        sa.Column("floor_mm", sa.Integer(), nullable=False),
        sa.Column("top_mm", sa.Integer(), nullable=False),
        sa.Column("max_g", sa.Integer(), nullable=False),
        sa.Column("features", _JSON, nullable=False),
        sa.Column("occupancy_sensor", sa.Boolean(), nullable=False),
        sa.Column("door", sa.String(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("parcel_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["locker_id"], ["lockers.id"], name="fk_compartments_locker_id"),
        sa.PrimaryKeyConstraint("locker_id", "number", name="pk_compartments"),
    )


def _ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.Column("unapplied", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("locker_id", "epoch", "seq", name="pk_ledger"),
    )
    index("ix_ledger_unapplied", "ledger", ["locker_id"], where="unapplied IS NOT NULL")
    op.create_table(
        "ledger_gaps",
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("first_seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("locker_id", "epoch", "first_seq", name="pk_ledger_gaps"),
    )


def _answers() -> None:
    op.create_table(
        "answers",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "operation", "key", name="pk_answers"),
    )
