"""A carrier's deliveries: what became of them, and sending once more."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.db import Moment, instant
from fellesskap_backend.errors import NotFound
from fellesskap_backend.idempotency import Answered, Attempt
from fellesskap_backend.paging import Page, Slice, slice_of
from fellesskap_backend.webhooks import machine, numbering, queueing, rendering
from fellesskap_backend.webhooks.service import Mine, Row, once, own, refuse
from fellesskap_backend.webhooks.tables import Delivery, Subscription

REPLAY_MARGIN = timedelta(minutes=1)
"""Positions follow the commits, not `recorded_at`: a replay by time begins so much earlier."""


class Begin(NamedTuple):
    """Where a replay begins: after a position, else at a time."""

    after: int | None
    since: datetime | None


def list_deliveries(session: Session, mine: Mine, page: Page, *, state: str | None) -> Slice:
    """Return the deliveries of one subscription, the newest first; `dead` ones are dead letters."""
    own(session, mine)
    rows = select(Delivery, Delivery.event_id.label("id")).where(
        Delivery.subscription_id == mine.id
    )
    if state is not None:
        rows = rows.where(Delivery.state == state)
    return slice_of(session, rows, page, by=Delivery.event_id, show=_shown_row)


def find_delivery(session: Session, mine: Mine, event_id: UUID) -> Row:
    """Return what became of one event at one endpoint; raise `NotFound`."""
    own(session, mine)
    return shown(_delivery(session, mine, event_id))


def test(session: Session, mine: Mine, attempt: Attempt, *, moment: Moment) -> Answered:
    """Send one event that means nothing and stands in no feed; raise `WrongState` if paused."""

    def act(subscription: Subscription) -> Answered:
        if subscription.state != "active":
            refuse(subscription)
        delivery = Delivery(
            subscription_id=mine.id,
            event_id=moment.new_id(),
            carrier_id=subscription.carrier_id,
            type=rendering.TEST,
            state="due",
            attempts=0,
            made_at=moment.now,
            due_at=moment.now,
        )
        session.add(delivery)
        session.flush()
        return Answered(202, shown(delivery))

    return once(session, mine, attempt, act, now=moment.now)


def redeliver(
    session: Session, mine: Mine, attempt: Attempt, event_id: UUID, *, moment: Moment
) -> Answered:
    """Send one event once more, before what comes after it of its parcel."""
    own(session, mine)
    _delivery(session, mine, event_id)

    def act(_: Subscription) -> Answered:
        row = _delivery(session, mine, event_id)
        step = machine.DELIVERY[row.state]["redeliver"]
        assert step.effects == ("queue",), step
        queueing.again(session, mine.id, {event_id})
        session.refresh(row)
        assert row.state == step.to
        if row.parcel_id is None:
            row.state, row.due_at = "due", moment.now
        else:
            queueing.hold_back(session, [mine.id], {row.parcel_id})
            queueing.let_next(session, [mine.id], {row.parcel_id}, now=moment.now)
        session.flush()
        session.refresh(row)
        return Answered(202, shown(row))

    return once(session, mine, attempt, act, now=moment.now)


def replay(
    session: Session, mine: Mine, attempt: Attempt, begin: Begin, *, moment: Moment
) -> Answered:
    """Send the events after a position, or since a time, once more, in their order.

    The subscription's place in the feed is set back; the worker walks on from there.
    """

    def act(subscription: Subscription) -> Answered:
        after = begin.after
        if after is None:
            assert begin.since is not None
            before = begin.since - REPLAY_MARGIN
            after = numbering.seek(session, subscription.carrier_id, before)
        subscription.position = min(after, subscription.position)
        session.flush()
        told = {
            "subscription_id": str(mine.id),
            "after": subscription.position,
            "up_to": numbering.last(session, subscription.carrier_id),
        }
        return Answered(202, told)

    return once(session, mine, attempt, act, now=moment.now)


def shown(row: Delivery) -> Row:
    """Show what became of one event at one endpoint; never what was sent."""
    return {
        "event_id": str(row.event_id),
        "subscription_id": str(row.subscription_id),
        "type": row.type,
        "position": row.position,
        "parcel_id": row.parcel_id and str(row.parcel_id),
        "state": row.state,
        "attempts": row.attempts,
        "made_at": instant(row.made_at),
        "due_at": row.due_at and instant(row.due_at),
        "ended_at": row.ended_at and instant(row.ended_at),
        "last_attempt_at": row.last_attempt_at and instant(row.last_attempt_at),
        "last_status": row.last_status,
        "last_error": row.last_error,
    }


def _shown_row(row: Any) -> Row:
    return shown(row[0])


def _delivery(session: Session, mine: Mine, event_id: UUID) -> Delivery:
    found = session.get(Delivery, (mine.id, event_id))
    if found is None:
        raise NotFound("No delivery by this id.")
    return found
