"""Webhook subscriptions that carriers make and change; deliveries and notices keep their order."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from fellesskap_backend.migrations.index import index

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Bring subscriptions over as they stand, with their secrets and what waits for them."""
    _number_notices()
    _widen_subscriptions()
    _turn_deliveries()


def downgrade() -> None:
    """Go back. Tests go, what was deleted, and endpoints whose secret stands in no row.

    Before, a row held its secret as it is; now it is derived from the installation's own, or sealed
    with it, and that stands in a file which no migration reads. An endpoint that stayed would be
    signed for with another secret than its carrier has, and refuse everything: so its carrier adds
    it anew.
    """
    op.execute(f"DELETE FROM deliveries WHERE position IS NULL OR subscription_id IN ({_LOST})")  # noqa: S608
    op.execute(f"DELETE FROM webhook_subscriptions WHERE id IN ({_LOST})")  # noqa: S608
    _turn_deliveries_back()
    _narrow_subscriptions()
    _forget_numbers()


# Notices -----------------------------------------------------------------------------------------

_NOTICES = (
    "id, carrier_id, type, parcel_id, data, occurred_at, clock, recorded_at, position"  # no number
)


def _number_notices() -> None:
    op.drop_index("ix_notices_without_position", "notices")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE notices ADD COLUMN number BIGSERIAL")
        op.execute("ALTER TABLE notices DROP CONSTRAINT pk_notices")
        op.execute("ALTER TABLE notices ADD CONSTRAINT pk_notices PRIMARY KEY (number)")
    else:
        _notices_anew(sa.Column("number", sa.Integer(), nullable=False), "number")
    index("ix_notices_without_position", "notices", ["number"], where="position IS NULL")


def _forget_numbers() -> None:
    op.drop_index("ix_notices_without_position", "notices")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE notices DROP CONSTRAINT pk_notices")
        op.execute("ALTER TABLE notices DROP COLUMN number")
        op.execute("ALTER TABLE notices ADD CONSTRAINT pk_notices PRIMARY KEY (id)")
    else:
        _notices_anew(None, "id")
    index("ix_notices_without_position", "notices", ["id"], where="position IS NULL")


