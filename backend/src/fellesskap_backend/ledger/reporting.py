"""Custody as a locker reports it: what a new store holds, and what a restored database forgot.

A report is compared with the rows: adopted where they know nothing, revoked where the ledger shows
a parcel as gone, in dispute where the two contradict each other. What a report does *not* name is
judged when it is complete.
"""

import logging
from collections.abc import Iterator
from typing import Literal

import msgspec
from sqlalchemy import select, update

from fellesskap_backend.ledger import custody
from fellesskap_backend.ledger.adopting import adopt, as_deposit, as_right, complete_right, uuid_of
from fellesskap_backend.ledger.at import At, CannotApply
from fellesskap_backend.ledger.disputing import dispute, lies_there, moved
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.lockers.tables import Compartment
from fellesskap_backend.parcels.machine import HELD
from fellesskap_backend.parcels.moving import Facts
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.reservations.tables import Claim
from fellesskap_backend.rights import service as rights
from fellesskap_protocol.events import CustodyReported, Event, HardwareDescribed, StoreCreated
from fellesskap_protocol.messages import MalformedMessage, decode_event

log = logging.getLogger(__name__)
GONE = ("collected", "removed", "picked_up")
Reason = Literal["commissioned", "lost", "damaged", "went_back"]


def reported(at: At, event: CustodyReported) -> None:
    """Take in what the locker believes to hold; it may hold nothing at all (compartment 0)."""
    if at.epoch is not None and at.epoch.epoch != at.locker.epoch and not at.locker.quarantined_at:
        raise CannotApply("a report of a store that was followed by another")
    if event.parcel_id:
        _believe(at, event)
    if event.complete:
        _complete(at, event)


def vouched_empty(at: At, event: HardwareDescribed) -> None:
    """Take a commissioning as a complete report that names nothing."""
    _conclude(at, event, set(), suspect=False)


def free_applied(at: At) -> bool:
    """Free capacity whose taking away is recorded as applied.

    In a new epoch not before its complete custody report: what was done under a claim in the old
    one, and was never sent, is told by that alone. Return whether it was freed.
    """
    locker = at.locker
    if locker.quarantined_at is not None or locker.applied_generation != locker.generation:
        return False
    if at.epoch is not None and not at.epoch.custody_seq:
        locker.custody_wanted = True
        return False
    if at.known.frees:
        at.session.execute(
            update(Claim)
            .where(
                Claim.locker_id == locker.id,
                Claim.released.is_(False),
                Claim.released_at_revision <= locker.applied_revision,
            )
            .values(released=True)
        )
    return True


def beginning(at: At) -> Reason | None:
    """Return why the present epoch began; None if that is not known."""
    epoch = at.epoch.epoch if at.epoch is not None else at.locker.epoch
    body = at.session.scalar(
        select(Entry.body).where(
            Entry.locker_id == at.locker.id, Entry.epoch == epoch, Entry.seq == 1
        )
    )
    first = _read(body)
    return first.reason if isinstance(first, StoreCreated) else None


# One compartment ---------------------------------------------------------------------------------


def _believe(at: At, event: CustodyReported) -> None:
    parcel = _known(at, event)
    if parcel is None:
        adopt(at, event)
    elif parcel.state in GONE:
        _revoke(at, event, parcel)
    elif parcel.state == "lost":
        at.say(log.error, "holds a parcel that was given up as lost")
        lies_there(at, event, parcel)
    elif parcel.state not in HELD and parcel.kind == "drop_off":
        facts = Facts(event.compartment, "none")
        custody.moved(at, event, parcel, "dropped_off", facts=facts)
        complete_right(at, event, parcel)
    elif parcel.state not in HELD:
        custody.deposited(at, as_deposit(event, parcel))
    else:
        if parcel.compartment != event.compartment:
            moved(at, event, parcel)
        lies_there(at, event, parcel)
        complete_right(at, event, parcel)


