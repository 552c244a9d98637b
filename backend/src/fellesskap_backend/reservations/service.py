"""Reservations: confirmed or refused at once, in three round trips; a refusal takes four.

At a locker whose day is decided at cut-offs a hard one waits instead, and is given no room yet.

The row of the locker is locked first, so that two decisions about one locker never overlap; all
that the decision depends on is read after that, in one statement and so from one snapshot. The
decision is a row of the same transaction. Many at once: `manifests.service`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CompoundSelect,
    Update,
    bindparam,
    select,
    true,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from fellesskap_backend import idempotency
from fellesskap_backend.bulk import Together
from fellesskap_backend.carriers.service import (
    GOOD,
    Caller,
    Credentials,
    acting,
    caller,
    check_scope,
)
from fellesskap_backend.carriers.tables import ApiKey, Carrier
from fellesskap_backend.db import Moment, rows_of, table_of
from fellesskap_backend.decisions.desk import Decided, Desk, Place
from fellesskap_backend.decisions.policy import REFUSALS
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.errors import InvalidRequest, NotFound
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.idempotency import Answer, Answered
from fellesskap_backend.lockers.nearby import Alternative
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_backend.reservations import basis, requested
from fellesskap_backend.reservations.alternatives import Neighbours
from fellesskap_backend.reservations.confirmed import Asked, Confirmation, Keys, view
from fellesskap_backend.reservations.tables import LIVE, Claim, Reservation
from fellesskap_backend.rights.service import CODE_REST, NUMBERS, code_mac, codes_of
from fellesskap_backend.rights.tables import Right, RightCode
from fellesskap_backend.secrets import Secrets
from fellesskap_backend.tenancy import Sees

OPERATION = "POST /v1/reservations"
ENDED = (
    *("collected", "removed", "cancelled", "expired", "diverted", "delivery_failed"),
    *("lost", "picked_up"),
)
Row = dict[str, Any]


@dataclass
class Found:
    """What was read with the basis of a decision about one request."""

    answer: tuple[str, int, str] | None = None
    """Fingerprint, status and body of what this key was answered before."""
    is_duplicate: bool = False
    code_macs: set[str] = field(default_factory=set)
    """Which of the candidates are in use at the locker."""


def reserve(
    session: Session, credentials: Credentials, asked: Asked, *, secrets: Secrets, moment: Moment
) -> Answered:
    """Confirm, refuse or let wait, once per key; each is an answer, stored like any other.

    Raises `Unauthorized`, `Forbidden`, `NotFound`, `InvalidRequest` and `IdempotencyKeyReused`,
    which store nothing.
    """
    by, place = _admit(session, credentials, asked.locker_id)
    now, tenant, right_id = moment.now, by.tenant, moment.new_id()
    keys = Keys(secrets.k_codes, secrets.k_locker(asked.locker_id, place.k_version))
    candidates = [code_mac(keys.k_locker, keys.k_codes, right_id, n=n) for n in NUMBERS]
    parameters = _parameters(by, asked, now)
    parameters |= zip(_CANDIDATES, candidates, strict=True)
    found = _read(session, place, parameters)
    if found.answer is not None:
        again = idempotency.replay(asked.attempt, *found.answer)
        return again._replace(body=_with_code(session, by, again.body, secrets))
    wrong = asked.wrong_times(now, place.cut_off)
    if wrong is not None:
        raise InvalidRequest(wrong)
    desk = Desk(place, now)
    wanted = asked.wanted(by, is_duplicate=found.is_duplicate)
    if place.cut_off is not None and desk.waits(wanted.request):
        waiting = requested.rows(asked, by, place.cut_off, moment)
        answered = Answered(202, view(waiting[0], delivered=False))
        answer = idempotency.row(tenant, asked.attempt, answered, now)
        _REQUEST.execute(session, (*waiting, answer))
        return answered
    decided = desk.decide(wanted, moment)
    if not decided.decision.confirmed:
        near = Neighbours(session, now, {place.locker_id: desk}, carrier=by.number)
        answered = refused(decided, asked, alternatives_of(near, place, asked, decided))
        answer = idempotency.row(tenant, asked.attempt, answered, now)
        _REFUSE.execute(session, (decided.row, answer), changed(desk))
        return answered
    n = next(n for n in NUMBERS if candidates[n] not in found.code_macs)
    asked = asked.waiting(decided.held_for_s, now)
    made = Confirmation(asked, by, right_id, n, desk.revision, decided).rows(keys, moment)
    answered = Answered(201, view(made[0], delivered=False))
    answer = idempotency.row(tenant, asked.attempt, answered, now)
    _CONFIRM.execute(session, (*made, decided.row, answer), changed(desk))
    return answered._replace(body=_with_code(session, by, answered.body, secrets, n=n))


def live_labels(session: Session, by: Caller, keys: Sequence[str]) -> set[str]:
    """Return which of these labels are those of a carrier's live parcels."""
    if not keys:
        return set()
    return set(session.scalars(_LIVE, {"carrier": by.carrier_id, "keys": list(set(keys))}))


