"""The wish that a compartment is in or out of service, until its locker says that it is so.

The locker is the authority on its doors. So an operator's wish is a row; the bridge says it to a
locker in contact, again and again, until the journal tells `service_changed`. `in` is over then:
what the locker finds later counts. `out` stays an operator's wish, and is said to a new store too.
"""

from typing import Literal, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from fellesskap_backend.lockers.tables import Compartment, Locker
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.rights.tables import Right
from fellesskap_protocol import messages
from fellesskap_protocol.events import Service

Wanted = Literal["in", "out"]
GONE_AS_WE_SAY = ("collected", "removed", "picked_up", "lost")


class Owed(NamedTuple):
    """A wish that has to be said."""

    locker_id: str
    compartment: int
    service: Wanted


def wish(place: Compartment, wanted: Wanted) -> None:
    """Wish it; said twice is said once."""
    if wanted == "out" and place.wished_service == "out":
        return
    place.wished_service, place.wish_heard = wanted, False


def withdraw(session: Session, owed: Owed) -> None:
    """Drop a wish that the locker cannot fulfil: it has no such door."""
    session.execute(
        update(Compartment)
        .where(
            Compartment.locker_id == owed.locker_id,
            Compartment.number == owed.compartment,
            Compartment.wished_service == owed.service,
        )
        .values(wished_service=None, wish_heard=False)
    )


def changed(session: Session, locker: Locker, place: Compartment, to: Service) -> None:
    """Take in what the locker says of a compartment; its row is locked."""
    place.service = to
    if place.wished_service is None:
        return
    place.wish_heard = to == place.wished_service
    if not place.wish_heard or to == "out":
        return
    if place.content == "parcel" and place.parcel_id is None:
        revoked = _revoked_there(session, locker, place.number)
        if not all(_knew(locker, row) for row in revoked):
            place.wish_heard = False  # it is said again once the locker knows of the revoke
            return
        if revoked:
            place.content = "unknown"
    place.wished_service, place.wish_heard = None, False


def begin(session: Session, locker_id: str) -> None:
    """Say what is out of service to a new store: it knows nothing of it."""
    session.execute(
        update(Compartment)
        .where(Compartment.locker_id == locker_id, Compartment.wished_service == "out")
        .values(wish_heard=False)
    )


def _revoked_there(session: Session, locker: Locker, number: int) -> list[Right]:
    """Return the rights to what lay there and is gone, as we say: revoked, and not forgotten."""
    rows = session.scalars(
        select(Right)
        .join(Parcel, Parcel.right_id == Right.id)
        .where(
            Right.locker_id == locker.id,
            Parcel.locker_id == locker.id,
            Parcel.compartment == number,
            Parcel.state.in_(GONE_AS_WE_SAY),
            Right.removed.is_(False),
        )
    )
    return [row for row in rows if messages.decode(messages.Right, row.body).revoked]


def _knew(locker: Locker, row: Right) -> bool:
    """Say whether the locker knew of a right as it is wished when it said what is recorded now.

    The journal is in order: what is recorded as applied by now was applied before.
    """
    same = locker.applied_generation == locker.generation
    return same and row.revision <= locker.applied_revision
