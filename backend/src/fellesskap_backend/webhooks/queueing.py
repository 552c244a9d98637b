"""The order of deliveries: of a subscription and a parcel, the first that has not ended is due.

Every function is called with the subscriptions' rows locked, so that two transactions do not each
leave the next one to the other.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session, aliased

from fellesskap_backend.webhooks.tables import Delivery, Subscription

_other = aliased(Delivery)
_FIRST = (
    select(func.min(_other.position))
    .where(
        _other.subscription_id == Delivery.subscription_id,
        _other.parcel_id == Delivery.parcel_id,
        _other.ended_at.is_(None),
    )
    .scalar_subquery()
)
"""Where the first stands that has not ended: looked up row by row. Asked as NOT EXISTS, PostgreSQL
makes it a join, and without good statistics it reads all of a subscription for each row."""
AGAIN: dict[str, Any] = {
    "state": "waiting",
    "attempts": 0,
    "due_at": None,
    "ended_at": None,
}
"""What becomes of a row that is sent once more; it takes its turn by `let_next`."""


def locked(session: Session, subscriptions: Collection[UUID]) -> Sequence[Subscription]:
    """Return subscriptions as they are once their rows are locked, in ascending order."""
    return session.scalars(
        select(Subscription)
        .where(Subscription.id.in_(subscriptions))
        .order_by(Subscription.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def let_next(
    session: Session, subscriptions: Collection[UUID], parcels: Collection[UUID], *, now: datetime
) -> None:
    """What waits and has nothing before it is due; subscriptions and parcels of one carrier."""
    if not parcels:
        return
    session.execute(
        update(Delivery)
        .where(*_of(subscriptions, parcels), Delivery.due_at.is_(None), Delivery.position == _FIRST)
        .values(state="due", due_at=now)
        .execution_options(synchronize_session=False)
    )


def hold_back(session: Session, subscriptions: Collection[UUID], parcels: Collection[UUID]) -> None:
    """What is due and has something before it again waits."""
    if not parcels or not subscriptions:
        return
    session.execute(
        update(Delivery)
        .where(
            *_of(subscriptions, parcels), Delivery.due_at.is_not(None), Delivery.position > _FIRST
        )
        .values(state="waiting", due_at=None)
        .execution_options(synchronize_session=False)
    )


def again(session: Session, subscription_id: UUID, events: Collection[UUID]) -> set[UUID]:
    """Set deliveries back that were made before; return of which events there were any."""
    found = set(
        session.scalars(
            select(Delivery.event_id).where(
                Delivery.subscription_id == subscription_id, Delivery.event_id.in_(events)
            )
        )
    )
    session.execute(
        update(Delivery)
        .where(Delivery.subscription_id == subscription_id, Delivery.event_id.in_(found))
        .values(AGAIN)
        .execution_options(synchronize_session=False)
    )
    return found


def _of(subscriptions: Collection[UUID], parcels: Collection[UUID]) -> list[ColumnElement[bool]]:
    return [
        Delivery.subscription_id.in_(subscriptions),
        Delivery.parcel_id.in_(parcels),
        Delivery.ended_at.is_(None),
    ]
