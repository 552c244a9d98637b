"""What a month came to: rows that the worker writes once, when it is over."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base, Json


class NeutralMonth(Base):
    """A month that was counted, and what carriers are told of all together."""

    __tablename__ = "neutral_months"

    month: Mapped[str] = mapped_column(primary_key=True)
    """`2026-11`."""
    counted_at: Mapped[datetime]
    told: Mapped[dict[str, Any]]
    """`total` and `jain`; what is not fit to be shown is null already."""


class NeutralFigures(Base):
    """What one carrier got in a month; a row of that carrier."""

    __tablename__ = "neutral_figures"

    month: Mapped[str] = mapped_column(primary_key=True)
    carrier_id: Mapped[UUID] = mapped_column(primary_key=True)
    figures: Mapped[dict[str, Any]]
    """Counts, and hours in seconds."""
    may_know_lent: Mapped[bool]
    """Whether it may be told its `lent_hours`, which are others' hours."""
    complaints: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    """Refusals that it complains of with reason, oldest first; the unexplained ones come first."""
