"""What people wish for a parcel that lies in a locker: longer, back, in dispute, resolved.

Each act says what should be so, and doing it twice is doing it once. What cannot happen any more
is refused (`WrongState`) and changes nothing.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend import idempotency
from fellesskap_backend.carriers.service import Credentials, caller
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.errors import InvalidRequest, NotFound, WrongState
from fellesskap_backend.idempotency import Answered, Attempt
from fellesskap_backend.lockers.health import CONTACT
from fellesskap_backend.lockers.tables import Compartment, Locker
from fellesskap_backend.parcels import moving, service, timing
from fellesskap_backend.parcels.machine import CLOCK_RUNS, step_of
from fellesskap_backend.parcels.moving import Facts
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.parcels.telling import Cause

COLLECT_WITHIN_MAX = timedelta(days=60)
"""How long a parcel may lie in all, extensions counted."""
REASON_CHARACTERS_MAX = 200
AT_ONCE_MAX = 100
Outcome = Literal["deposited", "dropped_off", "collected", "removed", "picked_up", "lost"]


def once(
    session: Session,
    credentials: Credentials,
    tried: Attempt,
    act: Callable[[], Parcel],
    *,
    now: datetime,
) -> Answered:
    """Do one of the acts below once per key; the answer is the parcel as it is then."""
    by = caller(session, credentials, "carrier")

    def answer() -> Answered:
        parcel = act()
        session.flush()
        return Answered(200, service.shown(session, parcel))

    return idempotency.once(session, by.tenant, tried, answer, now=now)


def extend(
    session: Session,
    credentials: Credentials,
    parcel_id: UUID,
    *,
    collect_within_s: int,
    moment: Moment,
) -> Parcel:
    """Let one of the carrier's own parcels lie for this long in all, counted from its deposit.

    An overdue one is deposited again, if that leaves it any time. Raises `NotFound`, `WrongState`,
    and `InvalidRequest` for less than it has, less than it used, or more than 60 days.
    """
    parcel, cause = _own(session, credentials, parcel_id, moment)
    step = step_of(parcel.kind, parcel.state, "extend")
    if step is None:
        raise WrongState("Only what lies in a locker can be extended.", state=parcel.state)
    if collect_within_s == parcel.collect_within_s:
        return parcel
    if collect_within_s < (parcel.collect_within_s or 0):
        raise InvalidRequest("`collect_within` is the time in all, and no less than before.")
    if collect_within_s > COLLECT_WITHIN_MAX.total_seconds():
        raise InvalidRequest("A parcel may lie for 60 days in all.")
    before, parcel.collect_within_s = parcel.collect_within_s, collect_within_s
    collect_by = timing.collect_by(session, cause.locker, parcel)
    if parcel.state == "overdue" and has_run_out(collect_by, cause.locker):
        parcel.collect_within_s = before
        raise InvalidRequest("It has been there for longer than that already.")
    parcel.collect_by = collect_by
    moving.move(cause, parcel, "extend")
    return parcel


def recall(
    session: Session, credentials: Credentials, parcel_id: UUID, *, moment: Moment
) -> Parcel:
    """Have one of the carrier's own parcels back: its code opens no more, a courier takes it out.

    If it is collected before the locker hears of that, it is collected. Raises `NotFound`,
    `WrongState`.
    """
    parcel, cause = _own(session, credentials, parcel_id, moment)
    return _act(cause, parcel, "recall", Facts())


def dispute(
    session: Session, credentials: Credentials, parcel_id: UUID, *, reason: str, moment: Moment
) -> Parcel:
    """Doubt that one of the carrier's own parcels lies where it should; an operator resolves it.

    Raises `NotFound`, `WrongState`.
    """
    parcel, cause = _own(session, credentials, parcel_id, moment)
    return _act(cause, parcel, "dispute", Facts(detail=reason[:REASON_CHARACTERS_MAX]))


def resolve(
    session: Session,
    credentials: Credentials,
    parcel_id: UUID,
    outcome: Outcome,
    *,
    moment: Moment,
) -> Parcel:
    """Say, as an operator, what became of a parcel in dispute.

    Back in custody its right is in force again and its clock goes on. Otherwise the right is
    revoked; its compartment stays suspect until somebody looked. Raises `NotFound`, `WrongState`.
    """
    caller(session, credentials, "operator")
    found = Cause.upon(session, Parcel, parcel_id, moment)
    if found is None:
        raise NotFound("No parcel by this id.")
    parcel, cause = found
    if outcome in CLOCK_RUNS and parcel.state == "disputed":
        place = session.get(Compartment, (parcel.locker_id, parcel.compartment or 0))
        if place is None or place.parcel_id != parcel.id:
            raise WrongState("Another parcel is known to lie there.", state=parcel.state)
        # The right stayed good all the time, so the clock went on; proofs that came were not read.
        parcel.collect_by = timing.collect_by(session, cause.locker, parcel)
    return _act(cause, parcel, f"resolve_{outcome}", Facts(detail=outcome))


def disputed(session: Session, *, limit: int = AT_ONCE_MAX) -> Sequence[Parcel]:
    """Return the parcels that an operator has to work through, the oldest first."""
    return session.scalars(
        select(Parcel).where(Parcel.state == "disputed").order_by(Parcel.id).limit(limit)
    ).all()


def _act(cause: Cause, parcel: Parcel, act: str, facts: Facts) -> Parcel:
    state = parcel.state
    if moving.move(cause, parcel, act, facts) is None:
        raise WrongState("This cannot happen to the parcel any more, or not yet.", state=state)
    return parcel


def _own(
    session: Session, credentials: Credentials, parcel_id: UUID, moment: Moment
) -> tuple[Parcel, Cause]:
    by = caller(session, credentials, "carrier")
    found = Cause.upon(session, Parcel, parcel_id, moment)
    if found is None or found[0].carrier_id != by.carrier_id:
        raise NotFound("No parcel by this id.")
    return found


# Time --------------------------------------------------------------------------------------------


def to_be_overdue(session: Session, now: datetime) -> Sequence[UUID]:
    """Return parcels whose time has run out, at lockers in contact whose journal is up to date.

    A proof that reaches beyond `collect_by` says that it ran out. One of the last minutes says that
    no older journal is still on its way, in which the parcel may have been collected.
    """
    since = now - CONTACT
    return session.scalars(
        select(Parcel.id)
        .join(Locker, Locker.id == Parcel.locker_id)
        .where(
            Parcel.state.in_(CLOCK_RUNS),
            Parcel.collect_by <= now,
            Parcel.collect_by <= Locker.served_until,
            Locker.served_until >= since,
            Locker.contact_at >= since,
        )
        .order_by(Parcel.collect_by)
        .limit(AT_ONCE_MAX)
    ).all()


def overdue(session: Session, parcel_id: UUID, moment: Moment) -> None:
    """Say that a parcel was not collected in time; it can still be collected."""
    found = Cause.upon(session, Parcel, parcel_id, moment)
    if found is None:
        return
    parcel, cause = found
    if parcel.state in CLOCK_RUNS and has_run_out(parcel.collect_by, cause.locker):
        assert parcel.collect_by is not None
        data = {"collect_by": instant(parcel.collect_by)}
        moving.move(cause, parcel, "overdue", Facts(data=data))


def has_run_out(collect_by: datetime | None, locker: Locker) -> bool:
    """Say whether it is proven that the time has run out."""
    served = locker.served_until
    return collect_by is not None and served is not None and collect_by <= served
