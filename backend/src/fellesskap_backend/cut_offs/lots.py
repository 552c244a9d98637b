"""The keys to the lots: each day's is held to by its hash before, and public once it is over."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from fellesskap_backend.cut_offs.tables import AnnouncedDay, CutOff
from fellesskap_backend.decisions import batches
from fellesskap_backend.secrets import Secrets
from fellesskap_protocol.signing import b64url

Row = dict[str, Any]


def published(
    session: Session, since: date | None, limit: int, *, now: datetime, secrets: Secrets
) -> tuple[Row, date | None]:
    """Return announced days from `since` on, oldest first; and the day after, if there are more.

    A key is shown when its day is over and every cut-off of it was decided.
    """
    statement = _DAYS if since is None else _DAYS.where(AnnouncedDay.day >= since)
    rows = session.execute(statement.limit(limit + 1)).all()
    shown = [_shown(row, now, secrets) for row in rows[:limit]]
    return {"lots": shown}, rows[limit].AnnouncedDay.day if len(rows) > limit else None


def of_days(
    session: Session, days: Collection[date], *, now: datetime, secrets: Secrets
) -> list[Row]:
    """Return these days as `published` does."""
    if not days:
        return []
    statement = _DAYS.where(AnnouncedDay.day.in_(days))
    return [_shown(row, now, secrets) for row in session.execute(statement)]


def _shown(row: Any, now: datetime, secrets: Secrets) -> Row:
    day = row.AnnouncedDay
    known = day.ends_at <= now and not row.waits
    return {
        "date": day.day.isoformat(),
        "policy": day.policy,
        "key_hash": day.key_hash,
        "key": b64url(batches.key_of(secrets.k_master, day.day)) if known else None,
    }


_WAITS = exists().where(CutOff.day == AnnouncedDay.day, CutOff.decided_at.is_(None))
_DAYS = select(AnnouncedDay, _WAITS.label("waits")).order_by(AnnouncedDay.day)