def _notices_anew(number: sa.Column[int] | None, key: str) -> None:
    """Make the table with another key, which SQLite cannot give it; the rows keep their order."""
    op.execute("CREATE TABLE notices_before AS SELECT * FROM notices ORDER BY rowid")
    op.drop_table("notices")
    op.create_table(
        "notices",
        *(() if number is None else (number,)),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("carrier_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("parcel_id", sa.Uuid(), nullable=True),
        sa.Column("data", _JSON, nullable=False),
        sa.Column("occurred_at", _TIME, nullable=False),
        sa.Column("clock", sa.String(), nullable=False),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint(key, name="pk_notices"),
    )
    op.execute(
        f"INSERT INTO notices ({_NOTICES}) SELECT {_NOTICES} FROM notices_before ORDER BY rowid"  # noqa: S608
    )
    op.drop_table("notices_before")
    index("uq_notices_carrier_id_position", "notices", ["carrier_id", "position"], unique=True)


# Subscriptions -----------------------------------------------------------------------------------

_NEEDED = (
    ("description", sa.String(), "''"),
    ("state", sa.String(), "'active'"),
    ("position", sa.Integer(), "0"),
    ("furthest", sa.Integer(), "0"),
    ("secret_version", sa.Integer(), "0"),
    ("state_since", _TIME, "'1970-01-01 00:00:00+00:00'"),
)
_NULLABLE = (("types", _JSON), ("overlap_until", _TIME), ("imported", sa.String()))
_LAST = (
    "COALESCE((SELECT last FROM feed_counters"
    " WHERE feed_counters.carrier_id = webhook_subscriptions.carrier_id), 0)"
)
_FILL_SUBSCRIPTIONS = (
    f"UPDATE webhook_subscriptions SET imported = secret, position = {_LAST},"  # noqa: S608
    f" furthest = {_LAST}, state_since = COALESCE(disabled_at, created_at),"
    " state = CASE WHEN disabled_at IS NULL THEN 'active' ELSE 'gone' END"
)
_LOST = (
    "SELECT id FROM webhook_subscriptions WHERE secret_version > 0 OR imported IS NULL"
    " OR imported NOT LIKE 'whsec!_%' ESCAPE '!' OR state = 'deleted'"
)


def _widen_subscriptions() -> None:
    """Column by column: SQLite could not make a table anew to which others refer."""
    table = "webhook_subscriptions"
    for name, kind, before in _NEEDED:
        default = sa.text(before)
        op.add_column(table, sa.Column(name, kind, nullable=False, server_default=default))
    for column in _NULLABLE:
        op.add_column(table, sa.Column(*column, nullable=True))
    op.execute(_FILL_SUBSCRIPTIONS)
    for name in ("secret", "disabled_at"):
        op.drop_column(table, name)


def _narrow_subscriptions() -> None:
    table = "webhook_subscriptions"
    op.add_column(table, sa.Column("disabled_at", _TIME, nullable=True))
    op.add_column(table, sa.Column("secret", sa.String(), nullable=False, server_default=""))
    op.execute(
        "UPDATE webhook_subscriptions SET secret = imported,"
        " disabled_at = CASE WHEN state <> 'active' THEN state_since END"
    )
    for name, *_ in (*_NEEDED, *_NULLABLE):
        op.drop_column(table, name)


# Deliveries --------------------------------------------------------------------------------------

_OPEN = "delivered_at IS NULL AND gave_up_at IS NULL"
_KEY = ["subscription_id", "event_id"]
_NOTICE = "FROM notices WHERE notices.id = deliveries.event_id"
_FILL_DELIVERIES = (
    "UPDATE deliveries SET"  # noqa: S608 - names of our own
    f" type = COALESCE((SELECT type {_NOTICE}), 'webhook.test'),"
    f" made_at = COALESCE((SELECT recorded_at {_NOTICE}), due_at),"
    " ended_at = COALESCE(delivered_at, gave_up_at,"
    f" CASE WHEN NOT EXISTS (SELECT 1 {_NOTICE}) THEN due_at END),"
    " state = CASE WHEN delivered_at IS NOT NULL THEN 'delivered' WHEN gave_up_at IS NOT NULL"
    f" OR NOT EXISTS (SELECT 1 {_NOTICE}) THEN 'dead' ELSE 'due' END"
)
"""One whose notice is gone can be sent no more."""
_HOLD_BACK = (
    "UPDATE deliveries SET state = 'waiting' WHERE ended_at IS NULL AND EXISTS"
    " (SELECT 1 FROM deliveries AS e WHERE e.subscription_id = deliveries.subscription_id"
    " AND e.parcel_id = deliveries.parcel_id AND e.position < deliveries.position"
    " AND e.ended_at IS NULL)"
)


def _turn_deliveries() -> None:
    for name in ("due_at", "subscription_id_parcel_id_position"):
        op.drop_index(f"ix_deliveries_{name}", "deliveries")
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.alter_column(
            "notice_id", new_column_name="event_id", existing_type=sa.Uuid(), nullable=False
        )
        deliveries.alter_column("position", existing_type=sa.Integer(), nullable=True)
        deliveries.alter_column("due_at", existing_type=_TIME, nullable=True)
        for name in ("type", "state", "last_error"):
            deliveries.add_column(sa.Column(name, sa.String(), nullable=True))
        for name in ("made_at", "ended_at", "last_attempt_at"):
            deliveries.add_column(sa.Column(name, _TIME, nullable=True))
    for statement in (
        _FILL_DELIVERIES,
        _HOLD_BACK,
        "UPDATE deliveries SET due_at = NULL WHERE state <> 'due'",
    ):
        op.execute(statement)
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.drop_constraint("pk_deliveries", type_="primary")
        for name in ("id", "delivered_at", "gave_up_at"):
            deliveries.drop_column(name)
        for name in ("type", "state"):
            deliveries.alter_column(name, existing_type=sa.String(), nullable=False)
        deliveries.alter_column("made_at", existing_type=_TIME, nullable=False)
        deliveries.create_primary_key("pk_deliveries", _KEY)
    of, parcel = "subscription_id", ["parcel_id", "position"]
    index("ix_deliveries_due", "deliveries", [of, "due_at"], where="due_at IS NOT NULL")
    index("ix_deliveries_unfinished", "deliveries", [of, *parcel], where="ended_at IS NULL")
    index("ix_deliveries_ended_at", "deliveries", ["ended_at"], where="ended_at IS NOT NULL")
    index("ix_deliveries_dead", "deliveries", _KEY, where="state = 'dead'")


def _turn_deliveries_back() -> None:
    for name in ("due", "unfinished", "ended_at", "dead"):
        op.drop_index(f"ix_deliveries_{name}", "deliveries")
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.add_column(sa.Column("id", sa.Uuid(), nullable=True))
        for name in ("delivered_at", "gave_up_at"):
            deliveries.add_column(sa.Column(name, _TIME, nullable=True))
    op.execute(
        "UPDATE deliveries SET due_at = COALESCE(due_at, made_at),"
        " delivered_at = CASE WHEN state = 'delivered' THEN ended_at END,"
        " gave_up_at = CASE WHEN state = 'dead' THEN ended_at END"
    )
    _give_ids()
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.drop_constraint("pk_deliveries", type_="primary")
        for name in ("type", "state", "last_error", "made_at", "ended_at", "last_attempt_at"):
            deliveries.drop_column(name)
        deliveries.alter_column("event_id", new_column_name="notice_id", existing_type=sa.Uuid())
        for name, kind in (("id", sa.Uuid()), ("position", sa.Integer()), ("due_at", _TIME)):
            deliveries.alter_column(name, existing_type=kind, nullable=False)
        deliveries.create_primary_key("pk_deliveries", ["id"])
    index("ix_deliveries_due_at", "deliveries", ["due_at"], where=_OPEN)
    index(
        "ix_deliveries_subscription_id_parcel_id_position",
        "deliveries",
        ["subscription_id", "parcel_id", "position"],
        where=_OPEN,
    )


def _give_ids() -> None:
    """Deliveries had ids of their own: one event may go to several endpoints."""
    uuids = (sa.column(name, sa.Uuid()) for name in ("id", *_KEY))
    deliveries = sa.table("deliveries", *uuids)
    database = op.get_bind()
    key = (deliveries.c.subscription_id, deliveries.c.event_id)
    for of, event in database.execute(sa.select(*key)).all():
        this = sa.update(deliveries).where(key[0] == of, key[1] == event)
        database.execute(this.values(id=uuid4()))
