"""Reservations: confirmed or refused at once, once per key, and shown again.

At a locker whose day is decided at cut-offs a hard one waits instead, and is given no room yet.
Those of one caller that come at the same moment share a transaction: three round trips, a refusal
takes four. The decision is a row of the same transaction. Under one key: `manifests.service`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select

from fellesskap_backend import idempotency
from fellesskap_backend.carriers.service import Caller, Credentials, caller
from fellesskap_backend.db import table_of
from fellesskap_backend.errors import IdempotencyKeyReused, NotFound
from fellesskap_backend.idempotency import Answered
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.reservations import reading
from fellesskap_backend.reservations.answering import Counter, Told, begin
from fellesskap_backend.reservations.confirmed import Asked, view
from fellesskap_backend.reservations.tables import Reservation
from fellesskap_backend.rights.heard import APPLIED
from fellesskap_backend.rights.service import Codes, codes_of
from fellesskap_backend.rights.tables import Right, RightCode

Row = dict[str, Any]
Numbers = Mapping[UUID, int]


def reserve_all(counter: Counter, credentials: Credentials, every: Sequence[Asked]) -> list[Told]:
    """Confirm, refuse or let wait, each for itself and once per key; each is an answer, stored.

    `NotFound`, `InvalidRequest` and `IdempotencyKeyReused` are told of one request, and store
    nothing. Raises `Unauthorized`, `Forbidden` and `NotFound` of the key, for all.
    """
    return [told for turn in _turns(every) for told in _answer(counter, credentials, turn)]


def find(counter: Counter, credentials: Credentials, reservation_id: UUID) -> Row:
    """Return one of the carrier's own reservations; raise `NotFound`."""
    session = counter.session
    by = caller(session, credentials, "carrier")
    row = session.execute(_FIND, {"id": reservation_id, "carrier": by.carrier_id}).one_or_none()
    if row is None or not by.made(row.acted_by):
        raise NotFound("No reservation by this id.")
    body = view(row._asdict(), delivered=bool(row.delivered))
    return with_codes(counter, by, [body], {})[0]


def with_codes(counter: Counter, by: Caller, bodies: Sequence[Row], known: Numbers) -> list[Row]:
    """Render codes into the reservations whose carrier asked for them at once; they are not stored.

    Who acts for the carrier is told none: it is the carrier's recipient who opens with it. `known`
    are numbers of codes; those of the others are looked up.
    """
    asked = {
        UUID(one["right_id"])
        for one in bodies
        if one.get("code_at") == "reservation" and one["right_id"]
    }
    if not asked or by.acted_by is not None:
        return list(bodies)
    numbers = dict(known)
    if not asked <= numbers.keys():
        found = counter.session.execute(_NUMBERS, {"rights": list(asked)})
        numbers |= {row.right_id: row.n for row in found}
    codes = {
        one: codes_of(counter.secrets.k_codes, one, numbers[one]) for one in asked if one in numbers
    }
    return [_with_code(one, codes) for one in bodies]


def _turns(every: Sequence[Asked]) -> Iterator[list[Asked]]:
    """Divide requests into turns, in each a key once: a repeated one finds its answer there."""
    turn: dict[str, Asked] = {}
    for one in every:
        if one.attempt.key in turn:
            yield [*turn.values()]
            turn = {}
        turn[one.attempt.key] = one
    yield [*turn.values()]


def _answer(counter: Counter, credentials: Credentials, every: Sequence[Asked]) -> list[Told]:
    """Answer requests, each under a key of its own."""
    admitted = reading.admit(counter.session, credentials, [one.locker_id for one in every])
    work = begin(counter, admitted, every, [one.attempt for one in every])
    for one in every:
        stored = work.found.answers.get(one.attempt.key)
        if stored is None:
            work.answer(one)
        else:
            work.told.append(_replay(one, stored))
    work.confirm()
    new = [
        idempotency.row(work.by.tenant, one.attempt, told, counter.moment.now)
        for one, told in zip(every, work.told, strict=True)
        if isinstance(told, Answered) and not told.replayed
    ]
    if new:
        work.write(new)
    answered = {at: told for at, told in enumerate(work.told) if isinstance(told, Answered)}
    bodies = [told.body for told in answered.values()]
    shown = with_codes(counter, work.by, bodies, work.numbers)
    for at, body in zip(answered, shown, strict=True):
        work.told[at] = answered[at]._replace(body=body)
    return work.told


def _replay(asked: Asked, stored: tuple[str, int, str]) -> Told:
    try:
        return idempotency.replay(asked.attempt, *stored)
    except IdempotencyKeyReused as error:
        return error


def _with_code(body: Row, codes: Mapping[UUID, Codes]) -> Row:
    if body.get("code_at") != "reservation" or not body["right_id"]:
        return body
    code = codes.get(UUID(body["right_id"]))
    return body if code is None else body | {"pickup_code": code.code, "addition": code.addition}


_NUMBERS = select(RightCode.right_id, RightCode.n).where(
    RightCode.right_id.in_(bindparam("rights", expanding=True)), RightCode.removed_at.is_(None)
)
DELIVERED = APPLIED.label("delivered")
_FIND = (
    select(table_of(Reservation), DELIVERED)
    .join(Locker, Locker.id == Reservation.locker_id)
    .outerjoin(
        Right, (Right.locker_id == Reservation.locker_id) & (Right.id == Reservation.right_id)
    )
    .where(Reservation.id == bindparam("id"), Reservation.carrier_id == bindparam("carrier"))
)
