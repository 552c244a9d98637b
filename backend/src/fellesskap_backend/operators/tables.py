"""What operators did: one row for each act, never changed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base


class OperatorAct(Base):
    """Who did what to what, when and why."""

    __tablename__ = "operator_acts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    by_prefix: Mapped[str]
    """The prefix of the API key; `command` for one of `fellesskap-backend`'s."""
    by_owner: Mapped[UUID]
    """Whose key it is: all keys of one operator have the same. Of a command: zeros."""
    act: Mapped[str]
    reason: Mapped[str]
    locker_id: Mapped[str | None]
    compartment: Mapped[int | None]
    parcel_id: Mapped[UUID | None]
    site_id: Mapped[UUID | None]
    details: Mapped[dict[str, Any]]
    """What it was and what it became."""

    __table_args__ = (
        Index("ix_operator_acts_locker_id_id", "locker_id", "id"),
        Index("ix_operator_acts_parcel_id_id", "parcel_id", "id"),
    )
