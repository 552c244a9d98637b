"""A database that came from a backup: what it must hear before it may promise anything again.

`fellesskap-backend restored` raises the generation of every locker. Each then hears its journal
again from where this database stands, tells what lies where, and only then gets its rights anew.
"""

import logging
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.committed import when_committed
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.downlink import Hold
from fellesskap_backend.events import service as events
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.lockers.tables import Epoch, Locker, Restoration
from fellesskap_protocol.messages import Batch

log = logging.getLogger(__name__)
Row = dict[str, Any]
FIRST = datetime(2020, 1, 1, tzinfo=UTC)
"""A generation is the seconds since then: one that was begun from the same backup is another."""


def restored(session: Session, moment: Moment) -> list[Row]:
    """Begin a new generation of every locker; return where the database stands in each journal.

    Carriers' feeds go on far behind where they can have been.

    Run again it begins another one: harmless, and needed if the first was not high enough for a
    locker that had not been heard yet.
    """
    lockers = session.scalars(
        select(Locker)
        .where(Locker.written_off_at.is_(None))
        .order_by(Locker.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    events.leap(session, moment.now)
    return [_begin(session, locker, moment) for locker in lockers]


def _begin(session: Session, locker: Locker, moment: Moment) -> Row:
    heard_of = max(locker.generation, locker.reported_generation)
    locker.generation = max(heard_of + 1, int((moment.now - FIRST).total_seconds()))
    locker.behind_since = None
    locker.restored_at, locker.custody_wanted = moment.now, True
    known = session.scalars(
        select(Epoch)
        .where(Epoch.locker_id == locker.id, Epoch.acked_seq > 0)
        .order_by(Epoch.opened_at.desc())
        .limit(1)
    ).one_or_none()
    newest = known and session.get(Entry, (locker.id, known.epoch, known.acked_seq))
    row = Restoration(
        locker_id=locker.id,
        generation=locker.generation,
        restored_at=moment.now,
        heard_until=newest.recorded_at if newest else None,
        epoch=known.epoch if known is not None else None,
        acked_seq=known.acked_seq if known is not None else 0,
    )
    session.add(row)
    return {
        "locker_id": locker.id,
        "generation": locker.generation,
        "heard_until": row.heard_until and instant(row.heard_until),
        "epoch": row.epoch,
        "acked_seq": row.acked_seq,
    }


def hold_of(locker: Any) -> Hold:
    """Say what must not be sent to a locker now; a row with the four columns is enough."""
    if locker.behind_since is not None:
        return Hold.SIGNATURES
    if locker.quarantined_at is not None:
        return Hold.EVERYTHING
    if locker.restored_at is not None and locker.custody_wanted:
        # Its rights wait: this database still wishes what was used up meanwhile.
        return Hold.RIGHTS
    return Hold.NOTHING


def progressed(
    session: Session, locker: Locker, epoch: Epoch, *, batch: Batch, moment: Moment
) -> None:
    """Note what a recorded batch of the present connection proves."""
    if epoch.acked_seq != batch.head_seq:
        return
    if locker.custody_wanted and epoch.custody_seq >= batch.first_seq:
        locker.custody_wanted = False
    if locker.restored_at is None or locker.custody_wanted:
        return
    if batch.generation == locker.applied_generation == locker.generation:
        _settle(session, locker, epoch, moment)


def _settle(session: Session, locker: Locker, epoch: Epoch, moment: Moment) -> None:
    row = session.get(Restoration, (locker.id, locker.generation))
    if row is not None:
        row.settled_at = moment.now
        row.settled_epoch, row.settled_seq = epoch.epoch, epoch.acked_seq
    locker.restored_at = None
    text = "locker %s: the restored database has caught up; it confirms again"
    when_committed(session, log.warning, text, locker.id)
