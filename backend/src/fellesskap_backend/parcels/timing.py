"""The collect clock over the rows: proofs of service kept compactly, times computed anew."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.parcels.clock import GAP_MAX, Interval, runs_out
from fellesskap_backend.parcels.machine import CLOCK_RUNS
from fellesskap_backend.parcels.tables import Parcel, ServingInterval

_NEWEST = (
    select(ServingInterval)
    .where(ServingInterval.locker_id == bindparam("locker_id"))
    .order_by(ServingInterval.ended_at.desc(), ServingInterval.id.desc())
    .limit(1)
)
_LYING = (
    select(Parcel)
    .where(
        Parcel.locker_id == bindparam("locker_id"),
        Parcel.state.in_(CLOCK_RUNS),
        Parcel.collect_within_s.is_not(None),
        Parcel.deposited_at.is_not(None),
        or_(
            Parcel.compartment.is_(None),
            Parcel.compartment.not_in(bindparam("spared", expanding=True)),
        ),
    )
    .order_by(Parcel.id)
)
"""Parcels whose clock runs behind doors of which nothing is assumed."""


def collect_by(session: Session, locker: Locker, parcel: Parcel) -> datetime | None:
    """Return when a parcel's time runs out, by all that is proven now; None: never."""
    if parcel.deposited_at is None or parcel.collect_within_s is None:
        return None
    newest = locker.served_until
    proofs: Sequence[ServingInterval] = ()
    if newest is not None and newest > parcel.deposited_at:
        proofs = _since(session, locker, parcel.deposited_at)
    return _runs_out(parcel, proofs, newest)


def note(session: Session, locker: Locker, compartments: Sequence[int], proven: Interval) -> None:
    """Take in a proof of service, a late one too; move the times that it changes."""
    numbers = sorted(compartments)
    last = session.scalars(_NEWEST, {"locker_id": locker.id}).one_or_none()
    goes_on = last is not None and (
        last.compartments == numbers and last.began_at <= proven.began_at <= last.ended_at + GAP_MAX
    )
    if last is not None and goes_on:
        last.ended_at = max(last.ended_at, proven.ended_at)
    else:
        session.add(
            ServingInterval(
                locker_id=locker.id,
                compartments=numbers,
                began_at=proven.began_at,
                ended_at=proven.ended_at,
            )
        )
    locker.served_until = max(locker.served_until or proven.ended_at, proven.ended_at)
    # Where service just goes on everything happens as was assumed.
    _compute_anew(session, locker, spared=numbers if goes_on else ())


def _compute_anew(session: Session, locker: Locker, *, spared: Sequence[int]) -> None:
    parcels = session.scalars(_LYING, {"locker_id": locker.id, "spared": list(spared)}).all()
    if parcels:
        oldest = min(one.deposited_at for one in parcels if one.deposited_at)
        proofs = _since(session, locker, oldest)
        for parcel in parcels:
            parcel.collect_by = _runs_out(parcel, proofs, locker.served_until)


def _since(session: Session, locker: Locker, begin: datetime) -> Sequence[ServingInterval]:
    return session.scalars(
        select(ServingInterval).where(
            ServingInterval.locker_id == locker.id, ServingInterval.ended_at > begin
        )
    ).all()


def _runs_out(
    parcel: Parcel, proofs: Sequence[ServingInterval], newest: datetime | None
) -> datetime:
    assert parcel.deposited_at is not None
    assert parcel.collect_within_s is not None
    return runs_out(
        (
            Interval(proof.began_at, proof.ended_at)
            for proof in proofs
            if parcel.compartment in proof.compartments
        ),
        begins=parcel.deposited_at,
        within=timedelta(seconds=parcel.collect_within_s),
        newest=newest,
    )
