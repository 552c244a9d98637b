"""Drop-offs are listed by their carrier, and found by its reference."""

from alembic import op

from fellesskap_backend.migrations.index import index

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_BY_ID, _BY_REFERENCE = "ix_drop_offs_carrier_id_id", "ix_drop_offs_carrier_id_reference"


def upgrade() -> None:
    """Index them by carrier."""
    index(_BY_ID, "drop_offs", ["carrier_id", "id"])
    index(_BY_REFERENCE, "drop_offs", ["carrier_id", "reference"])


def downgrade() -> None:
    """Drop the indexes."""
    op.drop_index(_BY_REFERENCE, "drop_offs")
    op.drop_index(_BY_ID, "drop_offs")
