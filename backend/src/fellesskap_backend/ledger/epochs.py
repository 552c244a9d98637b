"""Epochs of a locker: opened, closed for good, and when two of them are a clone.

A closed epoch leaves a row that says what is not known of its end. In quarantine epochs stand side
by side: two devices that close each other's would begin new ones for ever.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, object_session

from fellesskap_backend.committed import when_committed
from fellesskap_backend.ledger.tables import Tail
from fellesskap_backend.lists import dialect_of, listed, pairs
from fellesskap_backend.lockers.tables import Device, Epoch, Locker
from fellesskap_protocol.events import GENESIS
from fellesskap_protocol.messages import Batch, Birth

log = logging.getLogger(__name__)
CLONE_EPOCHS, CLONE_WITHIN = 3, timedelta(hours=24)
"""So many epochs of one device within this time are two devices."""
BOOTS_MAX = 16
"""How many former boots are remembered per epoch."""


def locked_all(session: Session, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Epoch]:
    """Return the rows of epochs (locker, epoch), locked, as far as there are any."""
    rows = session.scalars(_locked(dialect_of(session)), listed(keys))
    return {(row.locker_id, row.epoch): row for row in rows}


@cache
def _locked(dialect: str) -> Select[Epoch]:
    wanted = pairs(dialect)
    return (
        select(Epoch)
        .join(wanted, (Epoch.locker_id == wanted.c.first) & (Epoch.epoch == wanted.c.second))
        .order_by(Epoch.locker_id)
        .with_for_update(of=Epoch)
        .execution_options(populate_existing=True)
    )


def opened(session: Session, locker: Locker, message: Birth | Batch, *, now: datetime) -> Epoch:
    """Return a new epoch's row: the store is new to us."""
    if _began_lately(session, locker, now) + 1 >= CLONE_EPOCHS:
        quarantine(locker, now, "its third epoch within a day")
    if locker.quarantined_at is None:
        close(session, locker, by=message.epoch, now=now)
    epoch = Epoch(
        locker_id=locker.id,
        epoch=message.epoch,
        opened_at=now,
        acked_seq=0,
        last_hash=GENESIS,
        boot_id=message.boot_id,
        session=message.session,
        protocol=1,
        said_head=0,
        former_boots=[],
        custody_seq=0,
    )
    session.add(epoch)
    locker.epoch = message.epoch
    # What a lost store had applied says nothing of the new one: capacity that was to be freed
    # waits for the first `rights_applied` of this epoch.
    locker.applied_generation = locker.applied_revision = 0
    return epoch


def steers(locker: Locker, epoch: Epoch, message: Birth | Batch, *, now: datetime) -> bool:
    """Take in what a message says of its sender; say whether it is of the present connection.

    A delayed message of an earlier connection is answered (the edge ignores it), so that a store
    that went back in time learns of it; it moves nothing.
    """
    epoch.said_head = max(epoch.said_head, message.head_seq)
    present = epoch.closed_at is None and epoch.epoch == locker.epoch
    if not present or message.session < epoch.session:
        return False
    if message.boot_id != epoch.boot_id:
        if message.boot_id in epoch.former_boots:
            quarantine(locker, now, "two boots of it take turns")
        epoch.former_boots = [*epoch.former_boots, epoch.boot_id][-BOOTS_MAX:]
    epoch.boot_id, epoch.session = message.boot_id, message.session
    locker.reported_generation = message.generation
    locker.reported_revision = message.revision
    if (message.generation, message.revision) > (locker.generation, locker.revision):
        # Only a database that forgot wishes can be behind what its locker has.
        locker.behind_since = locker.behind_since or now
    return True


def quarantine(locker: Locker, now: datetime, why: str) -> None:
    """Send a locker nothing more, until an operator has revoked a device."""
    if locker.quarantined_at is None:
        locker.quarantined_at = now
    session = object_session(locker)
    assert session is not None
    when_committed(
        session,
        log.error,
        "locker %s: a clone, it seems (%s): in quarantine until one is revoked: "
        "fellesskap-backend device revoke %s DEVICE",
        locker.id,
        why,
        locker.id,
    )


def _began_lately(session: Session, locker: Locker, now: datetime) -> int:
    """Count the epochs of a day, as far as they are of the device that speaks now."""
    claimed_at = session.scalar(
        select(func.max(Device.claimed_at)).where(
            Device.locker_id == locker.id, Device.revoked_at.is_(None)
        )
    )
    since = now - CLONE_WITHIN
    since = max(since, claimed_at) if claimed_at is not None else since
    count = select(func.count()).where(Epoch.locker_id == locker.id, Epoch.opened_at > since)
    return session.scalar(count) or 0


def close(session: Session, locker: Locker, *, by: str, now: datetime) -> None:
    """Close what is open for good; of its end is known only what was recorded."""
    for former in session.scalars(
        select(Epoch)
        .where(Epoch.locker_id == locker.id, Epoch.closed_at.is_(None))
        .order_by(Epoch.opened_at)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all():
        former.closed_at = now
        session.add(
            Tail(
                locker_id=locker.id,
                epoch=former.epoch,
                acked_seq=former.acked_seq,
                said_head=former.said_head,
                closed_by=by,
                recorded_at=now,
            )
        )
        when_committed(
            session,
            log.error,
            "locker %s: an epoch is closed; %d of its events are recorded, %d were claimed, "
            "what followed is not known",
            locker.id,
            former.acked_seq,
            former.said_head,
        )
