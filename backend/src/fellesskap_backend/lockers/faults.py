"""Faults that stand, as the journal tells them: kept until `ok`, or a new store."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from fellesskap_backend.lockers.tables import StandingFault
from fellesskap_protocol.events import Fault


def told(session: Session, locker_id: str, event: Fault, *, now: datetime) -> None:
    """Take in what a part says."""
    row = session.get(StandingFault, (locker_id, event.part))
    if event.what == "ok":
        if row is not None:
            session.delete(row)
        return
    if row is None:
        row = StandingFault(locker_id=locker_id, part=event.part)
        session.add(row)
    row.what, row.since, row.recorded_at = event.what, event.since, now


def begin(session: Session, locker_id: str) -> None:
    """Forget them with the store that told them: what still stands is told anew."""
    session.execute(delete(StandingFault).where(StandingFault.locker_id == locker_id))


def standing(session: Session, locker_ids: Sequence[str]) -> Sequence[StandingFault]:
    """Return what stands at some lockers."""
    kept = select(StandingFault).where(StandingFault.locker_id.in_(locker_ids))
    return session.scalars(kept.order_by(StandingFault.locker_id, StandingFault.part)).all()
