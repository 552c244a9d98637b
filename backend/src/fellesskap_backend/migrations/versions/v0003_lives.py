"""Lives: drop-offs, allowances, size classes, the three clocks, and what stands in for what."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from fellesskap_backend.migrations.index import index

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)
_CLOCK_RUNS = "state IN ('deposited', 'dropped_off')"
_UNANNOUNCED = "right_id IS NULL AND state IN ('deposited', 'overdue', 'recalled', 'disputed')"
_TURNS_SOFT = "state = 'confirmed' AND hold = 'hard' AND reserve_until IS NOT NULL"
_SIZE_CLASSES = (
    {"name": "S", "w_mm": 350, "h_mm": 110, "d_mm": 250},
    {"name": "M", "w_mm": 450, "h_mm": 150, "d_mm": 300},
    {"name": "L", "w_mm": 580, "h_mm": 230, "d_mm": 430},
    {"name": "XL", "w_mm": 600, "h_mm": 400, "d_mm": 440},
)


def upgrade() -> None:
    """Add columns and tables; what lies in a locker keeps the time that its reservation gave it."""
    op.add_column("lockers", sa.Column("latitude", sa.Double()))
    op.add_column("lockers", sa.Column("longitude", sa.Double()))
    op.add_column("lockers", sa.Column("served_until", _TIME))
    _add("lockers", "allowances", "none")
    _add("reservations", "hold", "hard")
    op.add_column("reservations", sa.Column("reserve_until", _TIME))
    _add("parcels", "kind", "last_mile")
    op.add_column("parcels", sa.Column("remove_right_id", sa.Uuid()))
    op.add_column("parcels", sa.Column("replaced_by", sa.Uuid()))
    op.add_column("parcels", sa.Column("label_key", sa.String()))
    op.add_column("parcels", sa.Column("collect_within_s", sa.Integer()))
    for name in ("label_key", "collect_within_s"):
        op.execute(
            f"UPDATE parcels SET {name} = (SELECT {name} FROM reservations"  # noqa: S608 - ours
            " WHERE reservations.id = parcels.reservation_id)"
        )
    _tables()
    _indexes()


def _add(table: str, name: str, value: str) -> None:
    """Add a column that the rows of today get a value for."""
    op.add_column(table, sa.Column(name, sa.String(), nullable=False, server_default=value))


def _tables() -> None:
    box = ("w_mm", "h_mm", "d_mm")
    classes = op.create_table(
        "size_classes",
        sa.Column("name", sa.String(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in box),
        sa.PrimaryKeyConstraint("name", name="pk_size_classes"),
    )
    op.bulk_insert(classes, [dict(one) for one in _SIZE_CLASSES])
    op.create_table(
        "allowances",
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("size_class", sa.String(), nullable=False),
        sa.Column("right_id", sa.Uuid(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in (*box, "target")),
        sa.Column("epoch", sa.String()),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in ("granted", "used", "ceiling", "revision")
        ),
        sa.PrimaryKeyConstraint("locker_id", "size_class", name="pk_allowances"),
    )
    op.create_table(
        "drop_offs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("carrier_id", sa.Uuid(), nullable=False),
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("parcel_id", sa.Uuid(), nullable=False),
        sa.Column("right_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in (*box, "g")),
        sa.Column("needs", _JSON, nullable=False),
        sa.Column("size_class", sa.String()),
        sa.Column("drop_off_by", _TIME, nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_drop_offs"),
    )
    op.create_table(
        "serving_intervals",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("compartments", _JSON, nullable=False),
        sa.Column("began_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_serving_intervals"),
    )


def _indexes() -> None:
    op.drop_index("ix_reservations_carrier_id_label_key", "reservations")
    op.drop_index("ix_parcels_collect_by", "parcels")
    index("ix_reservations_reserve_until", "reservations", ["reserve_until"], where=_TURNS_SOFT)
    index("ix_parcels_carrier_id_label_key", "parcels", ["carrier_id", "label_key"])
    index(
        "ix_parcels_remove_right_id",
        "parcels",
        ["remove_right_id"],
        where="remove_right_id IS NOT NULL",
    )
    index("ix_parcels_collect_by", "parcels", ["collect_by"], where=_CLOCK_RUNS)
    index("ix_parcels_clock_runs", "parcels", ["locker_id"], where=_CLOCK_RUNS)
    index("ix_parcels_unannounced", "parcels", ["locker_id"], where=_UNANNOUNCED)
    index("ix_allowances_right_id", "allowances", ["right_id"])
    index("uq_drop_offs_parcel_id", "drop_offs", ["parcel_id"], unique=True)
    index("ix_drop_offs_drop_off_by", "drop_offs", ["drop_off_by"], where="NOT ended")
    index("ix_serving_intervals_locker_id_ended_at", "serving_intervals", ["locker_id", "ended_at"])


def downgrade() -> None:
    """Take it all back; drop-offs have no place in the tables before."""
    op.execute("DELETE FROM parcels WHERE kind = 'drop_off'")
    for name in (
        "ix_parcels_unannounced",
        "ix_parcels_clock_runs",
        "ix_parcels_collect_by",
        "ix_parcels_remove_right_id",
        "ix_parcels_carrier_id_label_key",
    ):
        op.drop_index(name, "parcels")
    op.drop_index("ix_reservations_reserve_until", "reservations")
    for table in ("serving_intervals", "drop_offs", "allowances", "size_classes"):
        op.drop_table(table)
    for table, names in (
        ("parcels", ("kind", "remove_right_id", "replaced_by", "label_key", "collect_within_s")),
        ("reservations", ("hold", "reserve_until")),
        ("lockers", ("latitude", "longitude", "served_until", "allowances")),
    ):
        for name in names:
            op.drop_column(table, name)
    index("ix_parcels_collect_by", "parcels", ["collect_by"], where="state = 'deposited'")
    index("ix_reservations_carrier_id_label_key", "reservations", ["carrier_id", "label_key"])
