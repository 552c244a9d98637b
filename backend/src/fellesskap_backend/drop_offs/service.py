"""Drop-offs: a carrier lets a person put something in; later a courier takes it out by badge.

It draws on the locker's allowance when it is put in, and holds no capacity before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend import idempotency
from fellesskap_backend.allowances import service as allowances
from fellesskap_backend.carriers.service import Caller, Credentials, caller
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.decisions.policy import REFUSALS, Request, View, never
from fellesskap_backend.drop_offs.tables import DropOff
from fellesskap_backend.errors import InvalidRequest, NoRoom, NotFound, WrongState
from fellesskap_backend.idempotency import Answered, Attempt
from fellesskap_backend.lockers import nearby
from fellesskap_backend.lockers.room import geometry
from fellesskap_backend.lockers.service import locked
from fellesskap_backend.lockers.tables import Compartment, Locker, confirms
from fellesskap_backend.parcels import moving
from fellesskap_backend.parcels.moving import Facts
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.parcels.telling import Cause
from fellesskap_backend.reservations.duration import duration_of
from fellesskap_backend.rights import service as rights
from fellesskap_backend.rights.issuing import Issued, issue
from fellesskap_backend.secrets import Secrets
from fellesskap_protocol import messages
from fellesskap_protocol.capacity import Demand, size_class

DROP_OFF_BY_MAX = timedelta(days=30)
PICK_UP_WITHIN_S_MAX = 30 * 86_400
AT_ONCE_MAX = 100
Row = dict[str, Any]


@dataclass(frozen=True)
class DropOffAsked:
    """A request to let a person put something in.

    `pick_up_within_s`: how long it may lie, in time that the locker could serve.
    """

    attempt: Attempt
    locker_id: str
    reference: str
    demand: Demand
    drop_off_by: datetime
    pick_up_within_s: int


def authorise(
    session: Session,
    credentials: Credentials,
    asked: DropOffAsked,
    *,
    secrets: Secrets,
    moment: Moment,
) -> DropOff:
    """Let a person put something in; the code is that of the drop-off's right.

    Raises `NotFound` for the locker, `InvalidRequest`, and `NoRoom` where it could never be put in.
    """
    by = caller(session, credentials, "carrier")
    locker = locked(session, asked.locker_id)
    if locker is None:
        raise NotFound("No locker by this id.")
    if not moment.now < asked.drop_off_by <= moment.now + DROP_OFF_BY_MAX:
        raise InvalidRequest("`drop_off_by` lies in the future, at most 30 days ahead.")
    if not 0 < asked.pick_up_within_s <= PICK_UP_WITHIN_S_MAX:
        raise InvalidRequest("It may lie for at most 30 days.")
    refused = _refused(session, locker, asked.demand, moment)
    if refused is not None:
        raise refused
    issued = issue(session, locker, secrets=secrets, moment=moment)
    drop_off, parcel = _rows(session, by, asked, issued=issued, moment=moment)
    rights.wish(session, locker, _right(drop_off, issued))
    cause = Cause.now(session, locker, moment)
    cause.tell(parcel, "authorised")
    data = {"drop_off_id": str(drop_off.id), "drop_off_by": instant(drop_off.drop_off_by)}
    cause.notify(parcel, "drop_off.authorised", data)
    return drop_off


def authorise_once(
    session: Session,
    credentials: Credentials,
    asked: DropOffAsked,
    *,
    secrets: Secrets,
    moment: Moment,
) -> Answered:
    """Do that once per key; the codes are rendered into the answer and stored nowhere."""
    by = caller(session, credentials, "carrier")

    def act() -> Answered:
        drop_off = authorise(session, credentials, asked, secrets=secrets, moment=moment)
        session.flush()
        return Answered(201, _shown(session, drop_off))

    answered = idempotency.once(session, by.tenant, asked.attempt, act, now=moment.now)
    if answered.status != 201:
        return answered
    drop_off = session.get_one(DropOff, UUID(answered.body["id"]))
    return answered._replace(body=answered.body | _codes(session, drop_off, secrets))


def find(session: Session, credentials: Credentials, drop_off_id: UUID, *, secrets: Secrets) -> Row:
    """Return one of the carrier's own drop-offs; raise `NotFound`."""
    by = caller(session, credentials, "carrier")
    drop_off = session.get(DropOff, drop_off_id)
    if drop_off is None or drop_off.carrier_id != by.carrier_id:
        raise NotFound("No drop-off by this id.")
    return _shown(session, drop_off) | _codes(session, drop_off, secrets)


def _shown(session: Session, drop_off: DropOff) -> Row:
    return shown(drop_off, session.get_one(Parcel, drop_off.parcel_id))


def shown(drop_off: DropOff, parcel: Parcel) -> Row:
    """Show a drop-off to its carrier, without any code; its state is that of its parcel."""
    return {
        "id": str(drop_off.id),
        "state": parcel.state,
        "parcel_id": str(drop_off.parcel_id),
        "locker_id": drop_off.locker_id,
        "reference": drop_off.reference,
        "size_class": drop_off.size_class,
        "drop_off_by": instant(drop_off.drop_off_by),
        "pick_up_within": duration_of(parcel.collect_within_s or 0),
        "created_at": instant(drop_off.created_at),
    }


