"""Parcels, as their carrier sees them."""

from typing import Any, get_args
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.carriers.service import Credentials, caller
from fellesskap_backend.db import instant
from fellesskap_backend.errors import NotFound
from fellesskap_backend.paging import Page, Slice, Wanted, slice_of
from fellesskap_backend.parcels import labels
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_protocol import barcodes

Row = dict[str, Any]


def list_own(session: Session, credentials: Credentials, wanted: Wanted, *, page: Page) -> Slice:
    """Return one page of the carrier's own parcels, newest first, without their history."""
    by = caller(session, credentials, "carrier")
    statement = select(Parcel.id, Parcel).where(Parcel.carrier_id == by.carrier_id)
    statement = wanted.narrowed(statement, Parcel)
    if wanted.label is not None:
        keys = [f"{kind}:{wanted.label}" for kind in get_args(barcodes.Kind)]
        statement = statement.where(Parcel.label_key.in_(keys))
    return slice_of(session, statement, page, by=Parcel.id, show=lambda row: _shown(row.Parcel))


def find(session: Session, credentials: Credentials, parcel_id: UUID) -> Row:
    """Return one of the carrier's own parcels with its history; raise `NotFound`."""
    by = caller(session, credentials, "carrier")
    parcel = session.get(Parcel, parcel_id)
    if parcel is None or parcel.carrier_id != by.carrier_id:
        raise NotFound("No parcel by this id.")
    return shown(session, parcel)


def shown(session: Session, parcel: Parcel) -> Row:
    """Return a parcel with its history, as its carrier and operators see it."""
    parcel_id = parcel.id
    history = session.scalars(
        select(ParcelEntry).where(ParcelEntry.parcel_id == parcel_id).order_by(ParcelEntry.id)
    )
    return _shown(parcel) | {"history": [_line(entry) for entry in history]}


def _shown(parcel: Parcel) -> Row:
    return {
        "id": str(parcel.id),
        "kind": parcel.kind,
        "state": parcel.state,
        "locker_id": parcel.locker_id,
        "label": labels.shown(parcel.label_key) if parcel.label_key else None,
        "reservation_id": str(parcel.reservation_id) if parcel.reservation_id else None,
        "replaced_by": str(parcel.replaced_by) if parcel.replaced_by else None,
        "compartment": parcel.compartment,
        "deposited_at": parcel.deposited_at and instant(parcel.deposited_at),
        "collect_by": parcel.collect_by and instant(parcel.collect_by),
        "collected_at": parcel.collected_at and instant(parcel.collected_at),
    }


def _line(entry: ParcelEntry) -> Row:
    return {
        "what": entry.what,
        "at": instant(entry.at),
        "clock": entry.clock,
        "recorded_at": instant(entry.recorded_at),
        "compartment": entry.compartment,
    }
