"""What the database says is owed: rights that differ, commands without outcome, who is there.

Read by the bridge beside its ingest; every function takes the session first.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from fellesskap_backend.db import UtcDateTime, rows_of
from fellesskap_backend.door_operations.tables import DoorOperation
from fellesskap_backend.downlink import Downlink, Hold, Position, Stage
from fellesskap_backend.lists import among
from fellesskap_backend.lockers.health import CONTACT
from fellesskap_backend.lockers.restoring import hold_of
from fellesskap_backend.lockers.servicing import Owed
from fellesskap_backend.lockers.tables import DIFFERS, Compartment, Epoch, Locker
from fellesskap_protocol.events import Service
from fellesskap_protocol.messages import CommandKind, Presence

ASKED_MAX = 100
"""So many lockers are asked for their custody at a time: each answers with a whole report."""


@dataclass(frozen=True)
class Opening:
    """A command without outcome: what it says. A door operation, or a question of ours."""

    jti: str
    locker_id: str
    compartment: int | None
    reason_code: str
    exp: float
    stage: Stage
    kind: CommandKind = "open_door"
    service: Service | None = None
    """What a `set_service` wants."""


class Wish(NamedTuple):
    """Where a locker's rights should be."""

    locker_id: str
    position: Position
    hold: Hold


_WISHES = select(
    Locker.id,
    *(Locker.generation, Locker.revision),
    *(Locker.behind_since, Locker.quarantined_at),
    *(Locker.restored_at, Locker.custody_wanted),
)
_DIFFERING = _WISHES.where(DIFFERS)
_BEGUN = (
    _WISHES.add_columns(
        *(Locker.epoch, Locker.reported_generation, Locker.reported_revision),
        *(Locker.online, Locker.contact_at),
    )
    .where(among(Locker.id, "ids"))
    .order_by(Locker.id)
)
_IN_CONTACT = Locker.contact_at >= bindparam("since", type_=UtcDateTime())
_TO_BE_ASKED = (
    select(Locker.id)
    .where(
        Locker.custody_wanted,
        Locker.quarantined_at.is_(None),
        Locker.behind_since.is_(None),
        _IN_CONTACT,
    )
    .order_by(Locker.id)
    .limit(ASKED_MAX)
)
_SERVICES_OWED = (
    select(Compartment.locker_id, Compartment.number, Compartment.wished_service)
    .join(Locker, Locker.id == Compartment.locker_id)
    .where(
        Compartment.wished_service.is_not(None),
        ~Compartment.wish_heard,
        Locker.quarantined_at.is_(None),
        Locker.behind_since.is_(None),
        Locker.written_off_at.is_(None),
        _IN_CONTACT,
    )
    .order_by(Compartment.locker_id, Compartment.number)
    .limit(ASKED_MAX)
)
_OPENINGS = (
    select(DoorOperation)
    .where(DoorOperation.state == "issued")
    .order_by(DoorOperation.issued_at, DoorOperation.id)
)


def wishes(session: Session, also: Collection[str]) -> Sequence[Wish]:
    """Return the lockers whose reported position is not what is wished, and some others."""
    rows = list(rows_of(session, _DIFFERING, {}))
    if also:  # apart: an OR of both would read every locker
        rows += session.execute(_WISHES.where(Locker.id.in_(also)))
    found = {row.id: row for row in rows}.values()
    return [Wish(row.id, Position(row.generation, row.revision), hold_of(row)) for row in found]


def to_be_asked(session: Session, now: datetime) -> Sequence[str]:
    """Return the lockers in contact that have to say what lies where."""
    return rows_of(session, _TO_BE_ASKED, {"since": now - CONTACT}).scalars().all()


def services_owed(session: Session, now: datetime) -> Sequence[Owed]:
    """Return what lockers in contact have to hear of their compartments' service."""
    rows = rows_of(session, _SERVICES_OWED, {"since": now - CONTACT})
    return [Owed(row.locker_id, row.number, row.wished_service) for row in rows]


def openings(session: Session) -> Sequence[Opening]:
    """Return the commands that have no outcome yet, oldest first."""
    rows = session.scalars(_OPENINGS)
    return [
        Opening(
            jti=str(row.id),
            locker_id=row.locker_id,
            compartment=row.compartment,
            reason_code=row.reason_code,
            exp=row.expires_at.timestamp(),
            stage=_stage(row),
        )
        for row in rows
    ]


def _stage(row: DoorOperation) -> Stage:
    if row.signed_again:
        return Stage.SENT_AGAIN
    return Stage.ASKED if row.sent_at is None else Stage.SENT


def begun(session: Session, ids: Collection[str]) -> dict[str, Downlink]:
    """Return what is known of lockers before a message of theirs came, as far as there are any."""
    return {row.id: _begun(row) for row in rows_of(session, _BEGUN, {"ids": list(ids)})}


def _begun(row: Any) -> Downlink:
    known = Downlink(
        epoch=row.epoch,
        wanted=Position(row.generation, row.revision),
        hold=hold_of(row),
        reported=Position(row.reported_generation, row.reported_revision),
        online=row.online,
    )
    if row.contact_at is None:
        return known
    return replace(known, heard_at=row.contact_at.timestamp())


def sent(session: Session, jti: str, *, again: bool, now: datetime) -> None:
    """Note that a command went out."""
    values = {"signed_again": True} if again else {"sent_at": now}
    session.execute(update(DoorOperation).where(DoorOperation.id == UUID(jti)).values(**values))


def expired(session: Session, jti: str, *, now: datetime) -> None:
    """Note that nothing was heard of a command in time; a late truth may still come."""
    session.execute(
        update(DoorOperation)
        .where(DoorOperation.id == UUID(jti), DoorOperation.state == "issued")
        .values(state="expired", updated_at=now)
    )


def presence_changes(session: Session, locker_id: str, presence: Presence) -> bool:
    """Say whether presence tells something new; the late will of an old connection does not."""
    row = session.execute(
        select(Locker.online, Epoch.session)
        .outerjoin(Epoch, (Epoch.locker_id == Locker.id) & (Epoch.epoch == Locker.epoch))
        .where(Locker.id == locker_id)
    ).one_or_none()
    if row is None:
        return False
    outdated = not presence.online and presence.session < (row.session or 0)
    return row.online != presence.online and not outdated


def set_online(session: Session, locker_id: str, *, online: bool) -> None:
    """Note what presence says."""
    session.execute(update(Locker).where(Locker.id == locker_id).values(online=online))
