"""Receipts and the roots they stand under: rows that are written once and never changed.

Hashes and secrets are base64url without padding, as a receipt shows them.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base


class Receipt(Base):
    """One decision's place in the tree of its hour; a row of the carrier who asked."""

    __tablename__ = "receipts"

    decision_id: Mapped[UUID] = mapped_column(primary_key=True)
    carrier_id: Mapped[UUID]
    hour: Mapped[datetime] = mapped_column(index=True)
    """The tree in which it is: as a rule that of `decided_at`, else the next one."""
    told: Mapped[str]
    """What is committed to, exactly: `told` wrote it."""
    salt: Mapped[str]
    place: Mapped[int]
    path: Mapped[list[str]]
    """The neighbour at each level, from below: nobody else's row is needed to show it."""


class AuditRoot(Base):
    """The tree of one hour; an hour without decisions has one too."""

    __tablename__ = "audit_roots"

    hour: Mapped[datetime] = mapped_column(primary_key=True)
    """When it began."""
    size: Mapped[int]
    root: Mapped[str]
    seed: Mapped[str]
    """Never shown: it tells padding from decisions, and what a receipt's `record` hides."""
    key: Mapped[str]
    """The public key that signed it."""
    jws: Mapped[str]
