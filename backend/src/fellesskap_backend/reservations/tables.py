"""Reservations and the claims behind them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base, Json

DEPOSIT_BY_MAX = timedelta(days=30)
"""How long a request may hold room at most."""
LIVE = ("requested", "confirmed")
"""A label under which one of these stands is taken."""
_LIVE = "state IN ('requested', 'confirmed')"
_TURNS_SOFT = "state = 'confirmed' AND hold = 'hard' AND reserve_until IS NOT NULL"


class Reservation(Base):
    """A carrier's request and what became of it."""

    __tablename__ = "reservations"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    carrier_id: Mapped[UUID]
    acted_by: Mapped[UUID | None]
    """Which carrier made it on behalf of this one, by a delegation."""
    locker_id: Mapped[str]
    parcel_id: Mapped[UUID]
    right_id: Mapped[UUID]
    """Ids of what is there once it is confirmed."""
    label_kind: Mapped[str]
    label_value: Mapped[str]
    label_key: Mapped[str]
    """What is MACed and compared: `sscc:…`, `s10:…`, `opaque:…`."""
    w_mm: Mapped[int]
    h_mm: Mapped[int]
    d_mm: Mapped[int]
    g: Mapped[int]
    size_class: Mapped[str | None]
    needs: Mapped[list[str]]
    hold: Mapped[str] = mapped_column(default="hard")
    """`hard`: it has a claim; `soft`: served from the allowance, if there is room."""
    reserve_until: Mapped[datetime | None]
    """When a hard one turns soft; None: never."""
    deposit_by: Mapped[datetime]
    collect_within_s: Mapped[int]
    code_at: Mapped[str]
    """`deposit` or `reservation`."""
    state: Mapped[str]
    """`requested`, `confirmed`, `rejected`, `fulfilled`, `cancelled`, `expired` or `diverted`."""
    reject_reason: Mapped[str | None]
    use_size: Mapped[str | None]
    """Under which class a hard one counts; None: it takes nothing from a quota."""
    part: Mapped[str | None]
    """Of which part `fair-share` gave it room: `guaranteed`, `commons`, `lent`, `accessible`."""
    created_at: Mapped[datetime]
    cut_off: Mapped[datetime | None]
    """At which cut-off it is decided, or was; None: answered at once."""
    decided_at: Mapped[datetime | None]
    """When it was, at that cut-off or later."""
    decision_id: Mapped[UUID | None]
    """By which decision; None: not yet, or at once by the one with its own id."""
    alternatives: Mapped[list[dict[str, Any]] | None] = mapped_column(Json)
    """Lockers with room when it was rejected."""

    __table_args__ = (
        Index(
            "uq_reservations_live_label",
            "carrier_id",
            "label_key",
            unique=True,
            sqlite_where=text(_LIVE),
            postgresql_where=text(_LIVE),
        ),
        Index(
            "ix_reservations_requested",
            "locker_id",
            "cut_off",
            sqlite_where=text("state = 'requested'"),
            postgresql_where=text("state = 'requested'"),
        ),
        Index("ix_reservations_carrier_id_id", "carrier_id", "id"),
        Index("ix_reservations_right_id", "right_id"),
        Index(
            "ix_reservations_reserve_until",
            "reserve_until",
            sqlite_where=text(_TURNS_SOFT),
            postgresql_where=text(_TURNS_SOFT),
        ),
        Index(
            "ix_reservations_deposit_by",
            "deposit_by",
            sqlite_where=text("state = 'confirmed'"),
            postgresql_where=text("state = 'confirmed'"),
        ),
    )


class Claim(Base):
    """A hard hold on capacity: size, needs, the carrier's and the decision's number, nothing else.

    It counts until `released`: when the deposit is recorded, or when the revision that took it
    away is recorded as applied.
    """

    __tablename__ = "claims"

    right_id: Mapped[UUID] = mapped_column(primary_key=True)
    locker_id: Mapped[str]
    carrier_number: Mapped[int]
    w_mm: Mapped[int]
    h_mm: Mapped[int]
    d_mm: Mapped[int]
    g: Mapped[int]
    needs: Mapped[list[str]]
    released_at_revision: Mapped[int | None]
    released: Mapped[bool] = mapped_column(default=False)
    decision: Mapped[int | None]
    """The number of the decision that confirmed it; older claims have none."""
    use_size: Mapped[str | None]
    part: Mapped[str | None]
    """As the reservation says; no part: `first-come` gave it room."""

    __table_args__ = (Index("ix_claims_locker_id_released", "locker_id", "released"),)
