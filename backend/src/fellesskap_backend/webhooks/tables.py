"""Who wants to be told, and what is still to be delivered."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base


class Subscription(Base):
    """A carrier's endpoint; `secret` is `whsec_…` (Standard Webhooks)."""

    __tablename__ = "webhook_subscriptions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    carrier_id: Mapped[UUID] = mapped_column(ForeignKey("carriers.id"), index=True)
    url: Mapped[str]
    secret: Mapped[str]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class Delivery(Base):
    """One notice for one endpoint, until it is delivered or given up."""

    __tablename__ = "deliveries"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    subscription_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_subscriptions.id"))
    notice_id: Mapped[UUID]
    carrier_id: Mapped[UUID]
    parcel_id: Mapped[UUID | None]
    position: Mapped[int]
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
    gave_up_at: Mapped[datetime | None]
    last_status: Mapped[int | None]

    __table_args__ = (
        Index(
            "ix_deliveries_due_at",
            "due_at",
            sqlite_where=text("delivered_at IS NULL AND gave_up_at IS NULL"),
            postgresql_where=text("delivered_at IS NULL AND gave_up_at IS NULL"),
        ),
        Index(
            "ix_deliveries_subscription_id_parcel_id_position",
            "subscription_id",
            "parcel_id",
            "position",
            sqlite_where=text("delivered_at IS NULL AND gave_up_at IS NULL"),
            postgresql_where=text("delivered_at IS NULL AND gave_up_at IS NULL"),
        ),
    )
