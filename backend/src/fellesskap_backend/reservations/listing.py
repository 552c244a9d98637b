"""A carrier's reservations, page by page."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.carriers.service import Credentials, caller
from fellesskap_backend.db import table_of
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.paging import Page, Slice, Wanted, slice_of
from fellesskap_backend.reservations.confirmed import view
from fellesskap_backend.reservations.service import DELIVERED
from fellesskap_backend.reservations.tables import Reservation
from fellesskap_backend.rights.tables import Right

KEY_KINDS = ("sscc", "s10", "opaque")
"""What a label of a reservation is compared as."""


def list_own(session: Session, credentials: Credentials, wanted: Wanted, *, page: Page) -> Slice:
    """Return one page of the carrier's own reservations, newest first, without any code."""
    by = caller(session, credentials, "carrier")
    statement = (
        select(table_of(Reservation), DELIVERED)
        .join(Locker, Locker.id == Reservation.locker_id)
        .outerjoin(
            Right, (Right.locker_id == Reservation.locker_id) & (Right.id == Reservation.right_id)
        )
        .where(Reservation.carrier_id == by.carrier_id)
    )
    if by.acted_by is not None:
        statement = statement.where(Reservation.acted_by == by.acted_by)
    statement = wanted.narrowed(statement, Reservation)
    if wanted.label is not None:
        keys = [f"{kind}:{wanted.label}" for kind in KEY_KINDS]
        statement = statement.where(Reservation.label_key.in_(keys))
    return slice_of(
        session,
        statement,
        page,
        by=Reservation.id,
        show=lambda row: view(row._asdict(), delivered=bool(row.delivered)),
    )
