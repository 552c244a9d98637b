"""Who wants to be told, and what each is still to be sent.

A subscription has a place in its carrier's feed; rows for what comes after it are made in the
order of the feed. The conditions of the partial indexes have no parameters, so that a planner can
see that they hold.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base, Big


class Subscription(Base):
    """A carrier's endpoint. Its secrets are derived (`signing`), not stored."""

    __tablename__ = "webhook_subscriptions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    carrier_id: Mapped[UUID] = mapped_column(ForeignKey("carriers.id"), index=True)
    url: Mapped[str]
    description: Mapped[str]
    types: Mapped[list[str] | None]
    """Which events it wants; null: all."""
    state: Mapped[str]
    """As in `machine.SUBSCRIPTION`."""
    position: Mapped[Big]
    """Up to where in the feed its deliveries are made; a replay sets it back."""
    furthest: Mapped[Big]
    """The highest `position` ever: below it deliveries were made before."""
    secret_version: Mapped[int]
    """The number of the secret that signs; the one before signs too until `overlap_until`."""
    overlap_until: Mapped[datetime | None]
    imported: Mapped[str | None]
    """The secret of number 0, from before they were derived; sealed by the worker's start."""
    created_at: Mapped[datetime]
    state_since: Mapped[datetime]


class Delivery(Base):
    """One event for one subscription. `due_at`: may be sent from then on; null: it waits its turn,
    or has ended."""

    __tablename__ = "deliveries"

    subscription_id: Mapped[UUID] = mapped_column(
        ForeignKey("webhook_subscriptions.id"), primary_key=True
    )
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    """The notice's id, and `webhook-id`; of a test, an id of its own."""
    carrier_id: Mapped[UUID]
    type: Mapped[str]
    parcel_id: Mapped[UUID | None]
    position: Mapped[Big | None]
    """In the feed; null: a test, which stands in no feed."""
    state: Mapped[str]
    """As in `machine.DELIVERY`."""
    attempts: Mapped[int]
    made_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    last_attempt_at: Mapped[datetime | None]
    last_status: Mapped[int | None]
    last_error: Mapped[str | None]
    """Why there was no answer, in one of the words of `sender.ERRORS`."""

    __table_args__ = (
        Index(
            "ix_deliveries_due",
            *("subscription_id", "due_at"),
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
        Index(
            "ix_deliveries_unfinished",
            *("subscription_id", "parcel_id", "position"),
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(
            "ix_deliveries_ended_at",
            "ended_at",
            sqlite_where=text("ended_at IS NOT NULL"),
            postgresql_where=text("ended_at IS NOT NULL"),
        ),
        Index(
            "ix_deliveries_dead",
            *("subscription_id", "event_id"),
            sqlite_where=text("state = 'dead'"),
            postgresql_where=text("state = 'dead'"),
        ),
    )
