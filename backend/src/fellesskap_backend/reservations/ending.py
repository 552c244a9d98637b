"""How a reservation ends before its parcel came, or turns soft: by its carrier, time, the world.

The capacity of a claim that is taken away stays bound until the locker's journal says that it no
longer holds the right.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.carriers.service import Credentials, caller
from fellesskap_backend.db import Moment, instant, table_of
from fellesskap_backend.errors import NotFound, WrongState
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.lockers import nearby, room
from fellesskap_backend.lockers.tables import Compartment
from fellesskap_backend.parcels import moving
from fellesskap_backend.parcels.machine import RESERVATION
from fellesskap_backend.parcels.moving import NOTHING, Facts
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.parcels.telling import Cause
from fellesskap_backend.reservations import requested
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights import service as rights
from fellesskap_protocol.capacity import Demand, Matching

_COLUMNS = table_of(Reservation).columns
AT_ONCE_MAX = 100
"""Rows of one kind that are looked for at a time."""


def cancel(
    session: Session, credentials: Credentials, reservation_id: UUID, *, moment: Moment
) -> Reservation:
    """End one of the carrier's own reservations; doing it twice is doing it once.

    Raises `NotFound`, and `WrongState` once its parcel came or it ended otherwise.
    """
    by = caller(session, credentials, "carrier")
    found = Cause.upon(session, Reservation, reservation_id, moment)
    if found is None or found[0].carrier_id != by.carrier_id or not by.made(found[0].acted_by):
        raise NotFound("No reservation by this id.")
    reservation, cause = found
    if not _end(cause, reservation, "cancel"):
        raise WrongState("Only what is still expected can be cancelled.", state=reservation.state)
    return reservation


def _end(cause: Cause, reservation: Reservation, act: str, facts: Facts = NOTHING) -> bool:
    """End a reservation and what is expected under it; say whether it can be."""
    step = RESERVATION[reservation.state].get(act)
    if step is None:
        return False
    if step.to != reservation.state:
        reservation.state = step.to
        parcel = cause.session.get(Parcel, reservation.parcel_id)
        if parcel is not None:
            moving.move(cause, parcel, act, facts)
        elif reservation.cut_off is not None:
            row = {one.key: getattr(reservation, one.key) for one in _COLUMNS}
            kind = f"reservation.{step.to}"
            told = requested.notice(
                row, kind, facts.data, cause.moment, address=cause.locker.address
            )
            cause.session.add(Notice(**told))
    return True


# Time --------------------------------------------------------------------------------------------


def to_soften(session: Session, now: datetime) -> Sequence[UUID]:
    """Return hard reservations whose `reserve_until` has passed."""
    return session.scalars(
        select(Reservation.id)
        .where(
            Reservation.state == "confirmed",
            Reservation.hold == "hard",
            Reservation.reserve_until.is_not(None),
            Reservation.reserve_until <= now,
        )
        .order_by(Reservation.reserve_until)
        .limit(AT_ONCE_MAX)
    ).all()


def soften(session: Session, reservation_id: UUID, moment: Moment) -> None:
    """Let a hard reservation hold nothing any more: the locker may still find room for it."""
    found = Cause.upon(session, Reservation, reservation_id, moment)
    if found is None or found[0].hold != "hard" or "soften" not in RESERVATION[found[0].state]:
        return
    reservation, cause = found
    reservation.hold = "soft"
    right = rights.right_of(session, reservation.locker_id, reservation.right_id)
    if right is None:
        return
    revision = rights.wish(session, cause.locker, msgspec.structs.replace(right, hold="soft"))
    claim = session.get(Claim, reservation.right_id)
    if claim is not None and not claim.released:
        claim.released_at_revision = revision
    parcel = session.get(Parcel, reservation.parcel_id)
    if parcel is not None and reservation.reserve_until is not None:
        cause.tell(parcel, "softened")
        data = {"reserve_until": instant(reservation.reserve_until)}
        cause.notify(parcel, "reservation.softened", data)


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
    found = Cause.upon(session, Reservation, reservation_id, moment)
    if found is not None:
        reservation, cause = found
        facts = Facts(data={"deposit_by": instant(reservation.deposit_by)})
        _end(cause, reservation, "expire", facts)


# The physical world ------------------------------------------------------------------------------


def divert_what_does_not_fit(cause: Cause) -> int:
    """Keep each claim that can be served with those confirmed before; divert the others.

    Return how many. Claims that are being taken away are not kept, and bind nothing here. Units of
    the allowance come last: what was promised goes before what may come.
    """
    session, locker = cause.session, cause.locker
    places = session.scalars(select(Compartment).where(Compartment.locker_id == locker.id))
    kept = Matching(room.geometry(row) for row in places if room.may_be_given(row))
    claims = session.scalars(
        select(Claim)
        .where(
            Claim.locker_id == locker.id,
            Claim.released.is_(False),
            Claim.released_at_revision.is_(None),
        )
        .order_by(Claim.right_id)  # UUIDv7: the order of confirmation
    ).all()
    lost = [
        claim.right_id
        for claim in claims
        if not kept.add(Demand(claim.w_mm, claim.h_mm, claim.d_mm, claim.g, tuple(claim.needs)))
    ]
    for right_id in lost:
        reservation = session.scalars(
            select(Reservation).where(Reservation.right_id == right_id)
        ).one_or_none()
        if reservation is not None:
            facts = Facts(data=alternatives(cause, reservation.id))
            _end(cause, reservation, "divert", facts)
    return len(lost)


def divert_all(cause: Cause, facts: Facts) -> None:
    """Divert every reservation that is still confirmed: the locker serves none of them."""
    confirmed = select(Reservation).where(
        Reservation.locker_id == cause.locker.id, Reservation.state == "confirmed"
    )
    for reservation in cause.session.scalars(confirmed.order_by(Reservation.id)).all():
        near = alternatives(cause, reservation.id)
        _end(cause, reservation, "divert", replace(facts, data=facts.data | near))


def alternatives(cause: Cause, reservation_id: UUID) -> dict[str, Any]:
    """Return, for a notice, the nearest lockers with room for what was reserved."""
    reservation = cause.session.get(Reservation, reservation_id)
    if reservation is None:
        return {}
    box = (reservation.w_mm, reservation.h_mm, reservation.d_mm, reservation.g)
    demand = Demand(*box, tuple(reservation.needs))
    found = nearby.alternatives(cause.session, cause.locker, demand, now=cause.moment.now)
    return {"alternatives": [dict(one) for one in found]}
