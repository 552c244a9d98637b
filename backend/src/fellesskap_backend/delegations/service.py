"""Delegations: given by a code, listed on both sides, revoked at once by either.

Who acts for another says so with each request (`carriers.service.acting`) or, for a badge, by the
carriers that it names. Without a live delegation another carrier answers like an unknown one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from fellesskap_backend import idempotency, tenancy
from fellesskap_backend.badges import service as badges
from fellesskap_backend.carriers.service import Caller, Credentials, caller
from fellesskap_backend.carriers.tables import Carrier
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.delegations import code as codes
from fellesskap_backend.delegations.tables import Delegation
from fellesskap_backend.errors import InvalidRequest, NotFound
from fellesskap_backend.events import service as events
from fellesskap_backend.idempotency import Answered, Attempt
from fellesskap_backend.paging import Page, Slice, slice_of

ENDS_MAX = timedelta(days=366)
Side = Literal["given", "received"]
Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A delegation that is wanted: to whoever handed over the code."""

    attempt: Attempt
    code: str
    may: list[str]
    ends_at: datetime


def own_code(session: Session, credentials: Credentials, *, k_codes: bytes, moment: Moment) -> Row:
    """Return the code by which others can let the caller act for them."""
    by = caller(session, credentials, "carrier")
    ends_at = codes.end_of(moment.now)
    code = codes.written(k_codes, by.carrier_id, ends_at)
    return {"code": code, "expires_at": instant(ends_at)}


def give(
    session: Session, credentials: Credentials, asked: Asked, *, k_codes: bytes, moment: Moment
) -> Answered:
    """Let the consolidator of a code act for the caller, once per key.

    It takes the place of one that was given to the same before. Raises `NotFound` for a code that
    is none or no longer good, `InvalidRequest` for the own one and for an end that cannot be.
    """
    by = caller(session, credentials, "carrier")

    def act() -> Answered:
        made = _give(session, by, asked, k_codes=k_codes, moment=moment)
        return Answered(201, _find(session, by, made.id, moment.now))

    return idempotency.once(session, by.tenant, asked.attempt, act, now=moment.now)


def _give(
    session: Session, by: Caller, asked: Asked, *, k_codes: bytes, moment: Moment
) -> Delegation:
    receiver_id = codes.read(k_codes, asked.code, moment.now)
    if receiver_id is None or session.get(Carrier, receiver_id) is None:
        raise NotFound("No consolidator by this code, or it is no longer good.")
    if receiver_id == by.carrier_id:
        raise InvalidRequest("This is your own code: hand it over to whom you act for.")
    if not moment.now < asked.ends_at <= moment.now + ENDS_MAX:
        raise InvalidRequest("`ends_at` lies in the future, at most 366 days ahead.")
    before = session.scalars(
        select(Delegation)
        .where(
            Delegation.receiver_id == receiver_id,
            Delegation.giver_id == by.carrier_id,
            Delegation.revoked_at.is_(None),
        )
        .with_for_update()
    ).one_or_none()
    if before is not None:
        _end(session, before, moment)
        session.flush()
    made = Delegation(
        id=moment.new_id(),
        giver_id=by.carrier_id,
        receiver_id=receiver_id,
        may=sorted(set(asked.may)),
        ends_at=asked.ends_at,
        created_at=moment.now,
    )
    session.add(made)
    session.flush()
    _tell(session, made, "delegation.given", moment)
    return made


def find(session: Session, credentials: Credentials, delegation_id: UUID, *, now: datetime) -> Row:
    """Return a delegation that the caller gave or received; raise `NotFound`."""
    return _find(session, caller(session, credentials, "carrier"), delegation_id, now)


def list_own(
    session: Session,
    credentials: Credentials,
    side: Side | None,
    *,
    page: Page,
    now: datetime,
) -> Slice:
    """Return one page of what the caller gave or received, newest first."""
    by = caller(session, credentials, "carrier")
    whose = {
        None: or_(Delegation.giver_id == by.carrier_id, Delegation.receiver_id == by.carrier_id),
        "given": Delegation.giver_id == by.carrier_id,
        "received": Delegation.receiver_id == by.carrier_id,
    }
    statement = _WITH_NAMES.where(whose[side])
    return slice_of(
        session, statement, page, by=Delegation.id, show=lambda row: _shown(row, by, now)
    )


def revoke(
    session: Session, credentials: Credentials, delegation_id: UUID, *, moment: Moment
) -> Row:
    """End a delegation at once, as its giver or its receiver; twice is once. Raise `NotFound`.

    Badges that name the giver are revoked with it, whole: their lockers are told.
    """
    by = caller(session, credentials, "carrier")
    row = session.get(Delegation, delegation_id, with_for_update=True, populate_existing=True)
    if row is None or by.carrier_id not in (row.giver_id, row.receiver_id):
        raise NotFound("No delegation by this id.")
    _end(session, row, moment)
    session.flush()
    return _find(session, by, delegation_id, moment.now)


def _end(session: Session, row: Delegation, moment: Moment) -> None:
    if row.revoked_at is not None:
        return
    row.revoked_at = moment.now
    badges.revoke_for(session, issuer_id=row.receiver_id, carrier_id=row.giver_id, moment=moment)
    _tell(session, row, "delegation.ended", moment)


def _tell(session: Session, row: Delegation, kind: str, moment: Moment) -> None:
    """Tell both, so that each sees in its own feed what the other did."""
    tenancy.see(session, row.giver_id, row.receiver_id)
    told = {
        "delegation_id": str(row.id),
        "giver_id": str(row.giver_id),
        "receiver_id": str(row.receiver_id),
        "may": row.may,
        "ends_at": instant(row.ends_at),
    }
    for carrier_id in (row.giver_id, row.receiver_id):
        events.tell(session, carrier_id, kind, told, moment=moment)
    session.flush()


def _find(session: Session, by: Caller, delegation_id: UUID, now: datetime) -> Row:
    mine = or_(Delegation.giver_id == by.carrier_id, Delegation.receiver_id == by.carrier_id)
    row = session.execute(_WITH_NAMES.where(Delegation.id == delegation_id, mine)).one_or_none()
    if row is None:
        raise NotFound("No delegation by this id.")
    return _shown(row, by, now)


def _shown(row: Any, by: Caller, now: datetime) -> Row:
    it: Delegation = row.Delegation
    state = "live" if it.ends_at > now else "ended"
    return {
        "id": str(it.id),
        "side": "given" if it.giver_id == by.carrier_id else "received",
        "giver": {"carrier_id": str(it.giver_id), "name": row.giver_name},
        "receiver": {"carrier_id": str(it.receiver_id), "name": row.receiver_name},
        "may": it.may,
        "state": "revoked" if it.revoked_at is not None else state,
        "ends_at": instant(it.ends_at),
        "created_at": instant(it.created_at),
        "revoked_at": it.revoked_at and instant(it.revoked_at),
    }


_GIVER, _RECEIVER = aliased(Carrier), aliased(Carrier)
_WITH_NAMES: Any = (
    select(
        *(Delegation.id, Delegation),
        *(_GIVER.name.label("giver_name"), _RECEIVER.name.label("receiver_name")),
    )
    .join(_GIVER, _GIVER.id == Delegation.giver_id)
    .join(_RECEIVER, _RECEIVER.id == Delegation.receiver_id)
)
