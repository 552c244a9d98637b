"""Lockers as operators see them: listed, and one in all that is known of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from fellesskap_backend.carriers.service import Credentials, caller
from fellesskap_backend.db import instant
from fellesskap_backend.errors import NotFound
from fellesskap_backend.lockers import faults, health
from fellesskap_backend.lockers.tables import (
    Compartment,
    Device,
    Locker,
    StandingFault,
    confirms,
)
from fellesskap_backend.operators import recording
from fellesskap_backend.operators.recording import Upon
from fellesskap_backend.paging import Slice

Row = dict[str, Any]


@dataclass(frozen=True)
class FleetAsked:
    """Which lockers; `after` is the last id of the page before."""

    contact: health.Contact | None = None
    service: health.Service | None = None
    limit: int = 50
    after: str | None = None


def list_all(
    session: Session, credentials: Credentials, asked: FleetAsked, *, now: datetime
) -> Slice:
    """Return one page of lockers in the order of their ids."""
    caller(session, credentials, "operator")
    statement = select(Locker).order_by(Locker.id).limit(asked.limit + 1)
    if asked.after is not None:
        statement = statement.where(Locker.id > asked.after)
    if asked.service is not None:
        statement = statement.where(Locker.service_state == asked.service)
    if asked.contact is not None:
        statement = _heard(statement, asked.contact, now)
    rows = session.scalars(statement).all()
    shown = rows[: asked.limit]
    ids = [row.id for row in shown]
    standing = faults.standing(session, ids)
    suspects = session.execute(
        select(Compartment.locker_id, func.count())
        .where(Compartment.locker_id.in_(ids), Compartment.service == "suspect")
        .group_by(Compartment.locker_id)
    )
    counts = {locker_id: count for locker_id, count in suspects}  # noqa: C416 - rows, no pairs
    return Slice(
        [
            _shown(row, now)
            | {
                "faults": [_fault(one) for one in standing if one.locker_id == row.id],
                "suspect_compartments": counts.get(row.id, 0),
            }
            for row in shown
        ],
        shown[-1].id if len(rows) > asked.limit else None,
    )


def _heard(statement: Select[Locker], contact: health.Contact, now: datetime) -> Select[Locker]:
    late, offline = now - health.CONTACT, now - health.OFFLINE_AFTER
    if contact == "online":
        return statement.where(Locker.contact_at >= late)
    if contact == "late":
        return statement.where(Locker.contact_at < late, Locker.contact_at >= offline)
    return statement.where(Locker.contact_at.is_(None) | (Locker.contact_at < offline))


def find(session: Session, credentials: Credentials, locker_id: str, *, now: datetime) -> Row:
    """Return all that is known of a locker, and what operators did last; raise `NotFound`."""
    caller(session, credentials, "operator")
    row = session.get(Locker, locker_id)
    if row is None:
        raise NotFound("No locker by this id.")
    places = session.scalars(
        select(Compartment).where(Compartment.locker_id == row.id).order_by(Compartment.number)
    )
    devices = session.scalars(
        select(Device).where(Device.locker_id == row.id).order_by(Device.claimed_at, Device.id)
    )
    return _shown(row, now) | {
        "rights": {
            "wanted": [row.generation, row.revision],
            "applied": [row.applied_generation, row.applied_revision],
        },
        "compartments": [_compartment(place) for place in places],
        "devices": [_device(device) for device in devices],
        "faults": [_fault(one) for one in faults.standing(session, [row.id])],
        "acts": recording.newest(session, Upon(locker_id=row.id)),
    }


def _shown(row: Locker, now: datetime) -> Row:
    contact = health.heard(row.contact_at, now)
    return {
        "id": row.id,
        "site_id": str(row.site_id) if row.site_id else None,
        "site_name": row.site_name,
        "address": row.address,
        "health": {"contact": contact.contact, "since": _at(contact.since)},
        "contact_at": _at(row.contact_at),
        "connected": row.online,
        "service": row.service_state,
        "confirms": confirms(row),
        "closed_at": _at(row.closed_at),
        "quarantined_at": _at(row.quarantined_at),
        "behind_since": _at(row.behind_since),
        "restored_at": _at(row.restored_at),
        "written_off_at": _at(row.written_off_at),
    }


def compartment_service(place: Compartment) -> health.Service:
    """Return what an operator made of a compartment; one that is emptied first is draining."""
    if place.wished_service != "out":
        return "in_service"
    return "draining" if place.parcel_id is not None else "out_of_service"


def _compartment(place: Compartment) -> Row:
    return {
        "number": place.number,
        "door": place.door,
        "content": place.content,
        "service": place.service,
        "service_state": compartment_service(place),
        "wish": None if place.wish_heard else place.wished_service,
        "parcel_id": str(place.parcel_id) if place.parcel_id else None,
    }


def _device(device: Device) -> Row:
    return {
        "id": device.id,
        "claimed_at": instant(device.claimed_at),
        "revoked_at": _at(device.revoked_at),
    }


def _fault(one: StandingFault) -> Row:
    return {"part": one.part, "what": one.what, "since": instant(one.since)}


def _at(at: datetime | None) -> str | None:
    return None if at is None else instant(at)
