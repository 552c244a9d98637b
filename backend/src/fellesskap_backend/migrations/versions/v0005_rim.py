"""Lists in pages, answers that are forgotten in time."""

from alembic import op

from fellesskap_backend.migrations.index import index

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the indexes."""
    index("ix_reservations_carrier_id_id", "reservations", ["carrier_id", "id"])
    index("ix_parcels_carrier_id_id", "parcels", ["carrier_id", "id"])
    op.create_index("ix_answers_created_at", "answers", ["created_at"], postgresql_using="brin")


def downgrade() -> None:
    """Drop the indexes."""
    op.drop_index("ix_answers_created_at", "answers")
    op.drop_index("ix_parcels_carrier_id_id", "parcels")
    op.drop_index("ix_reservations_carrier_id_id", "reservations")
