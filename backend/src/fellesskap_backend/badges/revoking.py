"""How lockers hear that a badge is revoked: by a right of kind `carrier`, one per issuer.

It names the issuer's revoked badges until they expire. A locker that has not heard of it goes on
believing the badge until its `exp`, 24 hours at most.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.badges.tables import CourierBadge
from fellesskap_backend.db import Moment
from fellesskap_backend.lockers.service import locked
from fellesskap_backend.rights import service as rights
from fellesskap_protocol import messages


def right_id_of(carrier_id: UUID) -> UUID:
    """Return the id that a carrier's own right has at every locker."""
    return uuid5(carrier_id, "carrier")


def carriers_right(session: Session, locker_id: str, carrier_id: UUID) -> messages.Right:
    """Return a carrier's own right at a locker as last wished, or as it begins."""
    right_id = right_id_of(carrier_id)
    known = rights.right_of(session, locker_id, right_id)
    return known or messages.Right(id=str(right_id), kind="carrier", carrier_id=str(carrier_id))


def revoke(session: Session, badges: Iterable[CourierBadge], moment: Moment) -> None:
    """Take badges of one issuer out of use; those that are so already stay as they are."""
    fresh = [badge for badge in badges if badge.revoked_at is None]
    for badge in fresh:
        badge.revoked_at = moment.now
    session.flush()
    living = [badge for badge in fresh if badge.expires_at > moment.now]
    # Ascending, as every transaction that locks several rows.
    for locker_id in sorted({one for badge in living for one in badge.lockers}):
        here = [badge for badge in living if locker_id in badge.lockers]
        _tell(session, locker_id, here, moment.now)


def _tell(session: Session, locker_id: str, fresh: list[CourierBadge], now: datetime) -> None:
    locker = locked(session, locker_id)
    if locker is None or locker.written_off_at is not None:
        return
    known = carriers_right(session, locker_id, fresh[0].carrier_id)
    before = session.scalars(
        select(CourierBadge.id).where(
            CourierBadge.id.in_([UUID(jti) for jti in known.revoked_badges]),
            CourierBadge.expires_at > now,
        )
    ).all()
    named = {str(one) for one in before} | {str(badge.id) for badge in fresh}
    told = msgspec.structs.replace(known, revoked_badges=tuple(sorted(named)))
    rights.wish(session, locker, told)
