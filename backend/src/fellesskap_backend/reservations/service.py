"""Reservations: confirmed or refused at once, in three round trips.

The row of the locker is locked first, so that two decisions about one locker never overlap; all
that the decision depends on is read after that, in one statement and so from one snapshot.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CompoundSelect,
    bindparam,
    case,
    insert,
    literal,
    null,
    select,
    true,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from fellesskap_backend import idempotency
from fellesskap_backend.allowances.tables import Allowance
from fellesskap_backend.carriers.service import (
    GOOD,
    Caller,
    Credentials,
    acting,
    caller,
    check_scope,
)
from fellesskap_backend.carriers.tables import ApiKey, Carrier
from fellesskap_backend.db import Moment, Together, table_of
from fellesskap_backend.errors import DuplicateParcel, InvalidRequest, NotFound, Refused
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.idempotency import Answer, Answered
from fellesskap_backend.lockers.tables import CONFIRMS, Compartment, Locker
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_backend.reservations.confirmed import Asked, Confirmation, Keys, view
from fellesskap_backend.reservations.decision import refusal
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights.service import CODE_REST, NUMBERS, code_mac, codes_of
from fellesskap_backend.rights.tables import Right, RightCode
from fellesskap_backend.secrets import Secrets
from fellesskap_backend.tenancy import Sees
from fellesskap_protocol import capacity

OPERATION = "POST /v1/reservations"
DEPOSIT_BY_MAX = timedelta(days=30)
ENDED = (
    *("collected", "removed", "cancelled", "expired", "diverted", "delivery_failed"),
    *("lost", "picked_up"),
)
Row = dict[str, Any]


@dataclass
class Basis:
    """All that a decision depends on, from one snapshot."""

    every: list[capacity.Compartment] = field(default_factory=list)
    usable: list[capacity.Compartment] = field(default_factory=list)
    claims: list[capacity.Demand] = field(default_factory=list)
    answer: tuple[str, int, str] | None = None
    """Fingerprint, status and body of what this key was answered before."""
    is_duplicate: bool = False
    code_macs: set[str] = field(default_factory=set)
    """Which of the candidates are in use at the locker."""


def reserve(
    session: Session, credentials: Credentials, asked: Asked, *, secrets: Secrets, moment: Moment
) -> Answered:
    """Confirm or refuse, once per key; a refusal is an answer, stored like any other.

    Raises `Unauthorized`, `Forbidden`, `NotFound`, `InvalidRequest` and `IdempotencyKeyReused`,
    which store nothing.
    """
    by, k_version, revision = _admit(session, credentials, asked.locker_id)
    now, tenant, right_id = moment.now, by.tenant, moment.new_id()
    keys = Keys(secrets.k_codes, secrets.k_locker(asked.locker_id, k_version))
    candidates = [code_mac(keys.k_locker, keys.k_codes, right_id, n=n) for n in NUMBERS]
    basis = _read(session, by, asked, candidates=candidates, now=now)
    if basis.answer is not None:
        again = idempotency.replay(asked.attempt, *basis.answer)
        return again._replace(body=_with_code(session, by, again.body, secrets))
    if not now < asked.deposit_by <= now + DEPOSIT_BY_MAX:
        raise InvalidRequest("`deposit_by` lies in the future, at most 30 days ahead.")
    if asked.reserve_until is not None and not now < asked.reserve_until <= asked.deposit_by:
        raise InvalidRequest("`reserve_until` lies in the future, at the latest at `deposit_by`.")
    refused = _refusal(asked, basis)
    if refused is not None:
        answered = Answered(refused.status, refused.problem())
        session.execute(insert(Answer), idempotency.row(tenant, asked.attempt, answered, now))
        return answered
    n = next(n for n in NUMBERS if candidates[n] not in basis.code_macs)
    made = Confirmation(asked, by, right_id, n, revision + 1).rows(keys, moment)
    answered = Answered(201, view(made[0], delivered=False))
    answer = idempotency.row(tenant, asked.attempt, answered, now)
    _WRITE.execute(session, (*made, answer), {"at_locker": asked.locker_id, "to": revision + 1})
    return answered._replace(body=_with_code(session, by, answered.body, secrets, n=n))


def find(
    session: Session, credentials: Credentials, reservation_id: UUID, *, secrets: Secrets
) -> Row:
    """Return one of the carrier's own reservations; raise `NotFound`."""
    by = caller(session, credentials, "carrier")
    row = session.execute(_FIND, {"id": reservation_id, "carrier": by.carrier_id}).one_or_none()
    if row is None or not by.made(row.acted_by):
        raise NotFound("No reservation by this id.")
    body = view(row._asdict(), delivered=bool(row.delivered))
    return _with_code(session, by, body, secrets)


