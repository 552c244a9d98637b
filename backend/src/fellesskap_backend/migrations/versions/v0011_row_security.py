"""Row security: a carrier's transaction sees that carrier's rows (PostgreSQL); a wish's index."""

from alembic import op

from fellesskap_backend.migrations.index import index
from fellesskap_backend.migrations.row_security import MINE, secure

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_OF_CARRIERS = (
    *("reservations", "parcels", "parcel_history", "drop_offs"),
    *("notices", "feed_counters", "webhook_subscriptions", "deliveries"),
    *("courier_badges", "delegated_codes", "decisions"),
)
_DIFFERENT = "(generation != reported_generation OR revision != reported_revision)"


def upgrade() -> None:
    """Let each row be seen by its carrier and by the house; the owner, who migrates, sees all."""
    index("ix_lockers_differs", "lockers", ["id"], where=f"{_DIFFERENT} IS TRUE")
    if op.get_bind().dialect.name != "postgresql":
        return
    # Of `!=` it assumes that it holds for nearly all; this is how it knows better.
    op.execute(f"CREATE STATISTICS st_lockers_differs ON ({_DIFFERENT}) FROM lockers")
    for table in _OF_CARRIERS:
        secure(table)
    # Operators' answers are kept there too, by their own id: the house's. Those of whoever acts
    # for a carrier end with that carrier's id.
    secure("answers", f"right(tenant, 36) = ANY({MINE})")
    both = f"giver_id = ANY({MINE}::uuid[]) OR receiver_id = ANY({MINE}::uuid[])"
    secure("delegations", both)


def downgrade() -> None:
    """Let everybody see every row again."""
    op.drop_index("ix_lockers_differs", "lockers")
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("DROP STATISTICS st_lockers_differs")
    for table in (*_OF_CARRIERS, "answers", "delegations"):
        op.execute(f"DROP POLICY tenant ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
