"""The rows that the events of batches speak of, read together and held while they are applied.

A session lets go of a row that nobody holds, and would read it again for the next event. What is
not here is looked for when it is needed: this saves round trips and decides nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BindParameter, Integer, Select, bindparam, cast, or_, select
from sqlalchemy.orm import Session

from fellesskap_backend.bulk import Pending
from fellesskap_backend.lists import dialect_of, listed, pairs
from fellesskap_backend.lockers.tables import Compartment
from fellesskap_backend.parcels.tables import Authorisation, Parcel
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights.tables import Right, RightCode
from fellesskap_protocol.events import (
    Booted,
    ClockChanged,
    Collected,
    Deposited,
    DoorClosed,
    DoorOpened,
    Event,
    LeftOpen,
    NotOpened,
    Presented,
    Pulsed,
    RightsApplied,
    Serving,
    Temperature,
)


class Whose(NamedTuple):
    """Which parcel or door operation an authorisation is of."""

    parcel_id: UUID | None
    jti: str | None


@dataclass
class Known:
    """What was read of one locker; `authorisations` has None for those that there are not."""

    parcels: dict[UUID, Parcel] = field(default_factory=dict)
    """By the right under which each was found."""
    authorisations: dict[str, Whose | None] = field(default_factory=dict)
    held: list[Any] = field(default_factory=list)
    frees: bool = True
    """Whether a claim may wait here for the revision that takes it away to be applied."""
    pending: Pending | None = None
    """Where lines of history and notices wait for the end of the batch."""

    def parcel_of(self, right_id: UUID) -> Parcel | None:
        """Return the parcel whose right this is, if it was read and still has it."""
        found = self.parcels.get(right_id)
        return found if found is not None and found.right_id == right_id else None


Said = Mapping[str, Sequence[Event]]
"""What each locker says."""
Named = tuple[str, Any]
"""A locker, and what it names."""
FIELDS = ("authorisation_id", "right_id", "parcel_id", "compartment")
INTEGER_MAX = 2**31 - 1


def read(session: Session, said: Said, pending: Pending) -> dict[str, Known]:
    """Read what lockers name of their own, in four statements at most."""
    known = {locker_id: Known(pending=pending) for locker_id in said}
    named = _named(said)
    _read_authorisations(session, named["authorisation_id"], known)
    _read_parcels(session, [*named["right_id"], *named["parcel_id"]], known)
    quiet = [one for one, events in said.items() if _frees_later(events)]
    if quiet:
        waiting = set(session.scalars(_WAITING, {"lockers": quiet}))
        for locker_id in quiet:
            known[locker_id].frees = locker_id in waiting
    doors = named["compartment"]
    if doors:
        for place in session.scalars(_places(dialect_of(session)), listed(doors)):
            known[place.locker_id].held.append(place)
    return known


@cache
def _places(dialect: str) -> Select[Compartment]:
    wanted = pairs(dialect)
    number = cast(wanted.c.second, Integer)
    return select(Compartment).join(
        wanted, (Compartment.locker_id == wanted.c.first) & (Compartment.number == number)
    )


def _frees_later(events: Sequence[Event]) -> bool:
    """Say whether rights were applied, and nothing else lets a claim begin to wait for that."""
    return any(isinstance(one, RightsApplied) for one in events) and all(
        isinstance(one, QUIET) or (isinstance(one, Deposited) and one.right_id is not None)
        for one in events
    )


QUIET = (
    *(RightsApplied, Presented, Pulsed, DoorOpened, DoorClosed, NotOpened, LeftOpen, Collected),
    *(Booted, ClockChanged, Serving, Temperature),
)
_WAITING = (
    select(Claim.locker_id)
    .where(Claim.locker_id.in_(bindparam("lockers", expanding=True)))
    .where(Claim.released.is_(False), Claim.released_at_revision.is_not(None))
    .distinct()
)


def _read_authorisations(
    session: Session, names: Sequence[Named], known: Mapping[str, Known]
) -> None:
    if not names:
        return
    for locker_id, name in names:
        known[locker_id].authorisations[name] = None
    for row in session.execute(_authorisations(dialect_of(session)), listed(names)):
        whose = Whose(row.parcel_id, row.jti)
        known[row.locker_id].authorisations[row.authorisation_id] = whose


@cache
def _authorisations(dialect: str) -> Select[str, str, UUID | None, str | None]:
    wanted = pairs(dialect)
    named = Authorisation.locker_id, Authorisation.authorisation_id
    return select(*named, Authorisation.parcel_id, Authorisation.jti).join(
        wanted, (named[0] == wanted.c.first) & (named[1] == wanted.c.second)
    )


def _read_parcels(session: Session, names: Sequence[Named], known: Mapping[str, Known]) -> None:
    """Read parcels with all that moves with them, those of the lockers that name them."""
    ids: set[UUID | None] = {
        one.parcel_id
        for each in known.values()
        for one in each.authorisations.values()
        if one is not None and one.parcel_id is not None
    }
    ids |= {_uuid_of(one) for _, one in names}
    ids.discard(None)
    if not ids:
        return
    for row in session.execute(_PARCELS, {"lockers": list(known), "ids": list(ids)}):
        here, parcel = known[row[0].locker_id], row[0]
        here.held.append(row)
        if parcel.right_id:
            here.parcels[parcel.right_id] = parcel


_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_PARCELS = (
    select(Parcel, Reservation, Claim, Right, RightCode)
    .outerjoin(Reservation, Reservation.id == Parcel.reservation_id)
    .outerjoin(Claim, Claim.right_id == Parcel.right_id)
    .outerjoin(Right, (Right.id == Parcel.right_id) & (Right.locker_id == Parcel.locker_id))
    .outerjoin(RightCode, RightCode.right_id == Parcel.right_id)
    .where(Parcel.locker_id.in_(bindparam("lockers", expanding=True)))
    .where(or_(Parcel.right_id.in_(_IDS), Parcel.remove_right_id.in_(_IDS), Parcel.id.in_(_IDS)))
)


def _named(said: Said) -> dict[str, list[Named]]:
    """Return what events name under each field, in order, each once."""
    found: dict[str, dict[Named, None]] = {name: {} for name in FIELDS}
    for locker_id, events in said.items():
        for event in events:
            for name in _fields_of(type(event)):
                found[name][locker_id, getattr(event, name)] = None
    return {name: [one for one in each if _can_be(one[1])] for name, each in found.items()}


@cache
def _fields_of(kind: type[Event]) -> tuple[str, ...]:
    return tuple(name for name in FIELDS if name in kind.__struct_fields__)


def _can_be(value: str | int | None) -> bool:
    """Say whether a row can have such a name or number: PostgreSQL knows none of the others."""
    if value is None:
        return False
    return "\0" not in value if isinstance(value, str) else abs(value) <= INTEGER_MAX


def _uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