def _admit(session: Session, credentials: Credentials, locker_id: str) -> tuple[Caller, int, int]:
    """Check the key and lock the locker; return the carrier, the key version and the revision."""
    asked = {**credentials.parameters(), "at_locker": locker_id}
    row = session.execute(_ADMIT, asked).one_or_none()
    if row is None:
        caller(session, credentials, "carrier")
        raise NotFound("No locker by this id.")
    check_scope(credentials, row.scopes)
    own = Caller(credentials.prefix, "carrier", row.carrier_id, row.number)
    by = acting(session, own, credentials)
    return by, row.k_version, row.revision


def _refusal(asked: Asked, basis: Basis) -> Refused | None:
    if basis.is_duplicate:
        return DuplicateParcel("Its label is that of a parcel on its way or in a locker.")
    if asked.hold == "soft":  # it holds nothing: only what could never be is refused
        return refusal(asked.demand, every=basis.every, usable=basis.every, claims=())
    return refusal(asked.demand, every=basis.every, usable=basis.usable, claims=basis.claims)


def _read(
    session: Session, by: Caller, asked: Asked, *, candidates: Sequence[str], now: datetime
) -> Basis:
    """Read the basis of a decision; the locker is locked."""
    rows = session.execute(
        _BASIS,
        {
            "at_locker": asked.locker_id,
            "carrier": by.carrier_id,
            "label_key": asked.label.key,
            "tenant": by.tenant,
            "key": asked.attempt.key,
            "candidates": candidates,
            "rested_since": now - CODE_REST,
        },
    ).all()
    basis = Basis()
    for row in rows:
        _sort_in(basis, row)
    return basis


def _sort_in(basis: Basis, row: Sequence[Any]) -> None:
    """Put one row of `_BASIS` where it belongs."""
    what, a, b, c, d, e, f, g, names, text, more = row
    match what:
        case "compartment":
            one = capacity.Compartment(a, b, c, d, e, f, g, tuple(names))
            basis.every.append(one)
            if capacity.usable(text, more):
                basis.usable.append(one)
        case "claim":
            basis.claims.append(capacity.Demand(a, b, c, d, tuple(names)))
        case "allowance":
            basis.claims += [capacity.Demand(a, b, c, 0)] * d
        case "answer":
            basis.answer = (text, a, more)
        case "code":
            basis.code_macs.add(text)
        case _:
            basis.is_duplicate = True


def _with_code(
    session: Session, by: Caller, body: Row, secrets: Secrets, *, n: int | None = None
) -> Row:
    """Render the code into an answer whose carrier asked for it at once; it is never stored.

    Who acts for the carrier is told none: it is the carrier's recipient who opens with it.
    """
    if body.get("code_at") != "reservation" or by.acted_by is not None:
        return body
    right_id = UUID(body["right_id"])
    if n is None:
        n = session.scalars(_NUMBER, {"right": right_id}).one_or_none()
    if n is None:
        return body
    codes = codes_of(secrets.k_codes, right_id, n)
    return body | {"pickup_code": codes.code, "addition": codes.addition}


