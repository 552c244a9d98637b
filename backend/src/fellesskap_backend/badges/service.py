"""Badges: issued, listed, revoked, and what each takes out at its lockers."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fellesskap_backend import idempotency, tenancy
from fellesskap_backend.badges import revoking
from fellesskap_backend.badges.tables import CourierBadge
from fellesskap_backend.badges.token import CHARACTERS_MAX, token_of
from fellesskap_backend.carriers.service import Caller, Credentials, caller
from fellesskap_backend.carriers.tables import Carrier
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.delegations.tables import Delegation
from fellesskap_backend.errors import InvalidRequest, NotFound, TooMany
from fellesskap_backend.idempotency import Answered, Attempt
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.paging import Page, Slice, slice_of
from fellesskap_backend.rights.heard import effective
from fellesskap_backend.secrets import Secrets

VALID_MAX = timedelta(hours=24)
"""Lockers refuse a badge that is good for longer."""
LIVE_MAX = 500
"""Badges of one issuer that are good at a time: a locker's right names each that is revoked."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A badge that is wanted: at these lockers, or at all of a site."""

    attempt: Attempt
    lockers: tuple[str, ...]
    site: str | None
    may: tuple[str, ...]
    carriers: tuple[UUID, ...]
    """Empty: the caller alone."""
    valid_for: timedelta


def issue(
    session: Session,
    credentials: Credentials,
    asked: Asked,
    *,
    secrets: Secrets,
    moment: Moment,
) -> Answered:
    """Issue a badge, once per key; the token is rendered into the answer while it is of use.

    It ends no later than the first of the delegations that it rests on. Raises `NotFound` for a
    locker, a site, or a carrier that does not let the caller act for it, `InvalidRequest` for more
    than a token holds, `TooMany`.
    """
    by = caller(session, credentials, "carrier")

    def act() -> Answered:
        badge = _issue(session, by, asked, secrets=secrets, moment=moment)
        return Answered(201, _shown(session, badge, moment.now))

    answered = idempotency.once(session, by.tenant, asked.attempt, act, now=moment.now)
    if answered.status != 201:
        return answered
    badge = session.get_one(CourierBadge, UUID(answered.body["id"]))
    if badge.revoked_at is not None or badge.expires_at <= moment.now:
        return answered
    return answered._replace(body=answered.body | {"token": token_of(badge, secrets)})


def _issue(
    session: Session, by: Caller, asked: Asked, *, secrets: Secrets, moment: Moment
) -> CourierBadge:
    carriers = asked.carriers or (by.carrier_id,)
    end = moment.now + asked.valid_for
    others = set(carriers) - {by.carrier_id}
    if others:
        end = min(end, _delegated(session, by, others, asked.may, now=moment.now))
    lockers = _lockers(session, asked)
    issued_at = _seconds(moment.now)
    badge = CourierBadge(
        id=moment.new_id(),
        carrier_id=by.carrier_id,
        carriers=sorted({str(one) for one in carriers}),
        lockers=lockers,
        may=sorted(set(asked.may)),
        issued_at=issued_at,
        expires_at=min(_seconds(end), issued_at + VALID_MAX),
    )
    if len(token_of(badge, secrets)) > CHARACTERS_MAX:
        raise InvalidRequest(
            f"A badge has {CHARACTERS_MAX} characters; name fewer lockers or carriers."
        )
    _check_count(session, by, moment.now)
    session.add(badge)
    session.flush()
    return badge


