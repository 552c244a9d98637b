"""The feed's positions, and who is told what when: rows only, nothing is sent here.

Positions are given after the commit of what they number, per carrier, from a counter row: ids
taken before a commit would lose events. Deliveries keep that order per endpoint and parcel.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from fellesskap_backend.db import Moment, instant
from fellesskap_backend.events.tables import FeedCounter, Notice
from fellesskap_backend.rights import service as rights
from fellesskap_backend.webhooks.tables import Delivery, Subscription

log = logging.getLogger(__name__)
NOTICES_MAX = 500
"""Notices that get their positions in one transaction."""
RETRIES_S = (1, 5, 30, 120, 600, 3_600, 10_800, 21_600, 43_200, 86_400, 86_400)
"""Pauses between attempts, about three days in all; then it is given up (the feed has it)."""
WITH_CODE = ("parcel.deposited", "drop_off.authorised")
"""What is told with the code that its person needs."""
GONE = 410
"""By this status an endpoint says that it wants no more."""


@dataclass(frozen=True)
class Outgoing:
    """One delivery that is due, without its body."""

    delivery_id: UUID
    subscription_id: UUID
    url: str
    secret: str = field(repr=False)
    notice_id: UUID
    notice: Notice = field(repr=False)


def unnumbered(session: Session) -> bool:
    """Say whether there are notices without a position."""
    return session.scalar(select(Notice.id).where(Notice.position.is_(None)).limit(1)) is not None


def give_positions(session: Session, moment: Moment) -> int:
    """Number notices that have no position, and make their deliveries; return how many."""
    notices = session.scalars(
        select(Notice)
        .where(Notice.position.is_(None))
        .order_by(Notice.recorded_at, Notice.id)
        .limit(NOTICES_MAX)
    ).all()
    # Ascending, as every transaction that locks several rows.
    for carrier_id in sorted({notice.carrier_id for notice in notices}):
        own = [notice for notice in notices if notice.carrier_id == carrier_id]
        _number(session, carrier_id, own)
        _deliver(session, carrier_id, own, moment=moment)
    return len(notices)


def _number(session: Session, carrier_id: UUID, notices: Sequence[Notice]) -> None:
    counter = session.get(FeedCounter, carrier_id, with_for_update=True)
    if counter is None:
        counter = FeedCounter(carrier_id=carrier_id, last=0)
        session.add(counter)
    for notice in notices:
        counter.last += 1
        notice.position = counter.last


def _deliver(
    session: Session, carrier_id: UUID, notices: Sequence[Notice], *, moment: Moment
) -> None:
    endpoints = session.scalars(
        select(Subscription.id).where(
            Subscription.carrier_id == carrier_id, Subscription.disabled_at.is_(None)
        )
    ).all()
    session.add_all(
        Delivery(
            id=moment.new_id(),
            subscription_id=endpoint,
            notice_id=notice.id,
            carrier_id=carrier_id,
            parcel_id=notice.parcel_id,
            position=notice.position,
            attempts=0,
            due_at=moment.now,
        )
        for notice in notices
        for endpoint in endpoints
    )


def due(
    session: Session, now: datetime, limit: int, *, busy: Collection[UUID] = ()
) -> Sequence[Outgoing]:
    """Return what may be sent now: of each endpoint and parcel the first only.

    Endpoints that are `busy` are left out, so that a slow one does not hide the others.
    """
    earlier = aliased(Delivery)
    waits = exists().where(
        earlier.subscription_id == Delivery.subscription_id,
        earlier.parcel_id == Delivery.parcel_id,
        earlier.position < Delivery.position,
        earlier.delivered_at.is_(None),
        earlier.gave_up_at.is_(None),
    )
    rows = session.execute(
        select(Delivery, Subscription, Notice)
        .join(Subscription, Subscription.id == Delivery.subscription_id)
        .join(Notice, Notice.id == Delivery.notice_id)
        .where(
            Delivery.delivered_at.is_(None),
            Delivery.gave_up_at.is_(None),
            Delivery.due_at <= now,
            Subscription.disabled_at.is_(None),
            Subscription.id.not_in(busy),
            or_(Delivery.parcel_id.is_(None), ~waits),
        )
        .order_by(Delivery.due_at, Delivery.position)
        .limit(limit)
    )
    return [
        Outgoing(
            delivery_id=delivery.id,
            subscription_id=endpoint.id,
            url=endpoint.url,
            secret=endpoint.secret,
            notice_id=notice.id,
            notice=notice,
        )
        for delivery, endpoint, notice in rows
    ]


def body_of(session: Session, notice: Notice, k_codes: bytes) -> bytes:
    """Render what is sent; a pickup code exists here and at the receiver, in no row."""
    data: dict[str, Any] = {
        **notice.data,
        "clock": notice.clock,
        "recorded_at": instant(notice.recorded_at),
        "position": notice.position,
    }
    if notice.type in WITH_CODE and notice.data.get("right_id"):
        right_id = UUID(notice.data["right_id"])
        n = rights.number_of(session, right_id)
        if n is not None:
            codes = rights.codes_of(k_codes, right_id, n)
            data |= {"pickup_code": codes.code, "addition": codes.addition}
    body = {"type": notice.type, "timestamp": instant(notice.occurred_at), "data": data}
    return msgspec.json.encode(body)


def note_outcome(
    session: Session, delivery_id: UUID, status: int | None, *, now: datetime, jitter: float
) -> None:
    """Note how an attempt ended; `status` None: no answer. `jitter` is a number from 0 to 1."""
    delivery = session.get(Delivery, delivery_id, with_for_update=True)
    if delivery is None or delivery.delivered_at or delivery.gave_up_at:
        return
    delivery.attempts += 1
    delivery.last_status = status
    if status is not None and 200 <= status < 300:
        delivery.delivered_at = now
    elif status == GONE:
        _disable(session, delivery.subscription_id, now)
    elif delivery.attempts > len(RETRIES_S):
        log.error("a delivery is given up after %d attempts", delivery.attempts)
        delivery.gave_up_at = now
    else:
        pause_s = RETRIES_S[delivery.attempts - 1] * (0.8 + 0.4 * jitter)
        delivery.due_at = now + timedelta(seconds=pause_s)


def _disable(session: Session, subscription_id: UUID, now: datetime) -> None:
    """Stop telling an endpoint that wants no more, and give up what waited for it."""
    log.warning("a webhook endpoint is gone and will be told nothing more")
    session.execute(
        update(Subscription).where(Subscription.id == subscription_id).values(disabled_at=now)
    )
    session.execute(
        update(Delivery)
        .where(
            and_(
                Delivery.subscription_id == subscription_id,
                Delivery.delivered_at.is_(None),
                Delivery.gave_up_at.is_(None),
            )
        )
        .values(gave_up_at=now)
    )
