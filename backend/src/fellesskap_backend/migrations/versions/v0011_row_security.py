"""Row security: a carrier's transaction sees that carrier's rows (PostgreSQL); a wish's index."""

from alembic import op

from fellesskap_backend.migrations.index import index

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_OF_CARRIERS = (
    *("reservations", "parcels", "parcel_history", "drop_offs"),
    *("notices", "feed_counters", "webhook_subscriptions", "deliveries"),
    *("courier_badges", "delegated_codes", "decisions"),
)
_MINE = "string_to_array(current_setting('fellesskap.carrier', true), ',')"
_HOUSE = "coalesce(current_setting('fellesskap.house', true), '') = 'on'"
_DIFFERENT = "(generation != reported_generation OR revision != reported_revision)"


def upgrade() -> None:
    """Let each row be seen by its carrier and by the house; the owner, who migrates, sees all."""
    index("ix_lockers_differs", "lockers", ["id"], where=f"{_DIFFERENT} IS TRUE")
    if op.get_bind().dialect.name != "postgresql":
        return
    # Of `!=` it assumes that it holds for nearly all; this is how it knows better.
    op.execute(f"CREATE STATISTICS st_lockers_differs ON ({_DIFFERENT}) FROM lockers")
    for table in _OF_CARRIERS:
        _secure(table, f"{_HOUSE} OR carrier_id = ANY({_MINE}::uuid[])")
    # Operators' answers are kept there too, by their own id: the house's. Those of whoever acts
    # for a carrier end with that carrier's id.
    _secure("answers", f"{_HOUSE} OR right(tenant, 36) = ANY({_MINE})")
    both = f"giver_id = ANY({_MINE}::uuid[]) OR receiver_id = ANY({_MINE}::uuid[])"
    _secure("delegations", f"{_HOUSE} OR {both}")


def _secure(table: str, condition: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON {table} USING ({condition}) WITH CHECK ({condition})")


def downgrade() -> None:
    """Let everybody see every row again."""
    op.drop_index("ix_lockers_differs", "lockers")
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("DROP STATISTICS st_lockers_differs")
    for table in (*_OF_CARRIERS, "answers", "delegations"):
        op.execute(f"DROP POLICY tenant ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
