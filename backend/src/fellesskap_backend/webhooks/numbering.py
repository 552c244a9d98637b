"""Positions in the feeds, and from them what each subscription is sent: rows only.

Positions are given after the commit of what they number, per carrier, from a counter row: ids
taken before a commit would lose events. Deliveries are made by walking the feed, so a webhook can
tell nothing that the feed does not, and in no other order; a replay walks again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from fellesskap_backend.db import Moment, table_of
from fellesskap_backend.events.tables import FeedCounter, Notice
from fellesskap_backend.webhooks import queueing
from fellesskap_backend.webhooks.tables import Delivery, Subscription

NOTICES_MAX = 500
"""Notices that get their positions, or become a subscription's deliveries, in one transaction."""
_BEHIND = (
    select(Subscription.id)
    .join(FeedCounter, FeedCounter.carrier_id == Subscription.carrier_id)
    .where(Subscription.state == "active", Subscription.position < FeedCounter.last)
    .order_by(Subscription.id)
)


def needed(session: Session) -> bool:
    """Say whether there is anything to number or to make deliveries of."""
    unnumbered = select(Notice.number).where(Notice.position.is_(None)).limit(1)
    if session.scalar(unnumbered) is not None:
        return True
    return session.scalar(_BEHIND.limit(1)) is not None


def give_positions(session: Session) -> int:
    """Number notices that have no position; return how many."""
    notices = session.scalars(
        select(Notice).where(Notice.position.is_(None)).order_by(Notice.number).limit(NOTICES_MAX)
    ).all()
    # Ascending, as every transaction that locks several rows.
    for carrier_id in sorted({notice.carrier_id for notice in notices}):
        _number(session, carrier_id, [one for one in notices if one.carrier_id == carrier_id])
    session.flush()
    return len(notices)


def _number(session: Session, carrier_id: UUID, notices: Sequence[Notice]) -> None:
    counter = session.get(FeedCounter, carrier_id, with_for_update=True)
    if counter is None:
        counter = FeedCounter(carrier_id=carrier_id, last=0)
        session.add(counter)
    for notice in notices:
        counter.last += 1
        notice.position = counter.last


def make_deliveries(session: Session, moment: Moment) -> int:
    """Let every subscription that is behind its feed go on in it; return how many did not end."""
    behind = session.scalars(_BEHIND).all()
    return sum(_go_on(session, one, now=moment.now) for one in behind)


def _go_on(session: Session, subscription_id: UUID, *, now: datetime) -> bool:
    """Make some of the deliveries of one subscription; return whether there are more."""
    subscription = queueing.locked(session, subscription_id)
    if subscription is None or subscription.state != "active":
        return False
    notices = session.execute(
        select(Notice.id, Notice.type, Notice.parcel_id, Notice.position)
        .where(
            Notice.carrier_id == subscription.carrier_id, Notice.position > subscription.position
        )
        .order_by(Notice.position)
        .limit(NOTICES_MAX)
    ).all()
    if not notices:
        return False
    again = subscription.position < subscription.furthest
    wanted = [one for one in notices if wants(subscription.types, one.type)]
    subscription.position = notices[-1].position
    subscription.furthest = max(subscription.furthest, subscription.position)
    session.flush()
    made = {one.id for one in wanted} if again else set()
    if again:
        made = queueing.again(session, subscription_id, made)
    rows = [_row(subscription, one, now) for one in wanted if one.id not in made]
    if rows:
        session.execute(insert(table_of(Delivery)), rows)
    parcels = {one.parcel_id for one in wanted if one.parcel_id is not None}
    if again:
        queueing.hold_back(session, [subscription_id], parcels)
    queueing.let_next(session, [subscription_id], parcels, now=now)
    return len(notices) == NOTICES_MAX


def wants(types: Sequence[str] | None, kind: str) -> bool:
    """Say whether a filter lets a type through.

    >>> wants(None, "parcel.lost"), wants(["parcel.lost"], "parcel.removed")
    (True, False)
    """
    return types is None or kind in types


def _row(subscription: Subscription, notice: Any, now: datetime) -> dict[str, Any]:
    """Return a delivery that waits its turn; one of no parcel need not."""
    alone = notice.parcel_id is None
    return {
        "subscription_id": subscription.id,
        "carrier_id": subscription.carrier_id,
        "event_id": notice.id,
        "type": notice.type,
        "parcel_id": notice.parcel_id,
        "position": notice.position,
        "state": "due" if alone else "waiting",
        "attempts": 0,
        "made_at": now,
        "due_at": now if alone else None,
    }


def seek(session: Session, carrier_id: UUID, before: datetime) -> int:
    """Return the newest position of what was recorded before then; 0 where there is none."""
    found = (
        select(Notice.position)
        .where(Notice.carrier_id == carrier_id, Notice.position.is_not(None))
        .where(Notice.recorded_at < before)
        .order_by(Notice.position.desc())
        .limit(1)
    )
    return session.scalar(found) or 0


def last(session: Session, carrier_id: UUID) -> int:
    """Return the last position that a carrier's feed has given; 0 before the first."""
    counter = select(FeedCounter.last).where(FeedCounter.carrier_id == carrier_id)
    return session.scalar(counter) or 0
