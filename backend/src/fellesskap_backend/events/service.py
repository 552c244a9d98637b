"""A carrier's event feed: facts, in the order of their positions."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.carriers.service import Credentials, caller
from fellesskap_backend.db import instant
from fellesskap_backend.events.tables import Notice

Row = dict[str, Any]


def feed(session: Session, credentials: Credentials, *, after: int, limit: int) -> Row:
    """Return what follows a position, and the position to ask after next."""
    by = caller(session, credentials, "carrier")
    notices = session.scalars(
        select(Notice)
        .where(Notice.carrier_id == by.carrier_id, Notice.position > after)
        .order_by(Notice.position)
        .limit(limit)
    ).all()
    last = notices[-1].position if notices else after
    return {"events": [_shown(notice) for notice in notices], "next": last}


def _shown(notice: Notice) -> Row:
    return {
        "position": notice.position,
        "id": str(notice.id),
        "type": notice.type,
        "occurred_at": instant(notice.occurred_at),
        "clock": notice.clock,
        "recorded_at": instant(notice.recorded_at),
        "data": notice.data,
    }
