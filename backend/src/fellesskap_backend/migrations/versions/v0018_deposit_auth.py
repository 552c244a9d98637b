"""What carriers want to see at a deposit."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_MINE = "string_to_array(current_setting('fellesskap.carrier', true), ',')"
_HOUSE = "coalesce(current_setting('fellesskap.house', true), '') = 'on'"
_SEEN = f"{_HOUSE} OR carrier_id = ANY({_MINE}::uuid[])"


def upgrade() -> None:
    """Add the table; a carrier sees its own row. Nobody has wanted anything yet."""
    op.create_table(
        "deposit_auths",
        sa.Column("carrier_id", sa.Uuid(), nullable=False),
        sa.Column("deposit_auth", sa.String(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_up_to", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("carrier_id", name="pk_deposit_auths"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE deposit_auths ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON deposit_auths USING ({_SEEN}) WITH CHECK ({_SEEN})")


def downgrade() -> None:
    """Forget it: lockers go on as they were told last."""
    op.drop_table("deposit_auths")
