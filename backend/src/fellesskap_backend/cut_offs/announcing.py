"""Which lockers decide the coming day at cut-offs: looked at once, in the evening before.

What is announced is never changed. A worker that was down until the day began announces nothing:
then everybody is answered at once.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, Subquery, func, or_, select
from sqlalchemy.orm import Session

from fellesskap_backend.allocation.policy import FairShare, stored
from fellesskap_backend.allocation.standing import is_batch
from fellesskap_backend.bulk import insert_all
from fellesskap_backend.cut_offs.load import DAY_S, DAYS, Coming, load
from fellesskap_backend.cut_offs.tables import AnnouncedDay, CutOff
from fellesskap_backend.db import Epoch, Moment
from fellesskap_backend.decisions import batches
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.lockers.tables import CONFIRMS, Compartment, Locker
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.policies import service as policies
from fellesskap_backend.policies.standings import LIES_MAX, ended_at
from fellesskap_backend.policies.tables import Policy
from fellesskap_backend.receipts.hours import id_at
from fellesskap_backend.reservations.lapsed import PROMISED
from fellesskap_backend.reservations.tables import Reservation
from fellesskap_backend.secrets import Secrets

Row = dict[str, Any]
FOR_ROOM = ("confirmed", "locker_full", "quota_exceeded", "no_accessible_compartment")
"""Outcomes of requests that an empty locker could have served."""


def announce(session: Session, moment: Moment, *, secrets: Secrets) -> int | None:
    """Announce the coming day; return how many lockers decide at cut-offs; None: nothing to do.

    By the version that will be in force when it begins.
    """
    versions = policies.all_versions(session)
    policy = _then(versions, moment.now + timedelta(days=1))
    coming = None if policy is None else Coming.at(policy, moment.now)
    if coming is not None:
        policy = _then(versions, coming.begins_at)
    if policy is None or coming is None or session.get(AnnouncedDay, coming.day) is not None:
        return None
    # Of two workers one announces; the other finds the day when it has waited.
    newest = select(Policy.version).where(Policy.version == versions[0].version)
    session.execute(newest.with_for_update())
    if session.get(AnnouncedDay, coming.day, populate_existing=True) is not None:
        return None
    session.add(
        AnnouncedDay(
            day=coming.day,
            policy=str(policy),
            key_hash=batches.hash_of(batches.key_of(secrets.k_master, coming.day)),
            announced_at=moment.now,
            ends_at=coming.ends_at,
        )
    )
    busy = {
        locker_id: load for locker_id, load in loads(session, moment.now) if is_batch(policy, load)
    }
    insert_all(session, CutOff, list(_rows(busy, coming, policy)))
    return len(busy)


def loads(session: Session, now: datetime) -> Iterator[tuple[str, int]]:
    """Yield the load of each locker at which anything was asked lately, from one statement."""
    asked: dict[str, list[int]] = defaultdict(list)
    known: dict[str, tuple[int | None, int]] = {}
    for locker_id, compartments, held_s, count in session.execute(_lately(now)):
        asked[locker_id].append(count)
        known[locker_id] = (None if held_s is None else int(held_s), compartments)
    for locker_id, counts in asked.items():
        yield locker_id, load(counts, *known[locker_id])


def _then(versions: Any, at: datetime) -> FairShare | None:
    row = policies.in_force(versions, at)
    return None if row is None else stored(row.body)


def _rows(busy: dict[str, int], coming: Coming, policy: FairShare) -> Iterator[Row]:
    for locker_id, load_permille in busy.items():
        for at in coming.cut_offs(policy):
            yield {
                "locker_id": locker_id,
                "at": at,
                "day": coming.day,
                "begins_at": coming.begins_at,
                "load_permille": load_permille,
                "decided_at": None,
            }


def _lately(now: datetime) -> Select[Any]:
    """Select of each locker its doors, how long parcels took one, and each day's requests."""
    since = now - timedelta(seconds=DAYS * DAY_S)
    doors = (
        select(Compartment.locker_id, func.count().label("doors"))
        .where(Compartment.service == "in")
        .group_by(Compartment.locker_id)
        .subquery()
    )
    asked, held = _asked(since, now), _held(since, now)
    return (
        select(Locker.id, doors.c.doors, held.c.held_s, asked.c.asked)
        .join(doors, doors.c.locker_id == Locker.id)
        .join(asked, asked.c.locker_id == Locker.id)
        .outerjoin(held, held.c.locker_id == Locker.id)
        .where(CONFIRMS)
        .order_by(Locker.id)
    )


def _asked(since: datetime, until: datetime) -> Subquery:
    """Count the hard requests of each 24 hours that room was, or might have been, given to.

    A body is canonical JSON, written by us alone: its members are found as they were written.
    """
    day = (int(until.timestamp()) - Epoch(Decision.decided_at)) // DAY_S
    return (
        select(Decision.locker_id, func.count().label("asked"))
        .where(
            Decision.id >= id_at(since),
            Decision.decided_at > since,
            Decision.decided_at <= until,
            Decision.body.contains('"hold":"hard"', autoescape=True),
            or_(
                *(Decision.body.contains(f'"outcome":"{one}"', autoescape=True) for one in FOR_ROOM)
            ),
        )
        .group_by(Decision.locker_id, day)
        .subquery()
    )


def _held(since: datetime, until: datetime) -> Subquery:
    """Average for how long parcels that went lately took a compartment, from the promise on."""
    gone = ended_at()
    return (
        select(Reservation.locker_id, func.avg(Epoch(gone) - Epoch(PROMISED)).label("held_s"))
        .join(Parcel, Parcel.reservation_id == Reservation.id)
        .where(
            Parcel.id >= id_at(since - LIES_MAX),
            Parcel.deposited_at.is_not(None),
            Reservation.use_size.is_not(None),
            gone > since,
            gone <= until,
        )
        .group_by(Reservation.locker_id)
        .subquery()
    )
