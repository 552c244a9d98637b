"""What time alone changes: reservations expire, parcels become overdue.

Each is one short transaction with the locker's row locked. The capacity of an expired claim stays
bound until the locker's journal says that it no longer holds the right.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.db import Moment, instant
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.lockers.service import CONTACT, locked
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights import service as rights

AT_ONCE_MAX = 100
"""Rows of one kind that are looked for at a time."""


def to_expire(session: Session, now: datetime) -> Sequence[UUID]:
    """Return confirmed reservations whose `deposit_by` has passed."""
    return session.scalars(
        select(Reservation.id)
        .where(Reservation.state == "confirmed", Reservation.deposit_by <= now)
        .order_by(Reservation.deposit_by)
        .limit(AT_ONCE_MAX)
    ).all()


def expire(session: Session, reservation_id: UUID, moment: Moment) -> None:
    """Take a claim back that was not used in time."""
    reservation, locker = _with_locker(session, reservation_id)
    if reservation is None or locker is None or reservation.state != "confirmed":
        return
    reservation.state = "expired"
    revision = rights.forget(session, locker, reservation.right_id)
    rights.retire_code(session, reservation.right_id, moment.now)
    claim = session.get(Claim, reservation.right_id)
    if claim is not None and not claim.released:
        claim.released_at_revision = revision
    parcel = session.get(Parcel, reservation.parcel_id)
    if parcel is not None and parcel.state == "expected":
        parcel.state = "expired"
        data = {"deposit_by": instant(reservation.deposit_by)}
        _say(session, parcel, "expired", "reservation.expired", moment=moment, **data)


def _with_locker(
    session: Session, reservation_id: UUID
) -> tuple[Reservation | None, Locker | None]:
    """Return a reservation as it is once the row of its locker is locked."""
    locker_id = session.scalar(
        select(Reservation.locker_id).where(Reservation.id == reservation_id)
    )
    locker = locked(session, locker_id) if locker_id is not None else None
    return session.get(Reservation, reservation_id, populate_existing=True), locker


def to_be_overdue(session: Session, now: datetime) -> Sequence[UUID]:
    """Return deposited parcels whose time has passed, at lockers that are in contact."""
    return session.scalars(
        select(Parcel.id)
        .join(Locker, Locker.id == Parcel.locker_id)
        .where(
            Parcel.state == "deposited",
            Parcel.collect_by <= now,
            Locker.contact_at >= now - CONTACT,
        )
        .order_by(Parcel.collect_by)
        .limit(AT_ONCE_MAX)
    ).all()


def overdue(session: Session, parcel_id: UUID, moment: Moment) -> None:
    """Say that a parcel was not collected in time; it can still be collected."""
    locker_id = session.scalar(select(Parcel.locker_id).where(Parcel.id == parcel_id))
    if locker_id is None or locked(session, locker_id) is None:
        return
    parcel = session.get(Parcel, parcel_id, populate_existing=True)
    if parcel is None or parcel.state != "deposited" or parcel.collect_by is None:
        return
    parcel.state = "overdue"
    data = {"collect_by": instant(parcel.collect_by), "compartment": parcel.compartment}
    _say(session, parcel, "overdue", "parcel.overdue", moment=moment, **data)


def _say(
    session: Session, parcel: Parcel, what: str, kind: str, *, moment: Moment, **data: object
) -> None:
    session.add(
        ParcelEntry(
            parcel_id=parcel.id,
            carrier_id=parcel.carrier_id,
            what=what,
            at=moment.now,
            clock="trusted",
            recorded_at=moment.now,
            compartment=parcel.compartment,
        )
    )
    session.add(
        Notice(
            id=moment.new_id(),
            carrier_id=parcel.carrier_id,
            type=kind,
            parcel_id=parcel.id,
            data={
                "parcel_id": str(parcel.id),
                "reservation_id": str(parcel.reservation_id),
                "right_id": str(parcel.right_id),
                "locker_id": parcel.locker_id,
                **data,
            },
            occurred_at=moment.now,
            clock="trusted",
            recorded_at=moment.now,
        )
    )
