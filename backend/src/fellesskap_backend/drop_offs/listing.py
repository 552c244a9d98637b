"""A carrier's drop-offs, page by page."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.carriers.service import Credentials, caller
from fellesskap_backend.drop_offs.service import shown
from fellesskap_backend.drop_offs.tables import DropOff
from fellesskap_backend.paging import Page, Slice, Wanted, slice_of
from fellesskap_backend.parcels.tables import Parcel


def list_own(session: Session, credentials: Credentials, wanted: Wanted, *, page: Page) -> Slice:
    """Return one page of the carrier's own drop-offs, newest first, without any code."""
    by = caller(session, credentials, "carrier")
    statement = (
        select(DropOff.id, DropOff, Parcel)
        .join(Parcel, Parcel.id == DropOff.parcel_id)
        .where(DropOff.carrier_id == by.carrier_id)
    )
    statement = wanted.narrowed(statement, Parcel)
    if wanted.reference is not None:
        statement = statement.where(DropOff.reference == wanted.reference)
    return slice_of(
        session, statement, page, by=DropOff.id, show=lambda row: shown(row.DropOff, row.Parcel)
    )
