"""The installation's size classes, and what each locker may give away of them by itself."""

from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base


class SizeClass(Base):
    """A named box in mm: for quotas, allowances and reports, never for fitting."""

    __tablename__ = "size_classes"

    name: Mapped[str] = mapped_column(primary_key=True)
    w_mm: Mapped[int]
    h_mm: Mapped[int]
    d_mm: Mapped[int]


class Allowance(Base):
    """How many parcels of a class a locker may take in without a claim, as a running total.

    `ceiling - used` units count as claims of the box: `ceiling` is the highest `granted` that may
    still be in force, until the revision that lowered it is recorded as applied.
    """

    __tablename__ = "allowances"

    locker_id: Mapped[str] = mapped_column(primary_key=True)
    size_class: Mapped[str] = mapped_column(primary_key=True)
    right_id: Mapped[UUID]
    w_mm: Mapped[int]
    h_mm: Mapped[int]
    d_mm: Mapped[int]
    target: Mapped[int]
    """How many the operator wants it to have in hand."""
    epoch: Mapped[str | None]
    """The store that the totals belong to: each begins at zero."""
    granted: Mapped[int] = mapped_column(default=0)
    used: Mapped[int] = mapped_column(default=0)
    """How many are recorded as used."""
    ceiling: Mapped[int] = mapped_column(default=0)
    revision: Mapped[int] = mapped_column(default=0)
    """The locker's revision in which `granted` was last changed."""

    __table_args__ = (Index("ix_allowances_right_id", "right_id"),)
