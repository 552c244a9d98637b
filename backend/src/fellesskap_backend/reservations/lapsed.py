"""Claims to which nobody came, and whose fault that was: one rule for standings and for reports.

A claim that its carrier cancelled counts nowhere: neither as kept nor as let go by. One that turned
soft held room until then, for nobody. What excuses its carrier are these three, and nothing else:
the locker did not serve at the end of the wait, a courier stood there and no door would do, or the
claim was diverted (its room was lost, or an operator took the locker out of service).
"""

from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from fellesskap_backend.db import Epoch
from fellesskap_backend.parcels.tables import ParcelEntry, ServingInterval
from fellesskap_backend.reservations.tables import Reservation

PROMISED = func.coalesce(Reservation.decided_at, Reservation.created_at)
"""Since when room is held: at a cut-off later than it was asked for."""
LAST_S = 12 * 3_600
"""The end of a claim's wait, in which its locker must have served for nobody to be excused."""
SERVED_PERMILLE = 900
"""How much of it: a restart is no excuse."""
LAPSED = ("expired", "diverted")


def ended() -> ColumnElement[bool]:
    """Whether it held room, and a parcel came or nobody: what the rate of no-shows is of.

    What still waits, or was cancelled, costs its carrier nothing, and so tells nothing of it.
    """
    return and_(Reservation.use_size.is_not(None), Reservation.state.in_(("fulfilled", *LAPSED)))


def lapsed() -> ColumnElement[bool]:
    """Whether it held room, and nobody came."""
    return and_(Reservation.use_size.is_not(None), Reservation.state.in_(LAPSED))


def excused() -> ColumnElement[bool]:
    """Whether its carrier could do nothing about that."""
    return or_(Reservation.state == "diverted", _tried(), ~_served())


def no_show() -> ColumnElement[bool]:
    """Whether nobody came, and nothing excuses it."""
    return and_(lapsed(), ~excused())


def _tried() -> ColumnElement[bool]:
    """Whether a courier stood there, and no door would do."""
    return (
        select(ParcelEntry.id)
        .where(
            ParcelEntry.parcel_id == Reservation.parcel_id, ParcelEntry.what == "delivery_failed"
        )
        .correlate(Reservation)
        .exists()
    )


def _served() -> ColumnElement[bool]:
    """Whether the locker served at the end of the claim's wait, as its journal proves."""
    end = Epoch(_held_until())
    begin = _later(Epoch(PROMISED), end - LAST_S)
    overlap = _earlier(Epoch(ServingInterval.ended_at), end) - _later(
        Epoch(ServingInterval.began_at), begin
    )
    served_s = (
        select(func.coalesce(func.sum(case((overlap > 0, overlap), else_=0)), 0))
        .where(
            ServingInterval.locker_id == Reservation.locker_id,
            ServingInterval.ended_at > PROMISED,
        )
        .correlate(Reservation)
        .scalar_subquery()
    )
    return served_s * 1_000 >= (end - begin) * SERVED_PERMILLE


def _held_until() -> ColumnElement[Any]:
    """Until when room was held: a claim that turned soft held it until then."""
    softened = func.coalesce(Reservation.reserve_until, Reservation.deposit_by)
    return case((Reservation.hold == "soft", softened), else_=Reservation.deposit_by)


def _later(one: Any, other: Any) -> ColumnElement[int]:
    return case((one > other, one), else_=other)


def _earlier(one: Any, other: Any) -> ColumnElement[int]:
    return case((one < other, one), else_=other)
