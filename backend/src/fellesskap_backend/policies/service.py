"""Policies and weights: announced by an operator with a date in the future, published to everybody.

An announcement is a row that nobody changes; what is in force is found by the date. Weights are
published without names: a carrier sees which is its own.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fellesskap_backend.allocation.policy import (
    FairShare,
    NotInForce,
    check_successor,
    stored,
)
from fellesskap_backend.allocation.wording import before_any, plain
from fellesskap_backend.carriers.service import Credentials, caller
from fellesskap_backend.carriers.tables import Carrier
from fellesskap_backend.db import instant
from fellesskap_backend.decisions.policy import FIRST_COME
from fellesskap_backend.decisions.record import canonical, digest
from fellesskap_backend.errors import BackendError, Forbidden, InvalidRequest, Unauthorized
from fellesskap_backend.operators.recording import Doing, Upon
from fellesskap_backend.policies import consistency
from fellesskap_backend.policies.tables import Policy, QuotaReview, StandingRow, Weight

Row = dict[str, Any]
WEIGHT_MAX = 1_000_000


class NotAnnounced(BackendError):
    """A policy, or weights, that may not follow what is there."""


class CarrierWeight(BaseModel):
    """One carrier's weight."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    carrier_id: UUID
    weight: Annotated[int, Field(ge=1, le=WEIGHT_MAX)]
    is_entrant: bool = False


class Weights(BaseModel):
    """The weights of a contract period, of all carriers that have a contract."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    begins_on: date
    weights: Annotated[list[CarrierWeight], Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len({one.carrier_id for one in self.weights}) < len(self.weights):
            raise ValueError("a carrier is named twice")
        return self


def all_versions(session: Session) -> list[Policy]:
    """Return every announced version, newest first."""
    return list(session.scalars(select(Policy).order_by(Policy.version.desc())))


def in_force(versions: Sequence[Policy], now: datetime) -> Policy | None:
    """Return the version that is in force; None: whoever comes first."""
    return next((one for one in versions if one.in_force_from <= now), None)


def today(session: Session, now: datetime) -> date:
    """Return the day at the lockers: by the policy in force, else the newest, else its default."""
    versions = all_versions(session)
    row = in_force(versions, now) or (versions[0] if versions else None)
    policy = FairShare(in_force_from=now) if row is None else stored(row.body)
    return policy.local(now).date()


def check(session: Session, policy: FairShare, now: datetime) -> Row:
    """Say what a policy would be if it were announced now; raise `NotAnnounced` if it may not be.

    A version is written down in whole: what it leaves to the defaults today it keeps.
    """
    versions = all_versions(session)
    try:
        check_successor(now, stored(versions[0].body) if versions else None, policy)
    except NotInForce as error:
        raise NotAnnounced(f"This may not be announced: {error}.") from None
    return {
        "policy": str(policy),
        "in_force_from": instant(policy.in_force_from),
        "rules": policy.model_dump(mode="json"),
        "in_words": _words(policy),
    }


def announce(doing: Doing, policy: FairShare) -> Row:
    """Announce the next version; it is in force from its date on. Raises `NotAnnounced`."""
    told = check(doing.session, policy, doing.moment.now)
    body = canonical(policy.model_dump(mode="json")).decode()
    doing.session.add(
        Policy(
            version=policy.version,
            body=body,
            announced_at=doing.moment.now,
            in_force_from=policy.in_force_from,
        )
    )
    said = {"policy": str(policy), "in_force_from": told["in_force_from"]}
    doing.note(consistency.POLICY, Upon(), **said, digest=digest(body.encode()))
    return told


def announce_weights(doing: Doing, wished: Weights) -> Row:
    """Announce a contract period's weights; raise `NotAnnounced`, or `InvalidRequest` for nobody's.

    Whoever is not named has none from then on: nothing is guaranteed to it.
    """
    session, now = doing.session, doing.moment.now
    newest = session.scalar(select(Weight.begins_on).order_by(Weight.begins_on.desc()).limit(1))
    if wished.begins_on <= max(today(session, now), newest or date.min):
        raise NotAnnounced("Weights are changed with a day in the future, after those announced.")
    ids = [one.carrier_id for one in wished.weights]
    known = session.execute(select(Carrier.id, Carrier.number).where(Carrier.id.in_(ids)))
    numbers: dict[UUID, int] = {row.id: row.number for row in known}
    if len(numbers) < len(ids):
        raise InvalidRequest("One of the carriers is not known.")
    rows = [
        Weight(
            begins_on=wished.begins_on,
            carrier_number=numbers[one.carrier_id],
            weight=one.weight,
            is_entrant=one.is_entrant,
            announced_at=now,
        )
        for one in wished.weights
    ]
    session.add_all(rows)
    told = {"begins_on": wished.begins_on.isoformat(), "carriers": len(ids)}
    doing.note(consistency.WEIGHTS, Upon(), **told, digest=consistency.digest_of(rows))
    return told


def published(session: Session, now: datetime, credentials: Credentials | None = None) -> Row:
    """Return what everybody may know, and with a carrier's key how it stands itself."""
    own = _number(session, credentials)
    versions = all_versions(session)
    current = in_force(versions, now)
    rules = None if current is None else stored(current.body)
    day = today(session, now)
    coming = [str(stored(one.body)) for one in versions if one.in_force_from > now]
    return {
        "in_force": str(rules or FIRST_COME),
        "in_words": _words(rules),
        "coming": coming[-1] if coming else None,
        "versions": [_shown(one) for one in versions],
        "weights": [_period(*one, own) for one in _periods(session, day)],
        "reviews": _reviews(session, day),
        "own_standing": None if own is None else _standing(session, own),
    }


