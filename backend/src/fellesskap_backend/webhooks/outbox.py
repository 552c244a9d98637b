"""What may be sent now, and what became of it: rows only, nothing is sent here."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Integer, and_, bindparam, delete, func, select, tuple_
from sqlalchemy.orm import Session

from fellesskap_backend.db import Moment, UtcDateTime
from fellesskap_backend.events import service as events
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.webhooks import machine, queueing, rendering, signing
from fellesskap_backend.webhooks.tables import Delivery, Subscription

log = logging.getLogger(__name__)
DISABLED = "webhook.disabled"
"""The event by which a carrier hears that one of its endpoints is told nothing more."""
DELIVERED_KEPT = timedelta(days=7)
ENDED_KEPT = timedelta(days=30)
"""How long dead letters, and what belongs to a deleted subscription, can be looked at."""
PRUNED_MAX = 1_000


class Key(NamedTuple):
    """Which delivery."""

    subscription_id: UUID
    event_id: UUID


@dataclass(frozen=True)
class Letter:
    """One delivery that is due, with its body: it may hold a code, so it is in no row and log."""

    key: Key
    url: str
    secrets: tuple[str, ...] = field(repr=False)
    body: bytes = field(repr=False)


class Outcome(NamedTuple):
    """How one attempt ended; `status` None: no answer, and `error` says why in a word."""

    key: Key
    status: int | None
    error: str | None = None


class Wanted(NamedTuple):
    """What is wanted of one subscription's deliveries: how many at most, but none of these."""

    now: datetime
    limit: int
    but: frozenset[UUID] = frozenset()


_DUE = (
    select(Delivery, Notice)
    .outerjoin(
        Notice,
        and_(Notice.carrier_id == bindparam("carrier"), Notice.position == Delivery.position),
    )
    .where(
        Delivery.subscription_id == bindparam("of"),
        Delivery.due_at <= bindparam("now", type_=UtcDateTime()),
        Delivery.event_id.not_in(bindparam("but", expanding=True)),
    )
    .order_by(Delivery.due_at, Delivery.position)
    .limit(bindparam("limit", type_=Integer()))
)


def ready(session: Session, now: datetime) -> Sequence[Subscription]:
    """Return the subscriptions that have something due, the one that waits longest first."""
    first_due = (
        select(func.min(Delivery.due_at))
        .where(Delivery.subscription_id == Subscription.id, Delivery.due_at.is_not(None))
        .correlate(Subscription)
        .scalar_subquery()
    )
    active = select(Subscription).where(Subscription.state == "active", first_due <= now)
    return session.scalars(active.order_by(first_due)).all()


def letters(session: Session, to: Subscription, wanted: Wanted, *, k_codes: bytes) -> list[Letter]:
    """Return what may be sent to one subscription now, rendered."""
    asked = {
        "of": to.id,
        "carrier": to.carrier_id,
        "now": wanted.now,
        "but": list(wanted.but),
        "limit": wanted.limit,
    }
    rows = session.execute(_DUE, asked)
    secrets = secrets_of(to, k_codes, wanted.now)
    return [
        Letter(
            Key(to.id, delivery.event_id),
            to.url,
            secrets,
            rendering.test_of(delivery)
            if delivery.position is None
            else rendering.body_of(session, notice, k_codes),
        )
        for delivery, notice in rows
    ]


def secrets_of(subscription: Subscription, k_codes: bytes, now: datetime) -> tuple[str, ...]:
    """Return the secrets that sign at a time, the newest first."""
    version, until = subscription.secret_version, subscription.overlap_until
    good = [version] if until is None or until <= now else [version, version - 1]
    return tuple(_secret(subscription, k_codes, one) for one in good)


def _secret(subscription: Subscription, k_codes: bytes, version: int) -> str:
    if version == 0 and subscription.imported is not None:
        return signing.unseal(k_codes, subscription.id, subscription.imported)
    return signing.secret(k_codes, subscription.id, version)


def note_outcomes(session: Session, outcomes: Sequence[Outcome], moment: Moment) -> None:
    """Note how attempts ended, and let what waited for them have its turn."""
    said = {outcome.key: outcome for outcome in outcomes}
    subscriptions = queueing.locked(session, {key.subscription_id for key in said})
    rows = session.scalars(
        select(Delivery).where(
            tuple_(Delivery.subscription_id, Delivery.event_id).in_([tuple(key) for key in said])
        )
    ).all()
    disabled: set[UUID] = set()
    through: defaultdict[UUID, set[Key]] = defaultdict(set)
    for row in rows:
        effects = _note(row, said[Key(row.subscription_id, row.event_id)], moment)
        if "next" in effects and row.parcel_id is not None:
            through[row.carrier_id].add(Key(row.subscription_id, row.parcel_id))
        if "disable" in effects:
            disabled.add(row.subscription_id)
    session.flush()
    for one in subscriptions:
        if one.id in disabled:
            _disable(session, one, moment)
    for ended in through.values():
        of, parcels = {one for one, _ in ended}, {parcel for _, parcel in ended}
        queueing.let_next(session, of, parcels, now=moment.now)


def _note(row: Delivery, outcome: Outcome, moment: Moment) -> tuple[machine.Effect, ...]:
    """Move one delivery; return what is still to be done."""
    attempts = row.attempts + 1
    step = machine.DELIVERY[row.state][machine.event_of(outcome.status, attempts)]
    row.attempts, row.last_attempt_at = attempts, moment.now
    row.last_status, row.last_error = outcome.status, outcome.error
    row.state = step.to
    if step.to in machine.ENDED:
        row.due_at, row.ended_at = None, row.ended_at or moment.now
    if "later" in step.effects:
        chance = int.from_bytes(moment.random_bytes(2), "big") / 0xFFFF
        row.due_at = moment.now + machine.pause(attempts, chance)
    if step.to == "dead" and "next" in step.effects:
        log.error("a delivery is given up after %d attempts", attempts)
    return step.effects


def _disable(session: Session, subscription: Subscription, moment: Moment) -> None:
    """Tell an endpoint that wants no more nothing more, and its carrier that it is so."""
    step = machine.SUBSCRIPTION[subscription.state]["gone"]
    if subscription.state != step.to:
        subscription.state, subscription.state_since = step.to, moment.now
    if "tell" not in step.effects:
        return
    log.warning("a webhook endpoint is gone and will be told nothing more")
    told = {"subscription_id": str(subscription.id), "reason": "gone"}
    events.tell(session, subscription.carrier_id, DISABLED, told, moment=moment)


def prune(session: Session, now: datetime) -> int:
    """Forget some deliveries that ended long enough ago; return how many."""
    left = (
        select(Delivery.subscription_id)
        .join(Subscription)
        .where(Subscription.state == "deleted", Subscription.state_since < now - ENDED_KEPT)
        .with_only_columns(Delivery.subscription_id, Delivery.event_id)
    )
    delivered = (
        select(Delivery.subscription_id, Delivery.event_id)
        .where(Delivery.ended_at < now - DELIVERED_KEPT)
        .where((Delivery.state == "delivered") | (Delivery.ended_at < now - ENDED_KEPT))
    )
    key = tuple_(Delivery.subscription_id, Delivery.event_id)
    forgotten = 0
    for which in (delivered, left):
        old = session.execute(which.limit(PRUNED_MAX)).all()
        if old:
            session.execute(delete(Delivery).where(key.in_([tuple(one) for one in old])))
        forgotten += len(old)
    if not forgotten:
        session.execute(
            delete(Subscription).where(
                Subscription.state == "deleted", Subscription.state_since < now - ENDED_KEPT
            )
        )
    return forgotten