def alternatives_of(
    near: Neighbours, place: Place, asked: Asked, decided: Decided
) -> list[Alternative]:
    """Return what to do instead; a parcel that is under way already is wanted nowhere else."""
    if decided.decision.reason == "duplicate_parcel":
        return []
    return near.of(place, asked.demand)


def refused(decided: Decided, asked: Asked, alternatives: Sequence[Alternative]) -> Answered:
    """Return the answer to a request that is given no room."""
    reason = decided.decision.reason
    assert reason is not None
    told = REFUSALS[reason]
    problem = told.problem() | {
        "reason": reason,
        "alternatives": list(alternatives),
        "decision_id": str(decided.id),
    }
    if reason == "quota_exceeded":
        own = {"quota": decided.decision.quota, "used": decided.decision.used}
        problem |= {"size_class": asked.size_class, **own}
    return Answered(told.status, problem)


def changed(desk: Desk) -> Row:
    """Return what the locker's row is to say after the decisions of a desk (`CHANGE`)."""
    return {
        "at_locker": desk.place.locker_id,
        "to": desk.revision,
        "to_number": desk.head.number,
        "hash": desk.head.hash,
        "layout": desk.head.layout,
        "rules": desk.head.rules,
    }


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


def _admit(session: Session, credentials: Credentials, locker_id: str) -> tuple[Caller, Place]:
    """Check the key and lock the locker; return whose key it is, and the locker's own row."""
    asked = {**credentials.parameters(), "at_locker": locker_id}
    row = rows_of(session, _ADMIT, asked).one_or_none()
    if row is None:
        caller(session, credentials, "carrier")
        raise NotFound("No locker by this id.")
    check_scope(credentials, row.scopes)
    own = Caller(credentials.prefix, "carrier", row.carrier_id, row.number)
    return acting(session, own, credentials), basis.place_of(row)


def _parameters(by: Caller, asked: Asked, now: datetime) -> Row:
    return {
        "at_locker": asked.locker_id,
        "carrier": by.carrier_id,
        "label_key": asked.label.key,
        "tenant": by.tenant,
        "key": asked.attempt.key,
        "rested_since": now - CODE_REST,
        "now": now,
    }


def _read(session: Session, place: Place, parameters: Row) -> Found:
    """Read the basis of a decision, and what is there of this request; the locker is locked."""
    rows = rows_of(session, _BASIS, parameters).all()
    found, of_place = Found(), basis.Basis({place.locker_id: place})
    for row in rows:
        if not of_place.sort_in(row):
            _sort_in(found, row)
    of_place.complete()
    return found


def _sort_in(found: Found, row: Sequence[Any]) -> None:
    what, _, status, *_, text, more, _ = row
    match what:
        case "answer":
            found.answer = (text, status, more)
        case "code":
            found.code_macs.add(text)
        case _:
            found.is_duplicate = True


