"""What a carrier wants to see at a deposit: its parcel's label, or a courier's badge besides.

Lockers hear it by the right that also names the carrier's revoked badges (`revoking`). It is wished
of some lockers at a time, in the order of their ids, by the worker; of a new one as it is taken in.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from fellesskap_backend.badges.revoking import carriers_right, right_id_of
from fellesskap_backend.badges.tables import DepositAuth
from fellesskap_backend.carriers.service import Credentials, caller
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.etag import Match
from fellesskap_backend.lockers.service import locked_all
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.rights import service as rights
from fellesskap_backend.rights.heard import APPLIED
from fellesskap_backend.rights.tables import Right

STEP = 100
"""Of so many lockers it is wished in one transaction, which locks them all."""
FROM_THE_START = ""
Row = dict[str, Any]


def find(session: Session, credentials: Credentials) -> Row:
    """Return what the caller wants to see at a deposit."""
    by = caller(session, credentials, "carrier")
    return _shown(session, by.carrier_id, session.get(DepositAuth, by.carrier_id))


def change(
    session: Session,
    credentials: Credentials,
    wanted: Literal["label", "badge"],
    *,
    match: Match,
    moment: Moment,
) -> Row:
    """Let the caller want something else; twice is once. Raises what `Match.check` raises."""
    by = caller(session, credentials, "carrier")
    row = session.get(DepositAuth, by.carrier_id, with_for_update=True)
    match.check(_shown(session, by.carrier_id, row))
    if wanted != _wanted(row):
        row = row or DepositAuth(carrier_id=by.carrier_id)
        row.deposit_auth, row.changed_at = wanted, moment.now
        row.told_up_to = FROM_THE_START
        session.add(row)
        session.flush()
    return _shown(session, by.carrier_id, row)


def to_tell(session: Session, now: datetime) -> Sequence[UUID]:
    """Return the carriers of whose wish not every locker was told."""
    del now
    return session.scalars(
        select(DepositAuth.carrier_id)
        .where(DepositAuth.told_up_to.is_not(None))
        .order_by(DepositAuth.carrier_id)
    ).all()


def tell(session: Session, carrier_id: UUID, moment: Moment) -> None:
    """Wish it of the next lockers."""
    del moment
    row = session.get(DepositAuth, carrier_id, with_for_update=True)
    if row is None or row.told_up_to is None:
        return
    ids = session.scalars(
        select(Locker.id)
        .where(Locker.id > row.told_up_to, Locker.written_off_at.is_(None))
        .order_by(Locker.id)
        .limit(STEP)
    ).all()
    for locker in locked_all(session, ids).values():
        _wish(session, locker, row)
    row.told_up_to = ids[-1] if len(ids) == STEP else None


def begin(session: Session, locker: Locker) -> None:
    """Let a new locker hear who wants badges, whoever is told of it at the same moment."""
    rows = session.scalars(
        select(DepositAuth).order_by(DepositAuth.carrier_id).with_for_update(read=True)
    )
    for row in rows:
        if row.deposit_auth != "label":
            _wish(session, locker, row)


def _wish(session: Session, locker: Locker, row: DepositAuth) -> None:
    known = carriers_right(session, locker.id, row.carrier_id)
    wanted: Any = row.deposit_auth
    if (known.deposit_auth or "label") != wanted:
        told = msgspec.structs.replace(known, deposit_auth=wanted)
        rights.wish(session, locker, told)


def _shown(session: Session, carrier_id: UUID, row: DepositAuth | None) -> Row:
    return {
        "deposit_auth": _wanted(row),
        "changed_at": None if row is None else instant(row.changed_at),
        "not_heard_by": 0 if row is None else _not_heard(session, carrier_id, row),
    }


def _wanted(row: DepositAuth | None) -> str:
    return "label" if row is None else row.deposit_auth


def _not_heard(session: Session, carrier_id: UUID, row: DepositAuth) -> int:
    """Count the lockers that were not told, or have not said that they apply it."""
    waits: ColumnElement[bool] = Right.id.is_not(None) & APPLIED.is_not(True)
    if row.told_up_to is not None:
        waits = or_(waits, Locker.id > row.told_up_to)
    joined = (Right.locker_id == Locker.id) & (Right.id == right_id_of(carrier_id))
    return session.execute(
        select(func.count())
        .select_from(Locker)
        .outerjoin(Right, joined)
        .where(Locker.written_off_at.is_(None), waits)
    ).scalar_one()
