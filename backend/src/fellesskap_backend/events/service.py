"""A carrier's event feed: facts, in the order of their positions; and what concerns no parcel."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import case, select, update
from sqlalchemy.orm import Session

from fellesskap_backend.carriers.service import Credentials, caller
from fellesskap_backend.carriers.tables import Carrier
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.drop_offs import naming
from fellesskap_backend.drop_offs.naming import Names
from fellesskap_backend.events.tables import FeedCounter, Notice
from fellesskap_backend.events.types import VERSION

Row = dict[str, Any]
LEAP = 10_000_000
"""How far a feed leaps that is ahead of the clock already."""


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
    names = naming.of_notices(session, notices)
    return {"events": [told(notice, names) for notice in notices], "next": last}


def tell(session: Session, carrier_id: UUID, kind: str, data: Row, *, moment: Moment) -> None:
    """Tell a carrier what concerns no parcel; the transaction sees its rows."""
    session.add(
        Notice(
            id=moment.new_id(),
            carrier_id=carrier_id,
            type=kind,
            parcel_id=None,
            data=data,
            occurred_at=moment.now,
            clock="trusted",
            recorded_at=moment.now,
        )
    )


def told(notice: Notice, names: Names) -> Row:
    """Return an event as the feed has it, and so as webhooks do."""
    return {
        "version": VERSION,
        "position": notice.position,
        "id": str(notice.id),
        "type": notice.type,
        "occurred_at": instant(notice.occurred_at),
        "clock": notice.clock,
        "recorded_at": instant(notice.recorded_at),
        "data": _said(notice, names),
    }


def leap(session: Session, now: datetime) -> None:
    """Let no feed give a position again that it may have given before a backup was put back.

    A reader who asks after one would never see what comes under it now. Each goes on with the
    milliseconds since 1970, for the same backup may have been put back before: then too it went
    on after that, and no feed gives a thousand events a second for long.
    """
    known = set(session.scalars(select(FeedCounter.carrier_id).with_for_update()))
    fresh = set(session.scalars(select(Carrier.id))) - known
    session.add_all(FeedCounter(carrier_id=one, last=0) for one in fresh)
    session.flush()
    far = int(now.timestamp() * 1000)
    beyond = case((FeedCounter.last < far, far), else_=FeedCounter.last + LEAP)
    session.execute(update(FeedCounter).values(last=beyond))


def _said(notice: Notice, names: Names) -> Row:
    """Return what a notice says; a drop-off's says by what its carrier knows it."""
    if notice.parcel_id is None or notice.parcel_id not in names:
        return notice.data
    return notice.data | names[notice.parcel_id]
