"""Parcels, their history, and which authorisation was whose."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base


class Parcel(Base):
    """A physical item and its custody."""

    __tablename__ = "parcels"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    carrier_id: Mapped[UUID]
    locker_id: Mapped[str]
    reservation_id: Mapped[UUID | None]
    right_id: Mapped[UUID | None]
    label_value: Mapped[str | None]
    state: Mapped[str]
    """`expected`, `deposited`, `collected`, … (the wire names of the lifecycle)."""
    compartment: Mapped[int | None]
    deposited_at: Mapped[datetime | None]
    collect_by: Mapped[datetime | None]
    collected_at: Mapped[datetime | None]
    evidence: Mapped[str | None]
    created_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_parcels_carrier_id_id", "carrier_id", "id"),
        Index("ix_parcels_right_id", "right_id"),
        Index(
            "ix_parcels_collect_by",
            "collect_by",
            sqlite_where=text("state = 'deposited'"),
            postgresql_where=text("state = 'deposited'"),
        ),
    )


class ParcelEntry(Base):
    """One line of a parcel's history, in the order of the ledger."""

    __tablename__ = "parcel_history"

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True
    )
    parcel_id: Mapped[UUID]
    carrier_id: Mapped[UUID]
    what: Mapped[str]
    at: Mapped[datetime]
    clock: Mapped[str]
    recorded_at: Mapped[datetime]
    compartment: Mapped[int | None]
    detail: Mapped[str | None]

    __table_args__ = (Index("ix_parcel_history_parcel_id_id", "parcel_id", "id"),)


class Authorisation(Base):
    """Which parcel or door operation an edge's authorisation belongs to."""

    __tablename__ = "authorisations"

    locker_id: Mapped[str] = mapped_column(primary_key=True)
    authorisation_id: Mapped[str] = mapped_column(primary_key=True)
    right_id: Mapped[UUID | None]
    parcel_id: Mapped[UUID | None]
    jti: Mapped[str | None]
    compartment: Mapped[int | None]