def _with_code(
    session: Session, by: Caller, body: Row, secrets: Secrets, *, n: int | None = None
) -> Row:
    """Render the code into an answer whose carrier asked for it at once; it is never stored.

    Who acts for the carrier is told none: it is the carrier's recipient who opens with it.
    """
    if body.get("code_at") != "reservation" or by.acted_by is not None or not body["right_id"]:
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
        *(ApiKey.carrier_id, ApiKey.scopes, Carrier.number, *basis.COLUMNS),
        Sees(ApiKey.carrier_id),
    )
    .select_from(Locker)
    .join(ApiKey, true())
    .join(Carrier, Carrier.id == ApiKey.carrier_id)
    .where(Locker.id == bindparam("at_locker"), ApiKey.role == "carrier", *GOOD)
    .with_for_update(of=Locker, key_share=True)
)
_HERE = basis.word("")
_THIS: Any = [bindparam("at_locker")]
# Lists of a known length are written out once; others would be for each request.
_ENDED, _LIVE_STATES = [*map(basis.word, ENDED)], [*map(basis.word, LIVE)]
_CANDIDATES = [f"candidate_{n}" for n in NUMBERS]
_BASIS: CompoundSelect[Any] = union_all(
    *basis.parts_of(_THIS),
    basis.journals_of(_THIS),
    basis.part("answer", _HERE, Answer.status, texts=(Answer.fingerprint, Answer.body)).where(
        Answer.tenant == bindparam("tenant"),
        Answer.operation == OPERATION,
        Answer.key == bindparam("key"),
    ),
    basis.part("code", _HERE, texts=(RightCode.code_mac,)).where(
        RightCode.locker_id == bindparam("at_locker"),
        RightCode.code_mac.in_([bindparam(name) for name in _CANDIDATES]),
        RightCode.removed_at.is_(None) | (RightCode.removed_at > bindparam("rested_since")),
    ),
    basis.part("duplicate", _HERE, texts=(Parcel.state,)).where(
        Parcel.carrier_id == bindparam("carrier"),
        Parcel.label_key == bindparam("label_key"),
        Parcel.state.not_in(_ENDED),
    ),
    # A delivery that failed is given up by its carrier or by time, not by another reservation.
    basis.part("duplicate", _HERE, texts=(Reservation.state,)).where(
        Reservation.carrier_id == bindparam("carrier"),
        Reservation.label_key == bindparam("label_key"),
        Reservation.state.in_(_LIVE_STATES),
    ),
)
_KEYS: Any = bindparam("keys", expanding=True)
_LIVE: CompoundSelect[Any] = union_all(
    select(Parcel.label_key).where(
        Parcel.carrier_id == bindparam("carrier"),
        Parcel.label_key.in_(_KEYS),
        Parcel.state.not_in(ENDED),
    ),
    select(Reservation.label_key).where(
        Reservation.carrier_id == bindparam("carrier"),
        Reservation.label_key.in_(_KEYS),
        Reservation.state.in_(LIVE),
    ),
)
_LOCKERS = table_of(Locker)
CHANGE: Update = (
    update(_LOCKERS)
    .where(_LOCKERS.c.id == bindparam("at_locker"))
    .values(
        revision=bindparam("to"),
        decided=bindparam("to_number"),
        decision_hash=bindparam("hash"),
        decision_layout=bindparam("layout"),
        decision_rules=bindparam("rules"),
    )
)
CONFIRMED = (Reservation, Claim, Parcel, Right, RightCode, ParcelEntry, Notice)
"""The tables of what `Confirmation.rows` makes, in order."""
_CONFIRM = Together(*CONFIRMED, Decision, Answer, last=CHANGE)
_REFUSE = Together(Decision, Answer, last=CHANGE)
_REQUEST = Together(*requested.TABLES, Answer)
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
    .outerjoin(
        Right, (Right.locker_id == Reservation.locker_id) & (Right.id == Reservation.right_id)
    )
    .where(Reservation.id == bindparam("id"), Reservation.carrier_id == bindparam("carrier"))
)
