"""Service states of lockers and compartments, set by operators with a reason.

`draining`: nothing new is promised, and the locker gives nothing away by itself; what was promised
may still be put in, what lies there is collected. `out_of_service`: besides, what was promised and
did not come is diverted, and drop-offs are cancelled. Nobody's parcel is ever locked in.
"""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.allowances import service as allowances
from fellesskap_backend.carriers.service import Credentials, caller
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.errors import NotFound, WrongState
from fellesskap_backend.etag import Match
from fellesskap_backend.lockers import servicing
from fellesskap_backend.lockers.health import Service
from fellesskap_backend.lockers.service import locked
from fellesskap_backend.lockers.tables import Compartment, Locker
from fellesskap_backend.operators.fleet import compartment_service
from fellesskap_backend.operators.recording import Doing, Upon
from fellesskap_backend.parcels import moving
from fellesskap_backend.parcels.moving import Facts
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.parcels.telling import Cause
from fellesskap_backend.reservations import ending

WHY = "locker_out_of_service"
Row = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """A change that an operator wishes, of what he read before (`match`), and why."""

    session: Session
    credentials: Credentials
    match: Match
    moment: Moment
    reason: str = field(repr=False)

    def doing(self) -> Doing:
        """Return it for an operator's key; raise `Unauthorized` or `Forbidden`."""
        return Doing.of(self.session, self.credentials, self.reason, self.moment)


# A locker ----------------------------------------------------------------------------------------


def find(session: Session, credentials: Credentials, locker_id: str) -> Row:
    """Return the service state of a locker; raise `NotFound`."""
    caller(session, credentials, "operator")
    return _shown(standing(session.get(Locker, locker_id)))


def set_state(change: Change, locker_id: str, to: Service) -> Row:
    """Set the service state of a locker; twice is once. Raises `NotFound` and what `Match` does."""
    doing, session = change.doing(), change.session
    locker = standing(locked(session, locker_id))
    change.match.check(_shown(locker))
    before = locker.service_state
    if before == to:
        return _shown(locker)
    locker.service_state = to
    locker.closed_at = None if to == "in_service" else locker.closed_at or change.moment.now
    if to == "out_of_service":
        _divert(Cause.now(session, locker, change.moment))
    if locker.allowances != "none":
        allowances.settle(session, locker)
    doing.note("set_locker_service", Upon(locker.id), before=before, after=to)
    session.flush()
    return _shown(locker)


def _divert(cause: Cause) -> None:
    """End what was promised and did not come; what a courier brings all the same is late truth."""
    facts = Facts(detail=WHY)
    ending.divert_all(cause, facts)
    offered = select(Parcel).where(
        Parcel.locker_id == cause.locker.id, Parcel.state == "authorised"
    )
    for parcel in cause.session.scalars(offered.order_by(Parcel.id)):
        moving.move(cause, parcel, "cancel", facts)


def standing(row: Locker | None) -> Locker:
    """Return a locker that is not written off; raise `NotFound`."""
    if row is None or row.written_off_at is not None:
        raise NotFound("No locker by this id.")
    return row


def _shown(row: Locker) -> Row:
    return {
        "locker_id": row.id,
        "state": row.service_state,
        "since": row.closed_at and instant(row.closed_at),
    }


# A compartment -----------------------------------------------------------------------------------


def find_place(session: Session, credentials: Credentials, locker_id: str, number: int) -> Row:
    """Return the service state of a compartment; raise `NotFound`."""
    caller(session, credentials, "operator")
    return _place_shown(_place(session, locker_id, number))


def set_place(change: Change, place: tuple[str, int], to: Service) -> Row:
    """Wish a compartment in or out; its locker hears it. Raises as `set_state` does.

    To a door `draining` and `out_of_service` are one wish: nothing new goes in, what lies there
    comes out. It is shown as draining until it did.
    """
    doing, session = change.doing(), change.session
    locker_id, number = place
    standing(locked(session, locker_id))
    row = _place(session, locker_id, number)
    change.match.check(_place_shown(row))
    before = compartment_service(row)
    is_in = before == "in_service"
    if (to == "in_service") == is_in and not (is_in and row.service == "out"):
        return _place_shown(row)
    servicing.wish(row, "in" if to == "in_service" else "out")
    doing.note("set_compartment_service", Upon(locker_id, number), before=before, after=to)
    session.flush()
    return _place_shown(row)


def clear(doing: Doing, locker_id: str, number: int) -> Row:
    """Say that somebody looked: a suspect compartment is in service again once its locker says so.

    What was in dispute there is resolved first. Raises `NotFound`, `WrongState`.
    """
    standing(locked(doing.session, locker_id))
    row = _place(doing.session, locker_id, number)
    parcel = doing.session.get(Parcel, row.parcel_id) if row.parcel_id else None
    if parcel is not None and parcel.state == "disputed":
        raise WrongState("The parcel there is in dispute; resolve it first.", state=parcel.state)
    if row.service == "out" or row.wished_service == "out":
        raise WrongState("It is out of service; set it in service.", state="out")
    if row.service == "suspect":
        servicing.wish(row, "in")
        doing.note("clear_compartment", Upon(locker_id, number), content=row.content)
    doing.session.flush()
    return _place_shown(row)


def _place(session: Session, locker_id: str, number: int) -> Compartment:
    row = session.get(Compartment, (locker_id, number), populate_existing=True)
    if row is None:
        raise NotFound("No compartment by this number at a locker by this id.")
    return row


def _place_shown(row: Compartment) -> Row:
    return {
        "locker_id": row.locker_id,
        "compartment": row.number,
        "state": compartment_service(row),
        "service": row.service,
        "heard": row.wished_service is None or row.wish_heard,
    }
