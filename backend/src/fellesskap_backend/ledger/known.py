"""The rows that the events of a batch speak of, read together and held while they are applied.

A session lets go of a row that nobody holds, and would read it again for the next event. What is
not here is looked for when it is needed: this saves round trips and decides nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from fellesskap_backend.lockers.tables import Compartment
from fellesskap_backend.parcels.tables import Authorisation, Parcel
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights.tables import Right, RightCode
from fellesskap_protocol.events import Event


@dataclass
class Known:
    """What was read of one locker; `authorisations` has None for those that there are not."""

    parcels: dict[UUID, Parcel] = field(default_factory=dict)
    """By the right under which each was found."""
    authorisations: dict[str, Authorisation | None] = field(default_factory=dict)
    held: list[Any] = field(default_factory=list)

    def parcel_of(self, right_id: UUID) -> Parcel | None:
        """Return the parcel whose right this is, if it was read and still has it."""
        found = self.parcels.get(right_id)
        return found if found is not None and found.right_id == right_id else None


def read(session: Session, locker_id: str, events: Sequence[Event]) -> Known:
    """Read what these events name, in three statements at most."""
    known = Known()
    _read_authorisations(session, locker_id, _named(events, "authorisation_id"), known)
    ids = {one.parcel_id for one in known.held if one.parcel_id is not None}
    for name in ("right_id", "parcel_id"):
        ids |= set(map(_uuid_of, _named(events, name)))
    ids.discard(None)
    if ids:
        _read_parcels(session, locker_id, ids, known)
    doors = _named(events, "compartment")
    if doors:
        places = select(Compartment).where(
            Compartment.locker_id == locker_id, Compartment.number.in_(doors)
        )
        known.held += session.scalars(places)
    return known


def _read_authorisations(
    session: Session, locker_id: str, names: Sequence[str], known: Known
) -> None:
    if not names:
        return
    found = session.scalars(
        select(Authorisation).where(
            Authorisation.locker_id == locker_id, Authorisation.authorisation_id.in_(names)
        )
    ).all()
    known.authorisations = dict.fromkeys(names) | {one.authorisation_id: one for one in found}
    known.held += found


def _read_parcels(
    session: Session, locker_id: str, ids: Iterable[UUID | None], known: Known
) -> None:
    """Read parcels with all that moves with them."""
    wanted = list(ids)
    rows = session.execute(
        select(Parcel, Reservation, Claim, Right, RightCode)
        .outerjoin(Reservation, Reservation.id == Parcel.reservation_id)
        .outerjoin(Claim, Claim.right_id == Parcel.right_id)
        .outerjoin(Right, (Right.id == Parcel.right_id) & (Right.locker_id == Parcel.locker_id))
        .outerjoin(RightCode, RightCode.right_id == Parcel.right_id)
        .where(Parcel.locker_id == locker_id)
        .where(
            or_(
                Parcel.right_id.in_(wanted),
                Parcel.remove_right_id.in_(wanted),
                Parcel.id.in_(wanted),
            )
        )
    ).all()
    known.parcels = {row.Parcel.right_id: row.Parcel for row in rows if row.Parcel.right_id}
    known.held += rows


def _named(events: Iterable[Event], name: str) -> list[Any]:
    """Return what events name under a field, in order, each once."""
    found = (getattr(one, name, None) for one in events)
    return list(dict.fromkeys(one for one in found if one is not None))


def _uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
