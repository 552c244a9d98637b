"""Parcels, as their carrier sees them."""

from typing import Any, get_args
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.carriers.service import Credentials, caller
from fellesskap_backend.db import instant
from fellesskap_backend.drop_offs import naming
from fellesskap_backend.drop_offs.tables import DropOff
from fellesskap_backend.errors import NotFound
from fellesskap_backend.paging import Page, Slice, Wanted, slice_of
from fellesskap_backend.parcels import labels
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_protocol import barcodes

Row = dict[str, Any]


def list_own(session: Session, credentials: Credentials, wanted: Wanted, *, page: Page) -> Slice:
    """Return one page of the carrier's own parcels, newest first, without their history."""
    by = caller(session, credentials, "carrier")
    statement = (
        select(Parcel.id, Parcel, DropOff.id.label("drop_off_id"), DropOff.reference)
        .outerjoin(DropOff, DropOff.parcel_id == Parcel.id)
        .where(Parcel.carrier_id == by.carrier_id)
    )
    statement = wanted.narrowed(statement, Parcel)
    if wanted.label is not None:
        keys = [f"{kind}:{wanted.label}" for kind in get_args(barcodes.Kind)]
        statement = statement.where(Parcel.label_key.in_(keys))
    return slice_of(session, statement, page, by=Parcel.id, show=_line_of_list)


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
    names = naming.names_of(session, [parcel_id] if parcel.kind == "drop_off" else [])
    told = _shown(parcel, **names.get(parcel_id, {}))
    return told | {"history": [_line(entry) for entry in history]}


def _line_of_list(row: Any) -> Row:
    drop_off_id = None if row.drop_off_id is None else str(row.drop_off_id)
    return _shown(row.Parcel, drop_off_id, row.reference)


def _shown(parcel: Parcel, drop_off_id: str | None = None, reference: str | None = None) -> Row:
    return {
        "id": str(parcel.id),
        "kind": parcel.kind,
        "state": parcel.state,
        "locker_id": parcel.locker_id,
        "label": labels.shown(parcel.label_key) if parcel.label_key else None,
        "reservation_id": str(parcel.reservation_id) if parcel.reservation_id else None,
        "drop_off_id": drop_off_id,
        "reference": reference,
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
