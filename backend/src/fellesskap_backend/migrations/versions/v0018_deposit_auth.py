"""What carriers want to see at a deposit."""

import sqlalchemy as sa
from alembic import op

from fellesskap_backend.migrations.row_security import secure

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


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
    secure("deposit_auths")


def downgrade() -> None:
    """Forget it: lockers go on as they were told last."""
    op.drop_table("deposit_auths")
