"""Positions in the feeds, and from them what each subscription is sent: rows only.

Positions are given after the commit of what they number, per carrier, from a counter row: ids
taken before a commit would lose events. Deliveries are made by walking the feed, so a webhook can
tell nothing that the feed does not, and in no other order; a replay walks again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, cast, insert, or_, select, update
from sqlalchemy.orm import Session

from fellesskap_backend.db import Moment, rows_of, table_of
from fellesskap_backend.events import consolidators
from fellesskap_backend.events.tables import FeedCounter, Notice
from fellesskap_backend.lists import dialect_of, listed, pairs
from fellesskap_backend.webhooks import queueing
from fellesskap_backend.webhooks.tables import Delivery, Subscription
from fellesskap_protocol.buggify import sometimes

NOTICES_MAX = 500
"""Notices that get their positions, or become a subscription's deliveries, in one transaction."""
DELIVERIES_MAX = 2_000
"""Deliveries after which a transaction begins no other carrier's."""
_BEHIND = (
    select(Subscription.id)
    .join(FeedCounter, FeedCounter.carrier_id == Subscription.carrier_id)
    .where(Subscription.state == "active", Subscription.position < FeedCounter.last)
)


_NOTICES = table_of(Notice)
_UNNUMBERED = (
    select(Notice.number, Notice.carrier_id, Notice.type, consolidators.RESERVATION_ID)
    .where(Notice.position.is_(None))
    .order_by(Notice.number)
)
_NEEDED = select(or_(_UNNUMBERED.exists(), _BEHIND.exists()))


def needed(session: Session) -> bool:
    """Say whether there is anything to number or to make deliveries of."""
    return bool(rows_of(session, _NEEDED, {}).scalar())


def give_positions(session: Session, moment: Moment) -> int:
    """Number what has no position, and what consolidators hear of that; return how many."""
    most = 1 if sometimes("feed.few_at_once") else NOTICES_MAX
    numbers: dict[UUID, list[int]] = {}
    notices = session.execute(_UNNUMBERED.limit(most)).all()
    every: list[Any] = [*notices, *consolidators.tell(session, notices, moment)]
    for one in every:
        numbers.setdefault(one.carrier_id, []).append(one.number)
    given: list[tuple[str, int]] = []
    # Ascending, as every transaction that locks several rows.
    for carrier_id in sorted(numbers):
        positions = _next(session, carrier_id, len(numbers[carrier_id]))
        given += zip(map(str, numbers[carrier_id]), positions, strict=True)
    if given:
        session.flush()
        told = pairs(dialect_of(session))
        session.execute(
            update(_NOTICES)
            .where(_NOTICES.c.number == cast(told.c.first, BigInteger))
            .values(position=cast(told.c.second, BigInteger)),
            listed(given),
        )
    return len(given)


def _next(session: Session, carrier_id: UUID, count: int) -> range:
    """Take so many positions from a carrier's counter."""
    counter = session.get(FeedCounter, carrier_id, with_for_update=True)
    if counter is None:
        counter = FeedCounter(carrier_id=carrier_id, last=0)
        session.add(counter)
    first = counter.last + 1
    counter.last += count
    return range(first, first + count)


def make_deliveries(session: Session, moment: Moment) -> bool:
    """Let subscriptions that are behind their feed go on in it; return whether there is more."""
    carriers = session.scalars(_BEHIND.with_only_columns(Subscription.carrier_id).distinct())
    made, more = 0, False
    for carrier_id in sorted(carriers):
        if made >= DELIVERIES_MAX:
            return True
        mine = _Carrier(session, carrier_id, moment.now)
        more = mine.go_on() or more
        made += len(mine.rows)
    return more


class _Carrier:
    """The subscriptions of one carrier that are behind, in one transaction."""

    def __init__(self, session: Session, carrier_id: UUID, now: datetime) -> None:
        self._session, self._carrier_id, self._now = session, carrier_id, now
        self._notices: dict[int, Sequence[Any]] = {}
        self.rows: list[dict[str, Any]] = []

    def go_on(self) -> bool:
        """Make the next deliveries of each; return whether there are more."""
        behind = _BEHIND.where(Subscription.carrier_id == self._carrier_id)
        locked = queueing.locked(self._session, self._session.scalars(behind).all())
        parcels: set[UUID] = set()
        replayed: list[UUID] = []
        more = False
        for one in locked:
            if one.state != "active":
                continue
            notices = self._after(one.position)
            wanted = [notice for notice in notices if wants(one.types, notice.type)]
            parcels |= {notice.parcel_id for notice in wanted if notice.parcel_id is not None}
            made: set[UUID] = set()
            if one.position < one.furthest:
                made = queueing.again(self._session, one.id, {notice.id for notice in wanted})
                replayed.append(one.id)
            self.rows += [self._row(one, notice) for notice in wanted if notice.id not in made]
            one.position = notices[-1].position if notices else self._beyond(one.position)
            one.furthest = max(one.furthest, one.position)
            more = more or len(notices) == NOTICES_MAX
        self._session.flush()
        if self.rows:
            self._session.execute(insert(table_of(Delivery)), self.rows)
        queueing.hold_back(self._session, replayed, parcels)
        queueing.let_next(self._session, [one.id for one in locked], parcels, now=self._now)
        return more

    def _after(self, position: int) -> Sequence[Any]:
        """Return what follows in the feed; most subscriptions of a carrier stand at one place."""
        if position not in self._notices:
            self._notices[position] = self._session.execute(
                select(Notice.id, Notice.type, Notice.parcel_id, Notice.position)
                .where(Notice.carrier_id == self._carrier_id, Notice.position > position)
                .order_by(Notice.position)
                .limit(NOTICES_MAX)
            ).all()
        return self._notices[position]

    def _beyond(self, position: int) -> int:
        """Return where a feed stands that no event leads to: it leapt, for a backup was put back.

        First where it stands, then whether there is nothing on the way, for another gives more.
        """
        stands = last(self._session, self._carrier_id)
        del self._notices[position]
        return position if self._after(position) else stands

    def _row(self, subscription: Subscription, notice: Any) -> dict[str, Any]:
        """Return a delivery that waits its turn; one of no parcel need not."""
        alone = notice.parcel_id is None
        return {
            "subscription_id": subscription.id,
            "carrier_id": self._carrier_id,
            "event_id": notice.id,
            "type": notice.type,
            "parcel_id": notice.parcel_id,
            "position": notice.position,
            "state": "due" if alone else "waiting",
            "attempts": 0,
            "made_at": self._now,
            "due_at": self._now if alone else None,
        }


def wants(types: Sequence[str] | None, kind: str) -> bool:
    """Say whether a filter lets a type through.

    >>> wants(None, "parcel.lost"), wants(["parcel.lost"], "parcel.removed")
    (True, False)
    """
    return types is None or kind in types


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