_ADMIT = (
    select(
        *(ApiKey.carrier_id, ApiKey.scopes, Carrier.number, Locker.k_version, Locker.revision),
        Sees(ApiKey.carrier_id),
    )
    .select_from(Locker)
    .join(ApiKey, true())
    .join(Carrier, Carrier.id == ApiKey.carrier_id)
    .where(Locker.id == bindparam("at_locker"), ApiKey.role == "carrier", *GOOD)
    .with_for_update(of=Locker, key_share=True)
)
_NOTHING = (null(),) * 7
_BASIS: CompoundSelect[Any] = union_all(
    select(
        literal("compartment"),
        Compartment.number,
        Compartment.width_mm,
        Compartment.height_mm,
        Compartment.depth_mm,
        Compartment.floor_mm,
        Compartment.top_mm,
        Compartment.max_g,
        Compartment.features,
        case((Compartment.parcel_id.is_(None), Compartment.content), else_="parcel"),
        Compartment.service,
    )
    .join(Locker, Locker.id == Compartment.locker_id)
    .where(Compartment.locker_id == bindparam("at_locker"), CONFIRMS),
    select(
        *(literal("claim"), Claim.w_mm, Claim.h_mm, Claim.d_mm, Claim.g),
        *(null(), null(), null(), Claim.needs, null(), null()),
    ).where(Claim.locker_id == bindparam("at_locker"), Claim.released.is_(False)),
    select(
        *(literal("allowance"), Allowance.w_mm, Allowance.h_mm, Allowance.d_mm),
        *(Allowance.ceiling - Allowance.used, null(), null(), null(), null(), null(), null()),
    ).where(Allowance.locker_id == bindparam("at_locker"), Allowance.ceiling > Allowance.used),
    select(
        *(literal("answer"), Answer.status, *_NOTHING, Answer.fingerprint, Answer.body),
    ).where(
        Answer.tenant == bindparam("tenant"),
        Answer.operation == OPERATION,
        Answer.key == bindparam("key"),
    ),
    select(literal("code"), *_NOTHING, null(), RightCode.code_mac, null()).where(
        RightCode.locker_id == bindparam("at_locker"),
        RightCode.code_mac.in_(bindparam("candidates", expanding=True)),
        RightCode.removed_at.is_(None) | (RightCode.removed_at > bindparam("rested_since")),
    ),
    select(literal("duplicate"), *_NOTHING, null(), Parcel.state, null()).where(
        Parcel.carrier_id == bindparam("carrier"),
        Parcel.label_key == bindparam("label_key"),
        Parcel.state.not_in(ENDED),
    ),
    # A delivery that failed is given up by its carrier or by time, not by another reservation.
    select(literal("duplicate"), *_NOTHING, null(), Reservation.state, null()).where(
        Reservation.carrier_id == bindparam("carrier"),
        Reservation.label_key == bindparam("label_key"),
        Reservation.state == "confirmed",
    ),
)
_LOCKERS = table_of(Locker)
_WRITE = Together(
    *(Reservation, Claim, Parcel, Right, RightCode, ParcelEntry, Notice, Answer),
    last=update(_LOCKERS)
    .where(_LOCKERS.c.id == bindparam("at_locker"))
    .values(revision=bindparam("to")),
)
_NUMBER = select(RightCode.n).where(
    RightCode.right_id == bindparam("right"), RightCode.removed_at.is_(None)
)
DELIVERED = (
    tuple_(Locker.applied_generation, Locker.applied_revision)
    >= tuple_(Locker.generation, Right.revision)
).label("delivered")
_FIND = (
    select(table_of(Reservation), DELIVERED)
    .join(Locker, Locker.id == Reservation.locker_id)
    .join(Right, (Right.locker_id == Reservation.locker_id) & (Right.id == Reservation.right_id))
    .where(Reservation.id == bindparam("id"), Reservation.carrier_id == bindparam("carrier"))
)