def _known(at: At, event: CustodyReported) -> Parcel | None:
    right_id, parcel_id = uuid_of(event.right_id), uuid_of(event.parcel_id)
    parcel = at.parcel_of(str(right_id)) if right_id is not None else None
    if parcel is None and parcel_id is not None:
        parcel = at.session.get(Parcel, parcel_id)
    return parcel if parcel is not None and parcel.locker_id == at.locker.id else None


def _revoke(at: At, event: CustodyReported, parcel: Parcel) -> None:
    """Take a right out of use whose parcel the ledger shows as gone; a person must look."""
    at.say(log.error, "holds a parcel that was taken, it says")
    place = at.compartment(event.compartment)
    place.content, place.service = "parcel", "suspect"
    other = at.session.get(Parcel, place.parcel_id) if place.parcel_id else None
    if other is not None and other.id != parcel.id:
        dispute(at, event, other, "another_reported")
    right_id = uuid_of(event.right_id)
    if right_id is None:
        return
    known = rights.right_of(at.session, at.locker.id, right_id)
    if known is None or not known.revoked:
        wanted = msgspec.structs.replace(as_right(event, parcel), revoked=True)
        rights.wish(at.session, at.locker, wanted)


# A whole report ----------------------------------------------------------------------------------


def _complete(at: At, event: CustodyReported) -> None:
    if at.locker.quarantined_at is not None:
        return  # what one of two devices does not hold the other may
    named = _named(at, event)
    if named is None:
        at.locker.custody_wanted = True
        at.say(log.error, "a part of its custody report is lost; asked again")
        return
    # A store that knows nothing proves nothing: its doors need no person to look behind them.
    knew_nothing = _is_first(at) and beginning(at) in ("lost", "damaged")
    _conclude(at, event, named, suspect=not knew_nothing)


def _is_first(at: At) -> bool:
    return at.epoch is not None and not at.epoch.custody_seq


def _conclude(at: At, event: Event, named: set[str], *, suspect: bool) -> None:
    """Put in dispute what is believed there and was not named; free what waited for this."""
    believed = select(Parcel).where(Parcel.locker_id == at.locker.id, Parcel.state.in_(HELD))
    for parcel in at.session.scalars(believed.order_by(Parcel.id)).all():
        if named.isdisjoint((str(parcel.id), str(parcel.right_id))):
            place = at.session.get(Compartment, (at.locker.id, parcel.compartment or 0))
            if suspect and place is not None and place.parcel_id == parcel.id:
                place.service = "suspect"
            dispute(at, event, parcel, "not_reported")
    if at.epoch is not None:
        at.epoch.custody_seq = event.seq
    free_applied(at)


def _named(at: At, last: CustodyReported) -> set[str] | None:
    """Return the parcels and rights of the report that ends here; None if its begin is lost."""
    if at.epoch is None:
        return None
    named = {last.parcel_id, last.right_id or ""}
    wanted = last.seq - 1
    for seq, body in _before(at, at.epoch.epoch, last.seq):
        event = _read(body)
        if seq != wanted:
            return None
        if not isinstance(event, CustodyReported) or event.complete:
            return None if event is None else named
        named |= {event.parcel_id, event.right_id or ""}
        wanted -= 1
    return named if wanted == 0 else None


def _before(at: At, epoch: str, seq: int) -> Iterator[tuple[int, bytes]]:
    rows = at.session.execute(
        select(Entry.seq, Entry.body)
        .where(Entry.locker_id == at.locker.id, Entry.epoch == epoch, Entry.seq < seq)
        .order_by(Entry.seq.desc())
        .limit(_at_most(at))
    )
    return ((row.seq, row.body) for row in rows)


def _at_most(at: At) -> int:
    """Return how many events one report can have before its last, and one more."""
    every = select(Compartment.number).where(Compartment.locker_id == at.locker.id)
    return len(at.session.scalars(every).all()) + 1


def _read(body: bytes | None) -> Event | None:
    try:
        return None if body is None else decode_event(body)
    except MalformedMessage:
        return None
