"""Events that were recorded and could not be applied: listed, and applied again after an upgrade.

In the order in which they were recorded, each under a savepoint; one that still fails stays kept.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.db import Moment, instant
from fellesskap_backend.ledger.apply import At, apply
from fellesskap_backend.ledger.service import note_applied
from fellesskap_backend.ledger.tables import Entry
from fellesskap_backend.lockers.service import locked
from fellesskap_backend.lockers.tables import Epoch
from fellesskap_backend.secrets import Secrets

Row = dict[str, Any]
AT_ONCE_MAX = 1_000
"""Events of one transaction, so that none is long; whoever has more applies again."""


def unapplied(
    session: Session, *, locker_id: str | None = None, seq: int | None = None
) -> list[Row]:
    """List what is kept, first recorded first: which event, and why; never what it says."""
    return [_shown(row) for row in _kept(session, locker_id, seq)]


def apply_again(
    session: Session,
    *,
    moment: Moment,
    secrets: Secrets,
    locker_id: str | None = None,
    seq: int | None = None,
) -> list[Row]:
    """Apply what is kept; return the same list, with the reason of what still fails."""
    rows = _kept(session, locker_id, seq)
    lockers = {one: locked(session, one) for one in sorted({row.locker_id for row in rows})}
    for row in rows:
        locker = lockers[row.locker_id]
        assert locker is not None
        epoch = session.get(Epoch, (row.locker_id, row.epoch), with_for_update=True)
        then = replace(moment, now=row.recorded_at)
        reason = apply(At(session, locker, then, epoch, secrets), row.body)
        note_applied(session, row, reason)
        session.refresh(row)
    return [_shown(row) for row in rows]


def _kept(session: Session, locker_id: str | None, seq: int | None) -> Sequence[Entry]:
    kept = select(Entry).where(Entry.unapplied.is_not(None))
    if locker_id is not None:
        kept = kept.where(Entry.locker_id == locker_id)
    if seq is not None:
        kept = kept.where(Entry.seq == seq)
    kept = kept.order_by(Entry.recorded_at, Entry.locker_id, Entry.seq)
    return session.scalars(kept.limit(AT_ONCE_MAX)).all()


def _shown(row: Entry) -> Row:
    return {
        "locker_id": row.locker_id,
        "epoch": row.epoch,
        "seq": row.seq,
        "type": row.type,
        "recorded_at": instant(row.recorded_at),
        "unapplied": row.unapplied,
    }
