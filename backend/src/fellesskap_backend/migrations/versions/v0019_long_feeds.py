"""Positions in feeds that outgrow 32 bits: a large carrier has so many events in some years."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("notices", "position"),
    ("feed_counters", "last"),
    ("webhook_subscriptions", "position"),
    ("webhook_subscriptions", "furthest"),
    ("deliveries", "position"),
)


def upgrade() -> None:
    """Let them be as long as they become; SQLite has one integer, which is long enough."""
    _let_them_be(sa.BigInteger(), sa.Integer())


def downgrade() -> None:
    """Keep them short; PostgreSQL refuses that once a feed is beyond it, and changes nothing."""
    _let_them_be(sa.Integer(), sa.BigInteger())


def _let_them_be(kind: sa.types.TypeEngine[int], before: sa.types.TypeEngine[int]) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table, column in _COLUMNS:
            op.alter_column(table, column, type_=kind, existing_type=before)