def _number(session: Session, credentials: Credentials | None) -> int | None:
    """Return the number of the carrier whose key it is; a key that is none sees what all see."""
    if credentials is None:
        return None
    try:
        return caller(session, credentials, "carrier").number
    except (Unauthorized, Forbidden):
        return None


def _words(policy: FairShare | None) -> Row:
    if policy is None:
        return {"nb": before_any("nb"), "en": before_any("en")}
    return {"nb": plain(policy, "nb"), "en": plain(policy, "en")}


def _shown(row: Policy) -> Row:
    policy = stored(row.body)
    return {
        "policy": str(policy),
        "version": row.version,
        "announced_at": instant(row.announced_at),
        "in_force_from": instant(row.in_force_from),
        "rules": msgspec.json.decode(row.body),
        "in_words": _words(policy),
    }


def _periods(session: Session, day: date) -> list[tuple[date, list[Weight]]]:
    """Return the period that lasts, and those that are coming."""
    begins = session.scalars(
        select(Weight.begins_on).distinct().order_by(Weight.begins_on.desc())
    ).all()
    past = [one for one in begins if one <= day][1:]
    found = []
    for one in begins:
        if one not in past:
            rows = session.scalars(
                select(Weight)
                .where(Weight.begins_on == one)
                .order_by(Weight.weight.desc(), Weight.is_entrant, Weight.carrier_number)
            )
            found.append((one, list(rows)))
    return found


def _period(begins_on: date, rows: list[Weight], own: int | None) -> Row:
    mine = [one for one in rows if one.carrier_number == own]
    return {
        "begins_on": begins_on.isoformat(),
        "announced_at": instant(rows[0].announced_at),
        "weights": [_weight(one) for one in rows],
        "own": _weight(mine[0]) if mine else None,
    }


def _reviews(session: Session, day: date) -> list[Row]:
    """Return which reviews count in the period that lasts, or will, and at how many lockers.

    Whose quotas became what is told to each carrier in its receipts: it is made of what each used.
    """
    began = session.scalar(select(func.max(Weight.begins_on)).where(Weight.begins_on <= day))
    named = (QuotaReview.in_force_from, QuotaReview.quarter, QuotaReview.accepted_at)
    found = (
        select(*named, func.count().label("lockers"))
        .where(QuotaReview.in_force_from >= (began or date.min))
        .group_by(*named)
        .order_by(*(one.desc() for one in named))
    )
    return [
        {
            "quarter": row.quarter.isoformat(),
            "accepted_at": instant(row.accepted_at),
            "in_force_from": row.in_force_from.isoformat(),
            "lockers": row.lockers,
        }
        for row in session.execute(found)
    ]


def _weight(row: Weight) -> Row:
    return {"weight": row.weight, "is_entrant": row.is_entrant}


def _standing(session: Session, number: int) -> Row | None:
    newest = (
        select(StandingRow)
        .where(StandingRow.carrier_number == number)
        .order_by(StandingRow.day.desc())
        .limit(1)
    )
    row = session.scalars(newest).one_or_none()
    if row is None:
        return None
    counted = ("weight", "is_entrant", "memory_permille", "holds", "no_shows", "excused")
    return {"day": row.day.isoformat(), **{name: getattr(row, name) for name in counted}}
