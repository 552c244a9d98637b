"""What waits for an operator: parcels in dispute, suspect compartments, events that were kept."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from fellesskap_backend.carriers.service import Credentials, caller
from fellesskap_backend.db import instant
from fellesskap_backend.errors import NotFound
from fellesskap_backend.ledger import again
from fellesskap_backend.lockers.tables import Compartment, Locker
from fellesskap_backend.operators import recording
from fellesskap_backend.operators.recording import Upon
from fellesskap_backend.paging import Page, Slice, slice_of
from fellesskap_backend.parcels import service as parcels
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry

Row = dict[str, Any]


@dataclass(frozen=True)
class SuspectsAsked:
    """Which suspect compartments; `after` is the last one of the page before."""

    locker_id: str | None = None
    limit: int = 50
    after: tuple[str, int] | None = None


def disputes(
    session: Session, credentials: Credentials, locker_id: str | None, *, page: Page
) -> Slice:
    """Return one page of parcels in dispute, newest first."""
    caller(session, credentials, "operator")
    statement = select(Parcel.id, Parcel).where(Parcel.state == "disputed")
    if locker_id is not None:
        statement = statement.where(Parcel.locker_id == locker_id)
    return slice_of(session, statement, page, by=Parcel.id, show=lambda row: _dispute(session, row))


def _dispute(session: Session, row: Any) -> Row:
    parcel: Parcel = row.Parcel
    entry = session.scalars(
        select(ParcelEntry)
        .where(ParcelEntry.parcel_id == parcel.id, ParcelEntry.what == "disputed")
        .order_by(ParcelEntry.id.desc())
        .limit(1)
    ).one_or_none()
    return {
        "parcel_id": str(parcel.id),
        "kind": parcel.kind,
        "carrier_id": str(parcel.carrier_id),
        "label": parcel.label_value,
        "locker_id": parcel.locker_id,
        "compartment": parcel.compartment,
        "deposited_at": parcel.deposited_at and instant(parcel.deposited_at),
        "disputed_at": entry and instant(entry.recorded_at),
        "why": entry and entry.detail,
    }


def parcel(session: Session, credentials: Credentials, parcel_id: UUID) -> Row:
    """Return a parcel with its history and what operators did; raise `NotFound`."""
    caller(session, credentials, "operator")
    row = session.get(Parcel, parcel_id)
    if row is None:
        raise NotFound("No parcel by this id.")
    return parcel_shown(session, row)


def parcel_shown(session: Session, row: Parcel) -> Row:
    """Show a parcel as operators see it: its label, but no code."""
    return parcels.shown(session, row) | {
        "carrier_id": str(row.carrier_id),
        "evidence": row.evidence,
        "acts": recording.newest(session, Upon(parcel_id=row.id)),
    }


def suspects(session: Session, credentials: Credentials, asked: SuspectsAsked) -> Slice:
    """Return one page of suspect compartments, by locker and number."""
    caller(session, credentials, "operator")
    key = (Compartment.locker_id, Compartment.number)
    statement = (
        select(Compartment, Parcel.state)
        .join(Locker, Locker.id == Compartment.locker_id)
        .outerjoin(Parcel, Parcel.id == Compartment.parcel_id)
        .where(Compartment.service == "suspect", Locker.written_off_at.is_(None))
        .order_by(*key)
        .limit(asked.limit + 1)
    )
    if asked.locker_id is not None:
        statement = statement.where(Compartment.locker_id == asked.locker_id)
    if asked.after is not None:
        statement = statement.where(tuple_(*key) > tuple_(*asked.after))
    rows = session.execute(statement).all()
    shown = rows[: asked.limit]
    last = shown[-1].Compartment if len(rows) > asked.limit else None
    return Slice(
        [_suspect(row.Compartment, row.state) for row in shown],
        None if last is None else f"{last.locker_id}.{last.number}",
    )


def _suspect(place: Compartment, state: str | None) -> Row:
    return {
        "locker_id": place.locker_id,
        "compartment": place.number,
        "door": place.door,
        "content": place.content,
        "parcel_id": str(place.parcel_id) if place.parcel_id else None,
        "parcel_state": state,
        "wish": None if place.wish_heard else place.wished_service,
    }


def unapplied(session: Session, credentials: Credentials, locker_id: str | None) -> Row:
    """Return events that were recorded and could not be applied, the first recorded first."""
    caller(session, credentials, "operator")
    return {"events": again.unapplied(session, locker_id=locker_id)}
