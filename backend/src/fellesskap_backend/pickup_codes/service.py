"""Pickup codes of a parcel: the recipient's own, and second ones for somebody else.

A code is named by the id of its right. It is derived when it is shown, and stored nowhere; what
changes is wished of the locker by revision, and `effective` says whether the locker has heard.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fellesskap_backend import idempotency
from fellesskap_backend.carriers.service import Caller, Credentials, caller
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.errors import NotFound, TooMany, WrongState
from fellesskap_backend.idempotency import Answered, Attempt
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.parcels.telling import Cause
from fellesskap_backend.pickup_codes.tables import DelegatedCode
from fellesskap_backend.rights import service as rights
from fellesskap_backend.rights.heard import effective
from fellesskap_backend.rights.issuing import issue, renew
from fellesskap_backend.rights.tables import Right, RightCode
from fellesskap_backend.secrets import Secrets
from fellesskap_protocol import messages

DELEGATED_MAX = 5
"""Second codes of one parcel: each is one more to guess."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Of:
    """One code of one parcel, as a caller names it."""

    parcel_id: UUID
    code_id: UUID


# Read --------------------------------------------------------------------------------------------


def list_of(session: Session, credentials: Credentials, parcel_id: UUID) -> Row:
    """Return the codes of one of the caller's own parcels, without the codes themselves.

    Raises `NotFound`.
    """
    by = caller(session, credentials, "carrier")
    parcel = session.get(Parcel, parcel_id)
    if parcel is None or parcel.carrier_id != by.carrier_id:
        raise NotFound("No parcel by this id.")
    return {"pickup_codes": [_shown(session, parcel, one) for one in _every(session, parcel)]}


def find(session: Session, credentials: Credentials, of: Of, *, secrets: Secrets) -> Row:
    """Return one code of one of the caller's own parcels, with the code while it is of use.

    Raises `NotFound`.
    """
    by = caller(session, credentials, "carrier")
    parcel = session.get(Parcel, of.parcel_id)
    if parcel is None or parcel.carrier_id != by.carrier_id:
        raise NotFound("No parcel by this id.")
    return _with_code(session, parcel, of.code_id, secrets)


def _with_code(session: Session, parcel: Parcel, code_id: UUID, secrets: Secrets) -> Row:
    body = _shown(session, parcel, _code(session, parcel, code_id))
    n = rights.number_of(session, code_id)
    if body["state"] != "live" or n is None:
        return body
    return body | rights.codes_of(secrets.k_codes, code_id, n)._asdict()


def _every(session: Session, parcel: Parcel) -> list[UUID | DelegatedCode]:
    """Return a parcel's codes, the recipient's first: that one by its id."""
    others = session.scalars(
        select(DelegatedCode).where(DelegatedCode.parcel_id == parcel.id).order_by(DelegatedCode.id)
    )
    own = [parcel.right_id] if parcel.kind == "last_mile" and parcel.right_id else []
    return [*own, *others]


def _code(session: Session, parcel: Parcel, code_id: UUID) -> UUID | DelegatedCode:
    """Return a code of a parcel by its id; raise `NotFound`."""
    for one in _every(session, parcel):
        if code_id == (one if isinstance(one, UUID) else one.id):
            return one
    raise NotFound("No pickup code by this id.")


def _shown(session: Session, parcel: Parcel, one: UUID | DelegatedCode) -> Row:
    code_id = one if isinstance(one, UUID) else one.id
    digits = session.get(RightCode, code_id)
    if isinstance(one, DelegatedCode):
        created_at, revoked_at, reference = one.created_at, one.revoked_at, one.reference
    else:
        created_at, reference = parcel.created_at, None
        known = session.get(Right, (parcel.locker_id, code_id))
        has_code = known is None or _right(known).code_mac is not None
        revoked_at = None if has_code or digits is None else digits.removed_at
    opens = _opens(rights.right_of(session, parcel.locker_id, code_id))
    return {
        "id": str(code_id),
        "parcel_id": str(parcel.id),
        "is_for": "recipient" if isinstance(one, UUID) else "somebody_else",
        "reference": reference,
        "state": "live" if opens else "over" if revoked_at is None else "revoked",
        "effective": effective(session, parcel.locker_id, code_id),
        "created_at": instant(created_at),
        "revoked_at": revoked_at and instant(revoked_at),
    }


def _right(row: Right) -> messages.Right:
    return messages.decode(messages.Right, row.body)


def _opens(right: messages.Right | None) -> bool:
    return right is not None and not right.revoked and right.code_mac is not None


# Change ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Office:
    """What every change is made with."""

    session: Session
    credentials: Credentials
    secrets: Secrets
    moment: Moment

    def own(self, parcel_id: UUID) -> tuple[Parcel, Cause]:
        """Return one of the caller's own parcels, its locker locked; raise `NotFound`."""
        by = self.caller()
        found = Cause.upon(self.session, Parcel, parcel_id, self.moment)
        if found is None or found[0].carrier_id != by.carrier_id:
            raise NotFound("No parcel by this id.")
        return found

    def caller(self) -> Caller:
        """Return whose key it is."""
        return caller(self.session, self.credentials, "carrier")


