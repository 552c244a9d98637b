"""Second codes of parcels; the recipient's own is that of the parcel's right."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base


class DelegatedCode(Base):
    """A code by which somebody else may collect a parcel; `id` is that of its right."""

    __tablename__ = "delegated_codes"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    parcel_id: Mapped[UUID]
    carrier_id: Mapped[UUID]
    locker_id: Mapped[str]
    reference: Mapped[str | None]
    """What its carrier calls it."""
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_delegated_codes_parcel_id", "parcel_id"),)
