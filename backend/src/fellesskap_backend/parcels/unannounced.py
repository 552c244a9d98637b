"""Deposits without a claim: the parcel keeps the edge's id, its carrier's reservation finds it.

By badge, or where the right had not reached the locker yet. A parcel that fulfils a reservation of
its locker takes over that right and its code. Any other gets both from the worker, which has the
secrets that the ledger does not need; until then the edge's own right holds it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from fellesskap_backend.db import Moment
from fellesskap_backend.lockers.service import locked
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.parcels import moving, timing
from fellesskap_backend.parcels.machine import HELD, RESERVATION, step_of
from fellesskap_backend.parcels.moving import Facts
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_backend.parcels.telling import Cause
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights import service as rights
from fellesskap_backend.rights.issuing import issue
from fellesskap_backend.secrets import Secrets
from fellesskap_protocol import messages

COLLECT_WITHIN = timedelta(days=7)
"""How long a parcel may lie of which its carrier never said it."""
AT_ONCE_MAX = 100


def take_in(cause: Cause, *, parcel_id: UUID, carrier_id: UUID, label_key: str | None) -> Parcel:
    """Make the row of a parcel that lies there, for `deposited` to happen to it."""
    parcel = Parcel(
        id=parcel_id,
        kind="last_mile",
        carrier_id=carrier_id,
        locker_id=cause.locker.id,
        label_key=label_key,
        label_value=label_key.partition(":")[2] if label_key else None,
        state="expected",
        collect_within_s=int(COLLECT_WITHIN.total_seconds()),
        created_at=cause.moment.now,
    )
    cause.session.add(parcel)
    reservation = _reserved(cause.session, carrier_id, label_key)
    if reservation is not None and reservation.locker_id == cause.locker.id:
        _point_at(cause, reservation, parcel)
        parcel.right_id = reservation.right_id
    cause.session.flush()
    return parcel


def _reserved(session: Session, carrier_id: UUID, label_key: str | None) -> Reservation | None:
    """Return the live reservation for a label; a carrier has at most one."""
    if label_key is None:
        return None
    return session.scalars(
        select(Reservation).where(
            Reservation.carrier_id == carrier_id,
            Reservation.label_key == label_key,
            Reservation.state == "confirmed",
        )
    ).one_or_none()


def _point_at(cause: Cause, reservation: Reservation, parcel: Parcel) -> None:
    """Let the reservation mean the parcel that came; the expected one is replaced."""
    expected = cause.session.get(Parcel, reservation.parcel_id)
    if expected is not None:
        expected.replaced_by, expected.right_id = parcel.id, None
        moving.move(cause, expected, "replace", Facts(detail=str(parcel.id)))
        cause.session.flush()
    reservation.parcel_id = parcel.id
    parcel.reservation_id = reservation.id
    parcel.collect_within_s = reservation.collect_within_s
    parcel.label_value = reservation.label_value


def told_of(session: Session, parcel: Parcel) -> dict[str, Any]:
    """Return which parcel was expected, beside the label, where one came under another id."""
    replaces = session.scalars(select(Parcel.id).where(*_replaced(parcel))).one_or_none()
    return {"replaces": str(replaces) if replaces else None}


def _replaced(parcel: Parcel) -> tuple[Any, ...]:
    return (
        Parcel.carrier_id == parcel.carrier_id,
        Parcel.label_key == parcel.label_key,
        Parcel.replaced_by == parcel.id,
    )


# By the worker -----------------------------------------------------------------------------------


def waiting(session: Session, _now: datetime) -> Sequence[UUID]:
    """Return parcels that lie there without a right of ours."""
    return session.scalars(
        select(Parcel.id)
        .where(Parcel.right_id.is_(None), Parcel.state.in_(HELD), Parcel.kind == "last_mile")
        .order_by(Parcel.created_at)
        .limit(AT_ONCE_MAX)
    ).all()


def complete(session: Session, parcel_id: UUID, moment: Moment, *, secrets: Secrets) -> None:
    """Give a parcel its right and its code, and tell its carrier.

    A reservation for it at another locker is fulfilled, and its claim there taken away.
    """
    found = session.get(Parcel, parcel_id)
    if found is None:
        return
    reservation = _reserved(session, found.carrier_id, found.label_key)
    places = {found.locker_id} | ({reservation.locker_id} if reservation else set())
    # Ascending, as every transaction that locks several rows.
    lockers = {one: locked(session, one) for one in sorted(places)}
    parcel = session.get(Parcel, parcel_id, populate_existing=True)
    here = lockers[found.locker_id]
    if parcel is None or here is None or parcel.right_id or parcel.state not in HELD:
        return
    cause = _deposit_of(Cause.now(session, here, moment), parcel)
    if reservation is not None:
        session.refresh(reservation)
        elsewhere = lockers.get(reservation.locker_id)
        if reservation.state == "confirmed" and elsewhere is not None:
            _fulfil_from_elsewhere(cause, reservation, parcel, elsewhere=elsewhere)
    issued = issue(session, here, secrets=secrets, moment=moment)
    parcel.right_id = issued.right_id
    right = messages.Right(
        id=str(issued.right_id),
        kind="collect",
        carrier_id=str(parcel.carrier_id),
        parcel_id=str(parcel.id),
        label_macs=(issued.label(parcel.label_key),) if parcel.label_key else (),
        code_mac=issued.macs.code,
        long_code_mac=issued.macs.long_code,
        qr_mac=issued.macs.qr,
        compartment=parcel.compartment,
        revoked=parcel.state == "recalled",
    )
    rights.wish(session, here, right)
    announce(cause, parcel)


def _fulfil_from_elsewhere(
    cause: Cause, reservation: Reservation, parcel: Parcel, *, elsewhere: Locker
) -> None:
    session = cause.session
    _point_at(cause, reservation, parcel)
    reservation.state = RESERVATION["confirmed"]["fulfil"].to
    revision = rights.forget(session, elsewhere, reservation.right_id)
    rights.retire_code(session, reservation.right_id, cause.moment.now)
    session.execute(
        update(Claim)
        .where(Claim.right_id == reservation.right_id, Claim.released.is_(False))
        .values(released_at_revision=revision)
    )
    parcel.collect_by = timing.collect_by(session, cause.locker, parcel)


def announce(cause: Cause, parcel: Parcel) -> None:
    """Tell the carrier of the deposit, as it happened."""
    step = step_of("last_mile", "expected", "deposited")
    assert step is not None
    assert step.notice is not None
    said = _deposit_of(cause, parcel)
    facts = Facts(evidence=parcel.evidence, data=told_of(cause.session, parcel))
    said.notify(parcel, step.notice, moving.told_of(parcel, step, facts))


def _deposit_of(cause: Cause, parcel: Parcel) -> Cause:
    """Return the deposit as a cause: its time and clock stand in the history."""
    cause.written()
    entry = cause.session.scalars(
        select(ParcelEntry)
        .where(ParcelEntry.parcel_id == parcel.id, ParcelEntry.what == "deposited")
        .order_by(ParcelEntry.id.desc())
        .limit(1)
    ).one()
    return replace(cause, at=entry.at, clock=entry.clock)