def rotate(office: Office, attempt: Attempt, of: Of) -> Answered:
    """Give a code new digits, once per key: the old ones stop once the locker has heard.

    One that was revoked gets digits again. Raises `NotFound`, `WrongState`, `TooMany`.
    """

    def act() -> UUID:
        parcel, cause = office.own(of.parcel_id)
        one = _code(office.session, parcel, of.code_id)
        right = _collectable(cause, parcel, of.code_id)
        renewed = renew(
            office.session, cause.locker, of.code_id, secrets=office.secrets, moment=office.moment
        )
        macs = renewed.macs
        changed = msgspec.structs.replace(
            right, code_mac=macs.code, long_code_mac=macs.long_code, qr_mac=macs.qr
        )
        rights.wish(office.session, cause.locker, changed)
        if isinstance(one, DelegatedCode):
            one.revoked_at = None
        _tell(cause, parcel, "rotated", of.code_id)
        return of.code_id

    return _once(office, attempt, of.parcel_id, act, status=200)


def delegate(
    office: Office, attempt: Attempt, parcel_id: UUID, *, reference: str | None
) -> Answered:
    """Make a second code for somebody else, once per key; it is revoked by itself.

    Raises `NotFound`, `WrongState` where nothing is to be collected, `TooMany`.
    """

    def act() -> UUID:
        parcel, cause = office.own(parcel_id)
        if parcel.kind != "last_mile" or parcel.right_id is None:
            raise WrongState("It has no pickup code, or not yet.", state=parcel.state)
        _collectable(cause, parcel, parcel.right_id)
        _check_count(office.session, parcel)
        issued = issue(office.session, cause.locker, secrets=office.secrets, moment=office.moment)
        right = messages.Right(
            id=str(issued.right_id),
            kind="collect",
            carrier_id=str(parcel.carrier_id),
            parcel_id=str(parcel.id),
            code_mac=issued.macs.code,
            long_code_mac=issued.macs.long_code,
            qr_mac=issued.macs.qr,
        )
        rights.wish(office.session, cause.locker, right)
        made = DelegatedCode(
            id=issued.right_id,
            parcel_id=parcel.id,
            carrier_id=parcel.carrier_id,
            locker_id=parcel.locker_id,
            reference=reference,
            created_at=office.moment.now,
        )
        office.session.add(made)
        parcel.has_second_codes = True
        _tell(cause, parcel, "delegated", issued.right_id)
        return issued.right_id

    return _once(office, attempt, parcel_id, act, status=201)


def revoke(office: Office, of: Of) -> Row:
    """Take a code out of use: it opens nothing once the locker has heard; twice is once.

    The parcel stays, and its other codes. Raises `NotFound`, `WrongState` once it is over anyway.
    """
    session, now = office.session, office.moment.now
    parcel, cause = office.own(of.parcel_id)
    one = _code(session, parcel, of.code_id)
    shown = _shown(session, parcel, one)
    if shown["state"] == "revoked":
        return shown
    right = _collectable(cause, parcel, of.code_id)
    if isinstance(one, DelegatedCode):
        one.revoked_at = now
        rights.forget(session, cause.locker, one.id)
    else:
        bare = msgspec.structs.replace(right, code_mac=None, long_code_mac=None, qr_mac=None)
        rights.wish(session, cause.locker, bare)
    rights.retire_code(session, of.code_id, now)
    _tell(cause, parcel, "revoked", of.code_id)
    return _shown(session, parcel, one)


def _tell(cause: Cause, parcel: Parcel, what: str, code_id: UUID) -> None:
    cause.tell(parcel, f"code_{what}")
    cause.notify(parcel, f"pickup_code.{what}", {"code_id": str(code_id)})


def _collectable(cause: Cause, parcel: Parcel, code_id: UUID) -> messages.Right:
    """Return the right of a code as last wished; raise `WrongState` if its parcel is not to be had.

    The parcel's own right tells: without it, or revoked, no code of it opens anything.
    """
    own = rights.right_of(cause.session, cause.locker.id, parcel.right_id or code_id)
    if own is None or own.revoked or own.kind not in ("claim", "collect"):
        raise WrongState("Nobody may collect it any more, or not yet.", state=parcel.state)
    row = cause.session.get(Right, (cause.locker.id, code_id))
    assert row is not None
    return _right(row)


def _check_count(session: Session, parcel: Parcel) -> None:
    live = select(func.count()).where(
        DelegatedCode.parcel_id == parcel.id, DelegatedCode.revoked_at.is_(None)
    )
    if (session.scalar(live) or 0) >= DELEGATED_MAX:
        raise TooMany(f"A parcel has at most {DELEGATED_MAX} codes beside the recipient's.")


def _once(office: Office, attempt: Attempt, parcel_id: UUID, act: Any, *, status: int) -> Answered:
    """Act once per key; the code is rendered into the answer, and stored in none."""
    session, by = office.session, office.caller()

    def answer() -> Answered:
        code_id = act()
        session.flush()
        parcel = session.get_one(Parcel, parcel_id)
        return Answered(status, _shown(session, parcel, _code(session, parcel, code_id)))

    answered = idempotency.once(session, by.tenant, attempt, answer, now=office.moment.now)
    if answered.status >= 400:
        return answered
    parcel = session.get_one(Parcel, parcel_id)
    code_id = UUID(answered.body["id"])
    codes = _with_code(session, parcel, code_id, office.secrets)
    shown = {name: codes[name] for name in ("code", "addition", "qr") if name in codes}
    return answered._replace(body=answered.body | shown)
