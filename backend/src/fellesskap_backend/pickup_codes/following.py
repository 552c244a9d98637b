"""A parcel's second codes follow its life: gone with its right, back with it.

Called by `parcels.moving` with the locker's row locked. The right of a second code has no
compartment: the locker opens where the parcel lies, and custody stays with the parcel's own right.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.pickup_codes.tables import DelegatedCode
from fellesskap_backend.rights import service as rights
from fellesskap_backend.rights.tables import Right, RightCode
from fellesskap_protocol import messages


def forget(session: Session, locker: Locker, parcel: Parcel, now: datetime) -> None:
    """Take every second code away: the parcel is gone, or nobody may collect it now."""
    for code in _of(session, parcel):
        rights.forget(session, locker, code.id)
        rights.retire_code(session, code.id, now)


def let(session: Session, locker: Locker, parcel: Parcel) -> None:
    """Bring those back that nobody revoked: the parcel may be collected after all."""
    for code in _of(session, parcel):
        known = session.get(Right, (locker.id, code.id))
        digits = session.get(RightCode, code.id)
        if code.revoked_at is None and known is not None and known.removed and digits is not None:
            rights.wish(session, locker, messages.decode(messages.Right, known.body))
            digits.removed_at = None


def _of(session: Session, parcel: Parcel) -> list[DelegatedCode]:
    if not parcel.has_second_codes:
        return []
    found = select(DelegatedCode).where(DelegatedCode.parcel_id == parcel.id)
    return list(session.scalars(found.order_by(DelegatedCode.id)))