def _codes(session: Session, drop_off: DropOff, secrets: Secrets) -> Row:
    codes = codes_of(session, drop_off, secrets)
    return {} if codes is None else codes._asdict()


def cancel(
    session: Session, credentials: Credentials, drop_off_id: UUID, *, moment: Moment
) -> DropOff:
    """End one of the carrier's own drop-offs before anything was put in; twice is once.

    Raises `NotFound`, and `WrongState` once something was put in or its time ended it.
    """
    by = caller(session, credentials, "carrier")
    found = _with_locker(session, drop_off_id, moment)
    if found is None or found[0].carrier_id != by.carrier_id:
        raise NotFound("No drop-off by this id.")
    drop_off, parcel, cause = found
    if moving.move(cause, parcel, "cancel") is None:
        raise WrongState("Only what was not put in yet can be cancelled.", state=parcel.state)
    return drop_off


def codes_of(session: Session, drop_off: DropOff, secrets: Secrets) -> rights.Codes | None:
    """Derive what the person types or shows, for an answer; None once it is of no use."""
    n = rights.number_of(session, drop_off.right_id)
    if n is None or drop_off.ended:
        return None
    return rights.codes_of(secrets.k_codes, drop_off.right_id, n)


def _refused(session: Session, locker: Locker, demand: Demand, moment: Moment) -> NoRoom | None:
    """Return why it could not be put in even if all was empty, and where else there is room.

    By the rule of a soft reservation, which holds nothing either; it is no decision (0076).
    """
    places = session.scalars(select(Compartment).where(Compartment.locker_id == locker.id))
    every = [geometry(row) for row in places] if confirms(locker) else []
    reason = never(View(every, ()), Request(demand))
    if reason is None:
        return None
    told = REFUSALS[reason]
    other = nearby.alternatives(session, locker, demand, now=moment.now)
    return type(told)(told.detail, reason=reason, alternatives=other)


def _rows(
    session: Session, by: Caller, asked: DropOffAsked, *, issued: Issued, moment: Moment
) -> tuple[DropOff, Parcel]:
    box = asked.demand
    drop_off = DropOff(
        id=moment.new_id(),
        carrier_id=by.carrier_id,
        locker_id=asked.locker_id,
        parcel_id=moment.new_id(),
        right_id=issued.right_id,
        reference=asked.reference,
        w_mm=box.w_mm,
        h_mm=box.h_mm,
        d_mm=box.d_mm,
        g=box.g,
        needs=list(box.needs),
        size_class=size_class(box, allowances.size_classes(session)),
        drop_off_by=asked.drop_off_by,
        ended=False,
        created_at=moment.now,
    )
    parcel = Parcel(
        id=drop_off.parcel_id,
        kind="drop_off",
        carrier_id=by.carrier_id,
        locker_id=asked.locker_id,
        right_id=issued.right_id,
        state="authorised",
        collect_within_s=asked.pick_up_within_s,
        created_at=moment.now,
    )
    session.add_all((drop_off, parcel))
    session.flush()
    return drop_off, parcel


def _right(drop_off: DropOff, issued: Issued) -> messages.Right:
    return messages.Right(
        id=str(drop_off.right_id),
        kind="drop_off",
        carrier_id=str(drop_off.carrier_id),
        parcel_id=str(drop_off.parcel_id),
        w_mm=drop_off.w_mm,
        h_mm=drop_off.h_mm,
        d_mm=drop_off.d_mm,
        g=drop_off.g,
        needs=tuple(drop_off.needs),
        code_mac=issued.macs.code,
        long_code_mac=issued.macs.long_code,
        qr_mac=issued.macs.qr,
        deposit_by=drop_off.drop_off_by,
    )


def _with_locker(
    session: Session, drop_off_id: UUID, moment: Moment
) -> tuple[DropOff, Parcel, Cause] | None:
    """Return a drop-off and its parcel as they are once the row of their locker is locked."""
    found = Cause.upon(session, DropOff, drop_off_id, moment)
    if found is None:
        return None
    drop_off, cause = found
    return drop_off, session.get_one(Parcel, drop_off.parcel_id, populate_existing=True), cause


def to_expire(session: Session, now: datetime) -> Sequence[UUID]:
    """Return drop-offs whose `drop_off_by` has passed."""
    return session.scalars(
        select(DropOff.id)
        .where(~DropOff.ended, DropOff.drop_off_by <= now)
        .order_by(DropOff.drop_off_by)
        .limit(AT_ONCE_MAX)
    ).all()


def expire(session: Session, drop_off_id: UUID, moment: Moment) -> None:
    """Take back a right that nobody used in time."""
    found = _with_locker(session, drop_off_id, moment)
    if found is not None:
        drop_off, parcel, cause = found
        data = {"drop_off_by": instant(drop_off.drop_off_by)}
        moving.move(cause, parcel, "expire", Facts(data=data))
