"""API keys with scopes, that expire and can be replaced."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

from fellesskap_backend.migrations.index import index

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_KEYS = sa.table(
    "api_keys",
    *(sa.column("prefix", sa.String()), sa.column("role", sa.String())),
    *(sa.column("owner_id", sa.Uuid()), sa.column("carrier_id", sa.Uuid())),
)


def upgrade() -> None:
    """Add the columns; say of each key whose it is."""
    with op.batch_alter_table("api_keys") as keys:
        keys.add_column(sa.Column("owner_id", sa.Uuid(), nullable=True))
        keys.add_column(sa.Column("scopes", sa.String(), nullable=True))
        keys.add_column(sa.Column("replaces", sa.String(), nullable=True))
        keys.add_column(sa.Column("expires_at", _TIME, nullable=True))
        keys.add_column(sa.Column("last_used_on", sa.Date(), nullable=True))
    _name_owners()
    with op.batch_alter_table("api_keys") as keys:
        keys.alter_column("owner_id", existing_type=sa.Uuid(), nullable=False)
    index("ix_api_keys_owner_id", "api_keys", ["owner_id"])


def downgrade() -> None:
    """Drop them: what only new keys know is lost, and a key with scopes is revoked with them."""
    op.execute("DELETE FROM api_keys WHERE scopes IS NOT NULL OR expires_at IS NOT NULL")
    op.execute("DELETE FROM api_keys WHERE role NOT IN ('carrier', 'operator')")
    op.drop_index("ix_api_keys_owner_id", "api_keys")
    with op.batch_alter_table("api_keys") as keys:
        for column in ("owner_id", "scopes", "replaces", "expires_at", "last_used_on"):
            keys.drop_column(column)


def _name_owners() -> None:
    """A carrier's keys are the carrier's; until now each operator had one."""
    database = op.get_bind()
    mine = _KEYS.c.carrier_id
    database.execute(sa.update(_KEYS).where(mine.is_not(None)).values(owner_id=mine))
    others = database.scalars(sa.select(_KEYS.c.prefix).where(mine.is_(None))).all()
    for prefix in others:
        this = sa.update(_KEYS).where(_KEYS.c.prefix == prefix)
        database.execute(this.values(owner_id=uuid4()))
