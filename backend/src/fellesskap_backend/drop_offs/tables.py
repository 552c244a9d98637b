"""Drop-offs as they were authorised; state, custody and history are those of their parcel."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base


class DropOff(Base):
    """A carrier lets a person put something in: it holds no capacity until that is done."""

    __tablename__ = "drop_offs"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    carrier_id: Mapped[UUID]
    locker_id: Mapped[str]
    parcel_id: Mapped[UUID]
    right_id: Mapped[UUID]
    reference: Mapped[str]
    """What the carrier calls it."""
    w_mm: Mapped[int]
    h_mm: Mapped[int]
    d_mm: Mapped[int]
    g: Mapped[int]
    needs: Mapped[list[str]]
    size_class: Mapped[str | None]
    drop_off_by: Mapped[datetime]
    ended: Mapped[bool] = mapped_column(default=False)
    """Whether `drop_off_by` has nothing more to end: dropped off, cancelled or expired."""
    created_at: Mapped[datetime]

    __table_args__ = (
        Index("uq_drop_offs_parcel_id", "parcel_id", unique=True),
        Index("ix_drop_offs_carrier_id_id", "carrier_id", "id"),
        Index("ix_drop_offs_carrier_id_reference", "carrier_id", "reference"),
        Index(
            "ix_drop_offs_drop_off_by",
            "drop_off_by",
            sqlite_where=text("NOT ended"),
            postgresql_where=text("NOT ended"),
        ),
    )
