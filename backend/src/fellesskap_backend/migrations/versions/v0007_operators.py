"""Sites, positions that are found by an index, service states, standing faults, operators' acts."""

import math
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from fellesskap_backend.migrations.index import index

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_WISHED = "wished_service IS NOT NULL AND NOT wish_heard"
_BAND_DEGREES = 0.05
_SITES = sa.table(
    "sites",
    *(
        sa.column("id", sa.Uuid()),
        sa.column("name", sa.String()),
        sa.column("address", sa.String()),
    ),
    *(sa.column("latitude", sa.Double()), sa.column("longitude", sa.Double())),
    *(sa.column("lat_band", sa.Integer()), sa.column("created_at", _TIME)),
)
_LOCKERS = sa.table(
    "lockers",
    *(sa.column("id", sa.String()), sa.column("site_id", sa.Uuid())),
    *(sa.column("site_name", sa.String()), sa.column("address", sa.String())),
    *(sa.column("latitude", sa.Double()), sa.column("longitude", sa.Double())),
    *(sa.column("lat_band", sa.Integer()), sa.column("created_at", _TIME)),
)


def upgrade() -> None:
    """Make a site of each name that lockers stand at; put every locker into its band."""
    op.create_table(
        "sites",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("lat_band", sa.Integer(), nullable=True),
        sa.Column("opening_hours", sa.String(), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sites"),
        sa.UniqueConstraint("name", name="uq_sites_name"),
    )
    index("ix_sites_lat_band_longitude", "sites", ["lat_band", "longitude"])
    op.add_column("lockers", sa.Column("lat_band", sa.Integer(), nullable=True))
    op.add_column("lockers", sa.Column("site_id", sa.Uuid(), nullable=True))
    _add("lockers", "service_state", sa.String(), "in_service")
    op.add_column("lockers", sa.Column("closed_at", _TIME, nullable=True))
    op.add_column("lockers", sa.Column("features", _JSON, nullable=True))
    op.add_column("lockers", sa.Column("languages", _JSON, nullable=True))
    index("ix_lockers_site_id", "lockers", ["site_id"])
    index("ix_lockers_lat_band_longitude", "lockers", ["lat_band", "longitude"])
    op.add_column("compartments", sa.Column("wished_service", sa.String(), nullable=True))
    _add("compartments", "wish_heard", sa.Boolean(), sa.false())
    index("ix_compartments_wished", "compartments", ["locker_id"], where=_WISHED)
    suspect = "service = 'suspect'"
    index("ix_compartments_suspect", "compartments", ["locker_id", "number"], where=suspect)
    index("ix_parcels_disputed", "parcels", ["id"], where="state = 'disputed'")
    _create_rows_of_operators()
    _fill()


def _add(table: str, name: str, kind: Any, value: Any) -> None:
    """Add a column that is never empty, in place: a table that others refer to is not rebuilt."""
    op.add_column(table, sa.Column(name, kind, nullable=False, server_default=value))


def _create_rows_of_operators() -> None:
    op.create_table(
        "faults",
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["locker_id"], ["lockers.id"], name="fk_faults_locker_id"),
        sa.PrimaryKeyConstraint("locker_id", "part", name="pk_faults"),
    )
    op.create_table(
        "operator_acts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("by_prefix", sa.String(), nullable=False),
        sa.Column("by_owner", sa.Uuid(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("locker_id", sa.String(), nullable=True),
        sa.Column("compartment", sa.Integer(), nullable=True),
        sa.Column("parcel_id", sa.Uuid(), nullable=True),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("details", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_operator_acts"),
    )
    for thing in ("locker_id", "parcel_id"):
        index(f"ix_operator_acts_{thing}_id", "operator_acts", [thing, "id"])


def downgrade() -> None:
    """Drop them: who did what is lost, and what operators took out is in service again."""
    op.drop_table("operator_acts")
    op.drop_table("faults")
    op.drop_index("ix_parcels_disputed", "parcels")
    op.drop_index("ix_compartments_suspect", "compartments")
    op.drop_index("ix_compartments_wished", "compartments")
    op.drop_index("ix_lockers_lat_band_longitude", "lockers")
    op.drop_index("ix_lockers_site_id", "lockers")
    for table, names in (
        ("compartments", ("wish_heard", "wished_service")),
        ("lockers", ("languages", "features", "closed_at", "service_state", "site_id", "lat_band")),
    ):
        for name in names:
            op.drop_column(table, name)
    op.drop_table("sites")


def _fill() -> None:
    """Lockers of one site share its name; the site is where the first of them stands."""
    database = op.get_bind()
    ids = {}
    for row in database.execute(sa.select(_LOCKERS).order_by(_LOCKERS.c.id)).all():
        band = None if row.latitude is None else math.floor(row.latitude / _BAND_DEGREES + 1e-9)
        if row.site_name not in ids:
            ids[row.site_name] = uuid4()
            database.execute(
                sa.insert(_SITES).values(
                    id=ids[row.site_name],
                    name=row.site_name,
                    address=row.address,
                    latitude=row.latitude,
                    longitude=row.longitude,
                    lat_band=band,
                    created_at=row.created_at,
                )
            )
        this = sa.update(_LOCKERS).where(_LOCKERS.c.id == row.id)
        database.execute(this.values(site_id=ids[row.site_name], lat_band=band))
