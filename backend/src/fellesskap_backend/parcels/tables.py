"""Parcels, their history, when their lockers could serve, and which authorisation was whose."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base, Big

_CLOCK_RUNS = "state IN ('deposited', 'dropped_off')"
_UNANNOUNCED = "right_id IS NULL AND state IN ('deposited', 'overdue', 'recalled', 'disputed')"


class Parcel(Base):
    """A physical item and its custody; a drop-off is one too (`drop_offs.tables` has the rest)."""

    __tablename__ = "parcels"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(default="last_mile")
    """`last_mile` or `drop_off`: which table of `parcels.machine` its life follows."""
    carrier_id: Mapped[UUID]
    locker_id: Mapped[str]
    reservation_id: Mapped[UUID | None]
    right_id: Mapped[UUID | None]
    """None while a deposit that nobody announced waits for its code (`parcels.unannounced`)."""
    remove_right_id: Mapped[UUID | None]
    """The right by which couriers take it out; wished anew under the same id."""
    replaced_by: Mapped[UUID | None]
    """The parcel that came instead, without the claim; its id is the edge's."""
    label_value: Mapped[str | None]
    label_key: Mapped[str | None]
    state: Mapped[str]
    """`expected`, `deposited`, `collected`, … (the wire names of the lifecycle)."""
    compartment: Mapped[int | None]
    deposited_at: Mapped[datetime | None]
    """By the edge's clock if that may be believed, else when it was recorded: the clock begins."""
    collect_within_s: Mapped[int | None]
    """How long it may lie, in time that the locker could serve; None: as long as it likes."""
    collect_by: Mapped[datetime | None]
    """When that runs out, computed anew as proofs of service come."""
    collected_at: Mapped[datetime | None]
    evidence: Mapped[str | None]
    has_second_codes: Mapped[bool] = mapped_column(default=False)
    """Whether anybody ever got a code beside the recipient's (`pickup_codes.tables`)."""
    created_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_parcels_carrier_id_id", "carrier_id", "id"),
        Index("ix_parcels_right_id", "right_id"),
        Index("ix_parcels_carrier_id_label_key", "carrier_id", "label_key"),
        Index(
            "ix_parcels_remove_right_id",
            "remove_right_id",
            sqlite_where=text("remove_right_id IS NOT NULL"),
            postgresql_where=text("remove_right_id IS NOT NULL"),
        ),
        Index(
            "ix_parcels_collect_by",
            "collect_by",
            sqlite_where=text(_CLOCK_RUNS),
            postgresql_where=text(_CLOCK_RUNS),
        ),
        Index(
            "ix_parcels_clock_runs",
            "locker_id",
            sqlite_where=text(_CLOCK_RUNS),
            postgresql_where=text(_CLOCK_RUNS),
        ),
        Index(
            "ix_parcels_unannounced",
            "locker_id",
            sqlite_where=text(_UNANNOUNCED),
            postgresql_where=text(_UNANNOUNCED),
        ),
        Index(
            "ix_parcels_disputed",
            "id",
            sqlite_where=text("state = 'disputed'"),
            postgresql_where=text("state = 'disputed'"),
        ),
    )


class ParcelEntry(Base):
    """One line of a parcel's history, in the order of the ledger."""

    __tablename__ = "parcel_history"

    id: Mapped[Big] = mapped_column(primary_key=True, autoincrement=True)
    parcel_id: Mapped[UUID]
    carrier_id: Mapped[UUID]
    what: Mapped[str]
    at: Mapped[datetime]
    clock: Mapped[str]
    recorded_at: Mapped[datetime]
    compartment: Mapped[int | None]
    detail: Mapped[str | None]

    __table_args__ = (Index("ix_parcel_history_parcel_id_id", "parcel_id", "id"),)


class ServingInterval(Base):
    """From when to when these compartments of a locker could serve: events of `serving` merged.

    One row lasts until a board falls silent, the daemon stops or the clock jumps.
    """

    __tablename__ = "serving_intervals"

    id: Mapped[Big] = mapped_column(primary_key=True, autoincrement=True)
    locker_id: Mapped[str]
    compartments: Mapped[list[int]]
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime]

    __table_args__ = (Index("ix_serving_intervals_locker_id_ended_at", "locker_id", "ended_at"),)


class Authorisation(Base):
    """Which parcel or door operation an edge's authorisation belongs to."""

    __tablename__ = "authorisations"

    locker_id: Mapped[str] = mapped_column(primary_key=True)
    authorisation_id: Mapped[str] = mapped_column(primary_key=True)
    right_id: Mapped[UUID | None]
    parcel_id: Mapped[UUID | None]
    jti: Mapped[str | None]
    compartment: Mapped[int | None]
