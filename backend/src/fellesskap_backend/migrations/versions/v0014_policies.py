"""Policies, weights, standings and reviewed quotas; and as what claims and parcels count."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add what `fair-share` decides by, and say of what is there already as what it counts."""
    op.create_table(
        "policies",
        sa.Column("version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("announced_at", _AT, nullable=False),
        sa.Column("in_force_from", _AT, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_policies"),
    )
    op.create_table(
        "weights",
        sa.Column("begins_on", sa.Date(), nullable=False),
        sa.Column("carrier_number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("is_entrant", sa.Boolean(), nullable=False),
        sa.Column("announced_at", _AT, nullable=False),
        sa.PrimaryKeyConstraint("begins_on", "carrier_number", name="pk_weights"),
    )
    counted = ("weight", "memory_permille", "holds", "no_shows", "excused")
    op.create_table(
        "standings",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("carrier_number", sa.Integer(), nullable=False, autoincrement=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in counted),
        sa.Column("is_entrant", sa.Boolean(), nullable=False),
        sa.Column("made_at", _AT, nullable=False),
        sa.PrimaryKeyConstraint("day", "carrier_number", name="pk_standings"),
    )
    op.create_table(
        "quota_reviews",
        sa.Column("locker_id", sa.String(), nullable=False),
        sa.Column("quarter", sa.Date(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("proposed_at", _AT, nullable=False),
        sa.Column("accepted_at", _AT, nullable=True),
        sa.Column("in_force_from", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("locker_id", "quarter", name="pk_quota_reviews"),
    )
    op.add_column("lockers", sa.Column("decision_rules", sa.String(), nullable=True))
    for table in ("claims", "reservations"):
        for name in ("use_size", "part"):
            op.add_column(table, sa.Column(name, sa.String(), nullable=True))
    op.add_column("compartments", sa.Column("used_by", sa.Integer(), nullable=True))
    op.add_column("compartments", sa.Column("used_as", sa.String(), nullable=True))
    for statement in _COUNTED:
        op.execute(statement)


_COUNTED = (
    # `other`: larger than every class. A soft one holds nothing. By which part, nobody can say.
    "UPDATE reservations SET use_size = coalesce(size_class, 'other') WHERE hold = 'hard'",
    "UPDATE claims SET use_size = (SELECT use_size FROM reservations"
    " WHERE reservations.right_id = claims.right_id) WHERE NOT released",
    "UPDATE compartments SET used_as = (SELECT use_size FROM parcels"
    " JOIN reservations ON reservations.id = parcels.reservation_id"
    " WHERE parcels.id = compartments.parcel_id) WHERE parcel_id IS NOT NULL",
    "UPDATE compartments SET used_by = (SELECT number FROM carriers"
    " JOIN parcels ON parcels.carrier_id = carriers.id"
    " WHERE parcels.id = compartments.parcel_id) WHERE used_as IS NOT NULL",
)


def downgrade() -> None:
    """Decide as whoever comes first again; decisions of `fair-share` stay in their chains."""
    for name in ("used_as", "used_by"):
        op.drop_column("compartments", name)
    for table in ("reservations", "claims"):
        for name in ("part", "use_size"):
            op.drop_column(table, name)
    op.drop_column("lockers", "decision_rules")
    for table in ("quota_reviews", "standings", "weights", "policies"):
        op.drop_table(table)