def _delegated(
    session: Session,
    by: Caller,
    others: Collection[UUID],
    may: Collection[str],
    *,
    now: datetime,
) -> datetime:
    """Return when the first of the delegations ends; raise `NotFound` unless all are live.

    Their rows are locked: whoever revokes one finds the badge that was issued by it.
    """
    found = session.scalars(
        select(Delegation)
        .where(
            Delegation.receiver_id == by.carrier_id,
            Delegation.giver_id.in_(others),
            Delegation.revoked_at.is_(None),
            Delegation.ends_at > now,
        )
        .order_by(Delegation.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    good = [one for one in found if set(may) <= set(one.may)]
    if len(good) < len(others):
        raise NotFound("No carrier by one of these ids lets you do that for it.")
    return min(one.ends_at for one in good)


def _lockers(session: Session, asked: Asked) -> list[str]:
    """Return the lockers by their ids; raise `NotFound` for one, or a site, that is not there."""
    known = select(Locker.id).where(Locker.written_off_at.is_(None))
    if asked.site is not None:
        there = known.where(Locker.site_name == asked.site).order_by(Locker.id)
        found = list(session.scalars(there.limit(CHARACTERS_MAX)))
        if not found:
            raise NotFound("No locker at a site by this name.")
        return found
    wanted = sorted(set(asked.lockers))
    if len(session.scalars(known.where(Locker.id.in_(wanted))).all()) < len(wanted):
        raise NotFound("No locker by one of these ids.")
    return wanted


def _check_count(session: Session, by: Caller, now: datetime) -> None:
    # The carrier's row is locked, so that two at once do not both issue the last one.
    session.execute(select(Carrier.id).where(Carrier.id == by.carrier_id).with_for_update())
    live = select(func.count()).where(
        CourierBadge.carrier_id == by.carrier_id, CourierBadge.expires_at > now
    )
    if (session.scalar(live) or 0) >= LIVE_MAX:
        raise TooMany(f"At most {LIVE_MAX} of your badges are good at a time; some end soon.")


def _seconds(at: datetime) -> datetime:
    return datetime.fromtimestamp(int(at.timestamp()), UTC)


def find(session: Session, credentials: Credentials, badge_id: UUID, *, now: datetime) -> Row:
    """Return one of the caller's own badges, without its token; raise `NotFound`."""
    by = caller(session, credentials, "carrier")
    return _shown(session, own(session, by, badge_id), now)


def list_own(session: Session, credentials: Credentials, *, page: Page, now: datetime) -> Slice:
    """Return one page of the caller's own badges, newest first."""
    by = caller(session, credentials, "carrier")
    return slice_of(
        session,
        select(CourierBadge.id, CourierBadge).where(CourierBadge.carrier_id == by.carrier_id),
        page,
        by=CourierBadge.id,
        show=lambda row: _shown(session, row.CourierBadge, now),
    )


def revoke(session: Session, credentials: Credentials, badge_id: UUID, *, moment: Moment) -> Row:
    """Take one of the caller's own badges out of use; twice is once. Raise `NotFound`."""
    by = caller(session, credentials, "carrier")
    badge = own(session, by, badge_id, lock=True)
    revoking.revoke(session, [badge], moment)
    return _shown(session, badge, moment.now)


def revoke_for(session: Session, *, issuer_id: UUID, carrier_id: UUID, moment: Moment) -> None:
    """Take every badge of an issuer out of use that names a carrier; its delegation is locked."""
    tenancy.see(session, issuer_id, carrier_id)
    live = session.scalars(
        select(CourierBadge)
        .where(
            CourierBadge.carrier_id == issuer_id,
            CourierBadge.revoked_at.is_(None),
            CourierBadge.expires_at > moment.now,
        )
        .order_by(CourierBadge.id)
        .with_for_update()
    ).all()
    named = [badge for badge in live if str(carrier_id) in badge.carriers]
    revoking.revoke(session, named, moment)


def own(session: Session, by: Caller, badge_id: UUID, *, lock: bool = False) -> CourierBadge:
    """Return a badge that the caller issued; raise `NotFound`."""
    badge = session.get(CourierBadge, badge_id, with_for_update=lock, populate_existing=lock)
    if badge is None or badge.carrier_id != by.carrier_id:
        raise NotFound("No badge by this id.")
    return badge


def _shown(session: Session, badge: CourierBadge, now: datetime) -> Row:
    state = "live" if badge.expires_at > now else "expired"
    return {
        "id": str(badge.id),
        "state": "revoked" if badge.revoked_at is not None else state,
        "carriers": badge.carriers,
        "lockers": badge.lockers,
        "may": badge.may,
        "issued_at": instant(badge.issued_at),
        "expires_at": instant(badge.expires_at),
        "revoked_at": badge.revoked_at and instant(badge.revoked_at),
        "not_heard_by": _not_heard_by(session, badge, now),
    }


def _not_heard_by(session: Session, badge: CourierBadge, now: datetime) -> list[str]:
    """Return the lockers that would still believe a revoked badge."""
    if badge.revoked_at is None or badge.expires_at <= now:
        return []
    right_id = revoking.right_id_of(badge.carrier_id)
    return [one for one in badge.lockers if effective(session, one, right_id) == "pending"]
