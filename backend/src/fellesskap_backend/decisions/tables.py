"""Decisions: rows that are written once and never changed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base


class Decision(Base):
    """One answer of the allocation policy; `body` is what `decisions.record` wrote.

    It belongs to no carrier's rows: only the allocation's services and auditors read it.
    """

    __tablename__ = "decisions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    """That of the reservation, where it was confirmed."""
    locker_id: Mapped[str]
    number: Mapped[int]
    """From 1, without a gap, in the order in which they were made."""
    carrier_id: Mapped[UUID]
    decided_at: Mapped[datetime]
    body: Mapped[str]

    __table_args__ = (
        UniqueConstraint("locker_id", "number"),
        Index("ix_decisions_carrier_id_id", "carrier_id", "id"),
    )
