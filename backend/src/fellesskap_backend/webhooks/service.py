"""A carrier's webhook subscriptions, as its own requests make and change them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, NoReturn
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fellesskap_backend import idempotency
from fellesskap_backend.carriers.service import Caller, Credentials, caller
from fellesskap_backend.carriers.tables import Carrier
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.errors import InvalidRequest, NotFound, TooMany, WrongState
from fellesskap_backend.etag import Match
from fellesskap_backend.idempotency import Answered, Attempt
from fellesskap_backend.paging import Page, Slice, slice_of
from fellesskap_backend.webhooks import address, machine, numbering, queueing, signing
from fellesskap_backend.webhooks.tables import Subscription

LIVE_MAX = 20
"""Subscriptions of one carrier that are not deleted."""
Row = dict[str, Any]


class Mine(NamedTuple):
    """Which subscription, by whose word."""

    credentials: Credentials
    id: UUID


@dataclass(frozen=True)
class Wish:
    """What a subscription shall be; what is not `given` stays as it is."""

    given: frozenset[str]
    url: str = ""
    description: str = ""
    types: list[str] | None = None
    state: str = "active"


@dataclass(frozen=True)
class House:
    """What installation and moment add; whether this very machine may be an endpoint."""

    k_codes: bytes = field(repr=False)
    allow_loopback: bool
    moment: Moment


def subscribe(
    session: Session, credentials: Credentials, attempt: Attempt, wish: Wish, *, house: House
) -> Answered:
    """Subscribe an endpoint to what comes from now on; the body holds its secret.

    Raises `InvalidRequest` for an endpoint to which nothing may be sent.
    """
    by = caller(session, credentials, "carrier")
    _check(wish, house)

    def act() -> Answered:
        return Answered(201, shown(add(session, by.carrier_id, wish, moment=house.moment)))

    answered = idempotency.once(session, by.tenant, attempt, act, now=house.moment.now)
    return _with_secret(answered, house)


def add(session: Session, carrier_id: UUID, wish: Wish, *, moment: Moment) -> Subscription:
    """Make the row of a subscription; raise `TooMany`."""
    # The carrier's row is locked, so that two at once do not both make the last one.
    session.get(Carrier, carrier_id, with_for_update=True)
    live = session.scalar(
        select(func.count())
        .select_from(Subscription)
        .where(Subscription.carrier_id == carrier_id, Subscription.state != "deleted")
    )
    if (live or 0) >= LIVE_MAX:
        raise TooMany(f"At most {LIVE_MAX} at a time; delete one.")
    position = numbering.last(session, carrier_id)
    made = Subscription(
        id=moment.new_id(),
        carrier_id=carrier_id,
        url=wish.url,
        description=wish.description,
        types=wish.types,
        state="active",
        position=position,
        furthest=position,
        secret_version=1,
        created_at=moment.now,
        state_since=moment.now,
    )
    session.add(made)
    session.flush()
    return made


def list_own(session: Session, credentials: Credentials, page: Page) -> Slice:
    """Return the carrier's own subscriptions but the deleted ones, the newest first."""
    by = caller(session, credentials, "carrier")
    mine = select(Subscription, Subscription.id.label("id")).where(
        Subscription.carrier_id == by.carrier_id, Subscription.state != "deleted"
    )
    return slice_of(session, mine, page, by=Subscription.id, show=lambda row: shown(row[0]))


def find(session: Session, mine: Mine) -> Row:
    """Return one of the carrier's own subscriptions; raise `NotFound`."""
    return shown(own(session, mine))


def change(session: Session, mine: Mine, wish: Wish, *, match: Match, house: House) -> Row:
    """Change what is named; raise `WrongState` for a deleted one."""
    subscription = _locked(session, mine)
    match.check(shown(subscription))
    _check(wish, house)
    if subscription.state == "deleted":
        refuse(subscription)
    if "state" in wish.given:
        _move(subscription, "activate" if wish.state == "active" else "pause", house.moment.now)
    for name in wish.given - {"state"}:
        setattr(subscription, name, getattr(wish, name))
    session.flush()
    return shown(subscription)


def end(session: Session, mine: Mine, *, now: datetime) -> None:
    """Tell an endpoint nothing more, at once; twice is as good as once."""
    _move(_locked(session, mine), "delete", now)


def rotate_secret(
    session: Session, mine: Mine, attempt: Attempt, *, overlap: timedelta, house: House
) -> Answered:
    """Sign by a new secret, and for a while by the one before as well."""
    now = house.moment.now

    def act(subscription: Subscription) -> Answered:
        subscription.secret_version += 1
        subscription.overlap_until = now + overlap
        session.flush()
        return Answered(200, shown(subscription))

    return _with_secret(once(session, mine, attempt, act, now=now), house)


def once(
    session: Session,
    mine: Mine,
    attempt: Attempt,
    act: Callable[[Subscription], Answered],
    *,
    now: datetime,
) -> Answered:
    """Do something with a subscription, locked and not deleted, once per key."""
    by = caller(session, mine.credentials, "carrier")
    _of(session.get(Subscription, mine.id), by)

    def locked() -> Answered:
        subscription = _own_locked(session, mine, by)
        if subscription.state == "deleted":
            refuse(subscription)
        return act(subscription)

    return idempotency.once(session, by.tenant, attempt, locked, now=now)


def own(session: Session, mine: Mine) -> Subscription:
    """Return one of the caller's own; raise `NotFound`."""
    by = caller(session, mine.credentials, "carrier")
    return _of(session.get(Subscription, mine.id), by)


def refuse(subscription: Subscription) -> NoReturn:
    """Raise `WrongState`: nothing is sent to it."""
    raise WrongState("This subscription is sent nothing.", state=subscription.state)


def shown(subscription: Subscription) -> Row:
    """Show a subscription, without its secret."""
    until = subscription.overlap_until
    return {
        "id": str(subscription.id),
        "url": subscription.url,
        "description": subscription.description,
        "types": subscription.types,
        "state": subscription.state,
        "state_since": instant(subscription.state_since),
        "secret_version": subscription.secret_version,
        "overlap_until": until and instant(until),
        "created_at": instant(subscription.created_at),
    }


def _with_secret(answered: Answered, house: House) -> Answered:
    """Put the secret into an answer; where answers are kept there is none."""
    if answered.status >= 400:
        return answered
    body = answered.body
    made = signing.secret(house.k_codes, UUID(body["id"]), body["secret_version"])
    return answered._replace(body={**body, "secret": made})


def _check(wish: Wish, house: House) -> None:
    if "url" not in wish.given:
        return
    fault = address.fault_of(wish.url, allow_loopback=house.allow_loopback)
    if fault is not None:
        raise InvalidRequest(f"`url` is {fault}.")


def _move(subscription: Subscription, event: str, now: datetime) -> None:
    step = machine.SUBSCRIPTION[subscription.state].get(event)
    if step is None:
        refuse(subscription)
    if step.to != subscription.state:
        subscription.state, subscription.state_since = step.to, now


def _locked(session: Session, mine: Mine) -> Subscription:
    return _own_locked(session, mine, caller(session, mine.credentials, "carrier"))


def _own_locked(session: Session, mine: Mine, by: Caller) -> Subscription:
    found = queueing.locked(session, [mine.id])
    return _of(found[0] if found else None, by)


def _of(found: Subscription | None, by: Caller) -> Subscription:
    if found is None or found.carrier_id != by.carrier_id:
        raise NotFound("No webhook subscription by this id.")
    return found
