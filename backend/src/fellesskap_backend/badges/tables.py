"""Badges as they were issued; the token is signed anew from the row, and stored nowhere."""

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
