"""Doors that operators open from afar: a row here, a command by the bridge, an outcome here."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from fellesskap_backend import idempotency
from fellesskap_backend.carriers.service import Caller, Credentials, caller
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.door_operations import machine
from fellesskap_backend.door_operations.tables import DoorOperation
from fellesskap_backend.errors import InvalidRequest, NotFound
from fellesskap_backend.idempotency import Answered, Attempt
from fellesskap_backend.lockers.tables import Compartment, Locker

GOOD_FOR = timedelta(seconds=30)
"""How long an operator's wish may wait for the locker; then it has expired."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A door to be opened, and why."""

    attempt: Attempt
    locker_id: str
    compartment: int
    reason_code: str
    reason: str


def issue(session: Session, credentials: Credentials, asked: Asked, *, moment: Moment) -> Answered:
    """Ask the locker to open a door, once per key; raise `NotFound` or `InvalidRequest`."""
    by = caller(session, credentials, "operator")

    def act() -> Answered:
        return Answered(202, _issue(session, by, asked, moment))

    return idempotency.once(session, by.tenant, asked.attempt, act, now=moment.now)


def _issue(session: Session, by: Caller, asked: Asked, moment: Moment) -> Row:
    place = {"at_locker": asked.locker_id, "number": asked.compartment}
    found = session.execute(_PLACE, place).one_or_none()
    if found is None:
        raise NotFound("No locker by this id.")
    if found.number is None:
        raise InvalidRequest(f"This locker has no compartment {asked.compartment}.")
    operation = DoorOperation(
        id=moment.new_id(),
        locker_id=asked.locker_id,
        compartment=asked.compartment,
        requested_by=by.prefix,
        reason_code=asked.reason_code,
        reason=asked.reason,
        state="issued",
        issued_at=moment.now,
        expires_at=moment.now + GOOD_FOR,
        updated_at=moment.now,
    )
    session.add(operation)
    session.flush()
    return _shown(operation, moment.now)


def find(
    session: Session,
    credentials: Credentials,
    locker_id: str,
    *,
    operation_id: UUID,
    now: datetime,
) -> Row:
    """Return what became of a door operation; raise `NotFound`."""
    caller(session, credentials, "operator")
    operation = session.scalars(
        select(DoorOperation).where(
            DoorOperation.id == operation_id, DoorOperation.locker_id == locker_id
        )
    ).one_or_none()
    if operation is None:
        raise NotFound("No door operation by this id at this locker.")
    return _shown(operation, now)


def _shown(operation: DoorOperation, now: datetime) -> Row:
    return {
        "id": str(operation.id),
        "locker_id": operation.locker_id,
        "compartment": operation.compartment,
        "reason_code": operation.reason_code,
        "reason": operation.reason,
        "state": machine.shown(operation.state, operation.updated_at, now),
        "outcome_reason": operation.outcome_reason,
        "issued_at": instant(operation.issued_at),
        "expires_at": instant(operation.expires_at),
        "updated_at": instant(operation.updated_at),
    }


_PLACE = (
    select(Locker.id, Compartment.number)
    .outerjoin(
        Compartment,
        (Compartment.locker_id == Locker.id) & (Compartment.number == bindparam("number")),
    )
    .where(Locker.id == bindparam("at_locker"))
)
