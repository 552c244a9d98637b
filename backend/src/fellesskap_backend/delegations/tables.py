"""Delegations as they were given."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base


class Delegation(Base):
    """A carrier (`giver_id`) lets another one (`receiver_id`) act for it.

    Of two parties at most one is not revoked: a new one takes the place of the old.
    """

    __tablename__ = "delegations"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    giver_id: Mapped[UUID] = mapped_column(ForeignKey("carriers.id"))
    receiver_id: Mapped[UUID] = mapped_column(ForeignKey("carriers.id"))
    may: Mapped[list[str]]
    """`deposit`, `remove` and `reserve`, or some of them."""
    ends_at: Mapped[datetime]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_delegations_of_two",
            "receiver_id",
            "giver_id",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
        Index("ix_delegations_giver_id_id", "giver_id", "id"),
        Index("ix_delegations_receiver_id_id", "receiver_id", "id"),
    )
