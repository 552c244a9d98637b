"""Presentations, pulses and doors: the history of parcels and of operators' door operations.

An authorisation says whose a pulse or a door is; without one only the door is known.
"""

import logging
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from fellesskap_backend.db import held
from fellesskap_backend.door_operations import machine
from fellesskap_backend.door_operations.tables import DoorOperation
from fellesskap_backend.ledger.at import At
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_protocol.events import (
    DoorClosed,
    DoorOpened,
    Event,
    Forced,
    Jammed,
    LeftOpen,
    NotOpened,
    Presented,
    Pulsed,
)
from fellesskap_protocol.messages import Result

log = logging.getLogger(__name__)


def presented(at: At, event: Presented) -> None:
    """Remember whose authorisation it is, and tell its parcel or its operator."""
    parcel = at.parcel_of(event.right_id)
    operation = _operation(at.session, at.locker.id, event.jti)
    if event.outcome == "authorised" and event.authorisation_id is not None:
        at.authorised(
            {
                "authorisation_id": event.authorisation_id,
                "right_id": parcel.right_id if parcel else None,
                "parcel_id": parcel.id if parcel else None,
                "jti": event.jti,
                "compartment": event.compartment,
            }
        )
    if parcel is not None:
        what = "presented" if event.outcome == "authorised" else "refused"
        detail = event.kind if event.outcome == "authorised" else event.reason
        at.tell(parcel, what, event, compartment=event.compartment, detail=detail)
    if operation is not None:
        operation.authorisation_id = event.authorisation_id
        if event.outcome != "authorised":
            _move(operation, "refused", at.moment.now, reason=event.reason)


def pulsed(at: At, event: Pulsed) -> None:
    """A pulse was about to fire."""
    _tell(at, event, "pulsed", detail=str(event.attempt))


def opened(at: At, event: DoorOpened) -> None:
    """A door opened."""
    at.compartment(event.compartment).door = "open"
    _tell(at, event, "opened", what="door_opened")


def closed(at: At, event: DoorClosed) -> None:
    """A door shut."""
    at.compartment(event.compartment).door = "shut"
    _tell(at, event, "closed", what="door_closed")


def not_opened(at: At, event: NotOpened) -> None:
    """A pulse opened nothing."""
    _tell(at, event, "not_opened")


def jammed(at: At, event: Jammed) -> None:
    """The last pulse opened nothing either."""
    _tell(at, event, "jammed")


def left_open(at: At, event: LeftOpen) -> None:
    """A door stands open."""
    at.compartment(event.compartment).door = "open"
    _tell(at, event, "left_open")


def forced(at: At, event: Forced) -> None:
    """A door opened without a pulse."""
    at.compartment(event.compartment).door = "open"
    at.say(log.error, "door %d was forced", event.compartment)


def resulted(session: Session, locker_id: str, result: Result, *, now: datetime) -> None:
    """Move an operation on by what its command's result says."""
    operation = _operation(session, locker_id, result.jti)
    outcome = result.first_outcome if result.outcome == "duplicate" else result.outcome
    if operation is not None and outcome in ("done", "refused"):
        _move(operation, outcome, now, reason=result.reason)


def _tell(
    at: At, event: Event, word: machine.Word, *, what: str | None = None, detail: str | None = None
) -> None:
    """Tell the parcel or the operator of an authorisation what its door did."""
    authorisation_id: str | None = getattr(event, "authorisation_id", None)
    if authorisation_id is None:
        return
    found = at.authorisation(authorisation_id)
    if found is None:
        return
    compartment: int = getattr(event, "compartment")  # noqa: B009 - all of these have one
    parcel = held(at.session, Parcel, found.parcel_id) if found.parcel_id else None
    if parcel is not None:
        at.tell(parcel, what or word, event, compartment=compartment, detail=detail)
    operation = _operation(at.session, at.locker.id, found.jti)
    if operation is not None:
        _move(operation, word, at.moment.now)


def _move(
    operation: DoorOperation, word: machine.Word, now: datetime, *, reason: str | None = None
) -> None:
    state = machine.after(operation.state, word)
    if state is None:
        return
    operation.state, operation.outcome_reason, operation.updated_at = state, reason, now


def _operation(session: Session, locker_id: str, jti: str | None) -> DoorOperation | None:
    """Return the operation behind a command of this locker; None for other commands."""
    if jti is None:
        return None
    try:
        operation_id = UUID(jti)
    except ValueError:
        return None
    which = {"id": operation_id, "locker_id": locker_id}
    return session.scalars(_OPERATION, which).one_or_none()


_OPERATION = select(DoorOperation).where(
    DoorOperation.id == bindparam("id"), DoorOperation.locker_id == bindparam("locker_id")
)
