"""Custody: what lies where, since when, and what follows for rights and claims.

Late truth wins: a deposit under a claim that has expired meanwhile is a deposit.
"""

import logging
from datetime import timedelta
from uuid import UUID

import msgspec
from sqlalchemy import update

from fellesskap_backend.db import instant
from fellesskap_backend.ledger.at import At, CannotApply
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights import service as rights
from fellesskap_backend.rights.tables import Right, RightCode
from fellesskap_protocol import messages
from fellesskap_protocol.events import (
    Collected,
    DeliveryFailed,
    Deposited,
    Removed,
)

log = logging.getLogger(__name__)
LATE_FROM = ("cancelled", "expired", "diverted", "delivery_failed")


def deposited(at: At, event: Deposited) -> None:
    """A parcel lies in a compartment: its claim becomes a right to collect."""
    parcel = _parcel(at, event.right_id)
    reservation = at.session.get(Reservation, parcel.reservation_id)
    late = parcel.state in LATE_FROM
    happened_at = at.happened_at(event)
    parcel.state, parcel.compartment = "deposited", event.compartment
    parcel.deposited_at, parcel.evidence = happened_at, event.evidence
    if reservation is not None:
        reservation.state = "fulfilled"
        parcel.collect_by = happened_at + timedelta(seconds=reservation.collect_within_s)
    _occupy(at, event.compartment, parcel)
    at.session.execute(update(Claim).where(Claim.right_id == parcel.right_id).values(released=True))
    _let_collect(at, parcel)
    detail = f"{event.evidence}, late" if late else event.evidence
    at.tell(parcel, "deposited", event, compartment=event.compartment, detail=detail)
    at.notify(
        parcel,
        "parcel.deposited",
        event,
        compartment=event.compartment,
        collect_by=instant(parcel.collect_by) if parcel.collect_by else None,
        evidence=event.evidence,
        late=late,
    )


def collected(at: At, event: Collected) -> None:
    """The recipient took the parcel."""
    parcel = _parcel(at, event.right_id)
    parcel.collected_at = at.happened_at(event)
    _taken(at, event, parcel, state="collected")


def removed(at: At, event: Removed) -> None:
    """A courier took the parcel out."""
    _taken(at, event, _parcel(at, event.right_id), state="removed")


def delivery_failed(at: At, event: DeliveryFailed) -> None:
    """A claim could not be used; it stays until its carrier or its time ends it."""
    parcel = _parcel(at, event.right_id)
    at.tell(parcel, "delivery_failed", event, detail=event.reason)
    at.notify(parcel, "parcel.delivery_failed", event, reason=event.reason)


def _parcel(at: At, right_id: str | None) -> Parcel:
    parcel = at.parcel_of(right_id)
    if parcel is None:
        raise CannotApply("no parcel of this locker by its right")
    return parcel


def _occupy(at: At, number: int, parcel: Parcel) -> None:
    """Put the parcel there; one that was there until now is in dispute: the physical wins."""
    place = at.compartment(number)
    if place.parcel_id is not None and place.parcel_id != parcel.id:
        other = at.session.get(Parcel, place.parcel_id)
        if other is not None and other.state == "deposited":
            other.state = "disputed"
            log.error("locker %s: compartment %d was given twice", at.locker.id, number)
    place.content, place.parcel_id = "parcel", parcel.id


def _let_collect(at: At, parcel: Parcel) -> None:
    """Wish the right as one to collect; it comes back if time had taken it away."""
    row = at.session.get(Right, (at.locker.id, parcel.right_id))
    if row is None:
        raise CannotApply("the right was never wished")
    right = messages.decode(messages.Right, row.body)
    rights.wish(
        at.session,
        at.locker,
        msgspec.structs.replace(right, kind="collect", compartment=parcel.compartment),
    )
    code = at.session.get(RightCode, parcel.right_id)
    if code is not None:
        code.removed_at = None


def _taken(at: At, event: Collected | Removed, parcel: Parcel, *, state: str) -> None:
    parcel.state, parcel.evidence = state, event.evidence
    place = at.compartment(event.compartment)
    if place.parcel_id in (None, parcel.id):
        place.content, place.parcel_id = "empty", None
    right_id = UUID(event.right_id)
    rights.forget(at.session, at.locker, right_id)
    rights.retire_code(at.session, right_id, at.moment.now)
    at.session.execute(update(Claim).where(Claim.right_id == right_id).values(released=True))
    at.tell(parcel, state, event, compartment=event.compartment, detail=event.evidence)
    at.notify(
        parcel,
        f"parcel.{state}",
        event,
        compartment=event.compartment,
        evidence=event.evidence,
    )
