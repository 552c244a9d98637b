"""Badges as they were issued, their tokens stored nowhere; and who wants one for a deposit."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base


class CourierBadge(Base):
    """What one badge says. `id` is its `jti`, `carrier_id` who issued it."""

    __tablename__ = "courier_badges"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    carrier_id: Mapped[UUID]
    carriers: Mapped[list[str]]
    """For whom it acts: the issuer, or carriers that let the issuer, or both."""
    lockers: Mapped[list[str]]
    may: Mapped[list[str]]
    """`deposit` and `remove`, or one of them."""
    issued_at: Mapped[datetime]
    """In whole seconds, as the token says it."""
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_courier_badges_carrier_id_id", "carrier_id", "id"),
        Index("ix_courier_badges_carrier_id_expires_at", "carrier_id", "expires_at"),
    )


class DepositAuth(Base):
    """What a carrier wants to see before a door opens for its label; no row: the label itself."""

    __tablename__ = "deposit_auths"

    carrier_id: Mapped[UUID] = mapped_column(primary_key=True)
    deposit_auth: Mapped[str]
    """`label` or `badge`."""
    changed_at: Mapped[datetime]
    told_up_to: Mapped[str | None]
    """The last locker, by id, of which it was wished; empty: none yet; null: all."""
