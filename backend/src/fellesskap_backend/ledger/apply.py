"""What a recorded event means for the rows of the nouns: `HANDLERS` by type of event.

The edge is the authority on the physical: every event about custody is legal from every state to
which the backend may have moved alone, and then it is told as late. An event that is unknown or
fails changes nothing and is kept as unapplied.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from fellesskap_backend.allowances import service as allowances
from fellesskap_backend.bulk import Pending, write_changed
from fellesskap_backend.db import Moment
from fellesskap_backend.ledger import (
    adopting,
    custody,
    doors,
    hardware,
    kiosk,
    reporting,
    serving,
)
from fellesskap_backend.ledger import known as known_rows
from fellesskap_backend.ledger.at import At, CannotApply
from fellesskap_backend.lockers import faults, servicing
from fellesskap_backend.lockers.tables import Compartment
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights.tables import Right, RightCode
from fellesskap_backend.trouble import is_passing
from fellesskap_protocol import events
from fellesskap_protocol.buggify import sometimes
from fellesskap_protocol.messages import MalformedMessage, decode_event

__all__ = ["HANDLERS", "At", "CannotApply", "Recorded", "apply", "apply_all"]
log = logging.getLogger(__name__)
Handler = Callable[[At, Any], None]


@dataclass(frozen=True)
class Recorded:
    """What was recorded of a locker: each event's bytes, and the moment of its recording."""

    at: At
    events: Sequence[tuple[Moment, bytes]]


MOVED = (Parcel, Reservation, Claim, Right, RightCode, Compartment)
"""What events change row by row, and nobody looks at once they are applied."""
Reasons = list[str | None]
"""Of each event why it could not be applied, or None."""


def apply_all(session: Session, recorded: Sequence[Recorded]) -> list[Reasons]:
    """Apply what was recorded of different lockers; return of each event why it could not be.

    All of it under one savepoint, written together at its end. If one fails, that is undone; then
    what each locker said is applied by itself, and of the one that fails each event alone, as if
    nothing had been tried.
    """
    several = sum(len(one.events) for one in recorded) > 1
    if several and not sometimes("ledger.each_alone"):
        try:
            with session.begin_nested():
                return _together(session, recorded)
        except Exception as error:  # the top of a loop over what others wrote
            if is_passing(error):
                raise
            session.expire_all()  # `write_changed` made rows look written
            ids = ", ".join(one.at.locker.id for one in recorded)
            log.info("not applied together: %s", ids)
    if len(recorded) > 1:
        return [apply_all(session, [one])[0] for one in recorded]
    return [
        [apply(one.at.then(moment, known_rows.Known()), body) for moment, body in one.events]
        for one in recorded
    ]


def _together(session: Session, recorded: Sequence[Recorded]) -> list[Reasons]:
    said = [[_read(body) for _, body in one.events] for one in recorded]
    named = {
        one.at.locker.id: [event for event in read if event is not None]
        for one, read in zip(recorded, said, strict=True)
    }
    pending = Pending()
    known = known_rows.read(session, named, pending)
    reasons = []
    for one, read in zip(recorded, said, strict=True):
        here = known[one.at.locker.id]
        moments = [moment for moment, _ in one.events]
        reasons.append(
            [
                _applied(one.at.then(moment, here), event)
                for moment, event in zip(moments, read, strict=True)
            ]
        )
    write_changed(session, MOVED)
    session.flush()
    pending.write(session)
    return reasons


def apply(at: At, stored: bytes) -> str | None:
    """Apply one event under a savepoint; return why it could not be, or None.

    The reason names classes only: an event's own words may be somebody's.
    """
    event = _read(stored)
    try:
        with at.session.begin_nested():
            reason = _applied(at, event)
            at.session.flush()
    except CannotApply as reason:
        return str(reason)
    except Exception as error:  # the top of a loop over what others wrote
        if is_passing(error):
            raise
        return type(error).__name__
    return reason


def _read(stored: bytes) -> events.Event | None:
    try:
        return decode_event(stored)
    except MalformedMessage:
        return None


def _applied(at: At, event: events.Event | None) -> str | None:
    """Let an event change the rows; say why it is one that cannot."""
    if event is None:
        return "malformed or of an unknown type"
    handler = HANDLERS.get(type(event))
    if handler is None:
        return "nothing is known to do with it"
    handler(at, event)
    _renew(at, event)
    return None


def _renew(at: At, event: events.Event) -> None:
    """Grant again what was used of the allowance, when there is something to grant or room."""
    state = at.locker.allowances
    if state == "due" or (state == "short" and isinstance(event, MAKES_ROOM)):
        allowances.settle(at.session, at.locker)


def store_created(at: At, _event: events.StoreCreated) -> None:
    """Begin with the store what is counted or kept in it: allowances, faults, what is out."""
    allowances.begin(at.session, at.locker)
    faults.begin(at.session, at.locker.id)
    servicing.begin(at.session, at.locker.id)


def rights_applied(at: At, event: events.RightsApplied) -> None:
    """Note what is in force, and free what was held until that: it is in the ledger before."""
    locker = at.locker
    if at.epoch is not None and at.epoch.epoch != locker.epoch:
        return  # what an earlier store had applied says nothing of the present one
    before = (locker.applied_generation, locker.applied_revision)
    now = max(before, (event.generation, event.revision))
    locker.applied_generation, locker.applied_revision = now
    if reporting.free_applied(at) and event.generation == locker.generation:
        allowances.applied(at.session, locker, event.revision, event.used)


def fault(at: At, event: events.Fault) -> None:
    """Keep what stands, and tell whoever watches the log."""
    what = "ok" if event.what == "ok" else "a fault"
    at.say(log.warning, "a part reports %s", what)
    faults.told(at.session, at.locker.id, event, now=at.moment.now)


def _told(_at: At, _event: events.Event) -> None:
    """The row in the ledger is all."""


MAKES_ROOM = (
    events.HardwareDescribed,
    events.RightsApplied,
    events.Collected,
    events.Removed,
    events.ServiceChanged,
)
HANDLERS: dict[type[events.Event], Handler] = {
    events.StoreCreated: store_created,
    events.HardwareDescribed: hardware.described,
    events.Booted: _told,
    events.ClockChanged: _told,
    events.Serving: serving.served,
    events.RightsApplied: rights_applied,
    events.Presented: doors.presented,
    events.Pulsed: doors.pulsed,
    events.DoorOpened: doors.opened,
    events.DoorClosed: doors.closed,
    events.NotOpened: doors.not_opened,
    events.Jammed: doors.jammed,
    events.LeftOpen: doors.left_open,
    events.Forced: doors.forced,
    events.Deposited: adopting.deposited,
    events.Collected: custody.collected,
    events.Removed: custody.removed,
    events.DroppedOff: custody.dropped_off,
    events.Upsized: kiosk.upsized,
    events.DeliveryFailed: kiosk.delivery_failed,
    events.Reported: kiosk.reported,
    events.ServiceChanged: hardware.service_changed,
    events.Overcommitted: kiosk.overcommitted,
    events.CustodyReported: reporting.reported,
    events.Temperature: _told,
    events.Fault: fault,
}
