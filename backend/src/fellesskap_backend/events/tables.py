"""What carriers are told, and the counters of their feeds."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base, Big


class Notice(Base):
    """One fact for one carrier; `position` is given by the worker, after the commit.

    `number` is counted by the database when the row is written: of what is written under one
    lock, as all of a parcel is under its locker's, it keeps the order. Two facts of one moment
    have the same `recorded_at`, and ids by chance.
    """

    __tablename__ = "notices"

    number: Mapped[Big] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[UUID]
    carrier_id: Mapped[UUID]
    type: Mapped[str]
    parcel_id: Mapped[UUID | None]
    data: Mapped[dict[str, Any]]
    occurred_at: Mapped[datetime]
    clock: Mapped[str]
    recorded_at: Mapped[datetime]
    position: Mapped[Big | None]

    __table_args__ = (
        Index("uq_notices_carrier_id_position", "carrier_id", "position", unique=True),
        Index(
            "ix_notices_without_position",
            "number",
            sqlite_where=text("position IS NULL"),
            postgresql_where=text("position IS NULL"),
        ),
    )


class FeedCounter(Base):
    """The last position given in one carrier's feed."""

    __tablename__ = "feed_counters"

    carrier_id: Mapped[UUID] = mapped_column(primary_key=True)
    last: Mapped[Big] = mapped_column(default=0)
