"""How carriers stand: made once a day by the worker, from what the last 28 days show.

Late truth counts: each day looks at all of them anew. What it finds is a row for each carrier that
is never changed; decisions of the day go by it (`decisions.rules`).
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select
from sqlalchemy.orm import Session

from fellesskap_backend.allocation.division import class_of
from fellesskap_backend.allocation.policy import FairShare, stored
from fellesskap_backend.allocation.standing import DAYS, memory_permille
from fellesskap_backend.carriers.tables import Carrier
from fellesskap_backend.db import Epoch, Moment, UtcDateTime
from fellesskap_backend.lockers.tables import Compartment
from fellesskap_backend.operators.recording import Doing, Upon
from fellesskap_backend.parcels.machine import HELD
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_backend.policies import consistency, service
from fellesskap_backend.policies.tables import Policy, StandingRow, Weight
from fellesskap_backend.receipts.hours import id_at
from fellesskap_backend.reservations.lapsed import ended, excused, lapsed
from fellesskap_backend.reservations.tables import DEPOSIT_BY_MAX, Reservation
from fellesskap_protocol import capacity

LIES_MAX = timedelta(days=90)
"""How long before the 28 days a parcel that lay in them was announced at most."""


class Window(NamedTuple):
    """The days that are looked at, from midnight to midnight at the lockers."""

    since: datetime
    until: datetime

    @classmethod
    def before(cls, day: date, policy: FairShare) -> "Window":
        """Return the 28 days before one."""
        zone = ZoneInfo(policy.zone)
        first = day - timedelta(days=DAYS)
        return cls(*(datetime.combine(one, time(), zone) for one in (first, day)))


def make(session: Session, moment: Moment) -> int:
    """Make the rows of today where there are none; return how many.

    As soon as a version is announced: what is in force from some hour on finds its day ready.
    """
    versions = service.all_versions(session)
    if not versions:
        return 0
    policy = stored((service.in_force(versions, moment.now) or versions[0]).body)
    day = policy.local(moment.now).date()
    if _made(session, day):
        return 0
    # Of two workers one makes them; the other finds them when it has waited.
    newest = select(Policy.version).where(Policy.version == versions[0].version)
    session.execute(newest.with_for_update())
    if _made(session, day):
        return 0
    found = _rows(session, Window.before(day, policy), _weights(session, day))
    rows = [StandingRow(day=day, made_at=moment.now, **row) for row in found]
    session.add_all(rows)
    if rows:
        said = {"day": day.isoformat(), "digest": consistency.digest_of_standings(rows)}
        by = Doing.by_worker(session, "a day began", moment)
        by.note(consistency.STANDINGS, Upon(), carriers=len(rows), **said)
    return len(rows)


def _made(session: Session, day: date) -> bool:
    return (
        session.scalar(select(StandingRow.day).where(StandingRow.day >= day).limit(1)) is not None
    )


def _weights(session: Session, day: date) -> Mapping[int, Weight]:
    """Return the weights of the contract period that lasts, by the carrier's number."""
    begins_on = select(func.max(Weight.begins_on)).where(Weight.begins_on <= day).scalar_subquery()
    rows = session.scalars(select(Weight).where(Weight.begins_on == begins_on))
    return {one.carrier_number: one for one in rows}


def _rows(session: Session, window: Window, weights: Mapping[int, Weight]) -> list[dict[str, Any]]:
    used: dict[int, Counter[str]] = {}
    for number, size, seconds in session.execute(_lain(window)):
        used.setdefault(number, Counter())[size] += int(seconds)
    length_s = int((window.until - window.since).total_seconds())
    there = {size: count * length_s for size, count in _sizes(session).items()}
    kept = {row.number: row for row in session.execute(_held(window))}
    found = []
    for number in session.scalars(select(Carrier.number).order_by(Carrier.number)):
        weight, claims = weights.get(number), kept.get(number)
        found.append(
            {
                "carrier_number": number,
                "weight": weight.weight if weight else 0,
                "is_entrant": weight is not None and weight.is_entrant,
                "memory_permille": memory_permille(used.get(number, {}), there),
                "holds": claims.holds if claims else 0,
                "no_shows": claims.no_shows if claims else 0,
                "excused": claims.excused if claims else 0,
            }
        )
    return found


def _sizes(session: Session) -> Counter[str]:
    """Count the compartments of each class, over all lockers."""
    sides = (Compartment.width_mm, Compartment.height_mm, Compartment.depth_mm)
    found: Counter[str] = Counter()
    for w_mm, h_mm, d_mm, count in session.execute(select(*sides, func.count()).group_by(*sides)):
        found[class_of(capacity.Compartment(0, w_mm, h_mm, d_mm, 0, 0, 0))] += count
    return found


def ended_at() -> ColumnElement[Any]:
    """Return when a parcel was gone: as somebody took it, else its last line; null: it lies there.

    Or is still expected: its claim has not ended.
    """
    last = (
        select(func.max(ParcelEntry.recorded_at))
        .where(ParcelEntry.parcel_id == Parcel.id)
        .correlate(Parcel)
        .scalar_subquery()
    )
    return case(
        (Parcel.state.in_((*HELD, "expected")), None),
        else_=func.coalesce(Parcel.collected_at, last),
    )


def _lain(window: Window) -> Any:
    """Select for how many seconds parcels of whom lay in the window, by the class they count as."""
    gone = ended_at()
    begin = case((Parcel.deposited_at < window.since, _at(window.since)), else_=Parcel.deposited_at)
    end = case((or_(gone.is_(None), gone > window.until), _at(window.until)), else_=gone)
    return (
        select(Carrier.number, Reservation.use_size, func.sum(Epoch(end) - Epoch(begin)))
        .select_from(Parcel)
        .join(Reservation, Reservation.id == Parcel.reservation_id)
        .join(Carrier, Carrier.id == Parcel.carrier_id)
        .where(
            Parcel.id >= id_at(window.since - LIES_MAX),
            Parcel.deposited_at < window.until,
            Reservation.use_size.is_not(None),
            or_(gone.is_(None), gone > window.since),
        )
        .group_by(Carrier.number, Reservation.use_size)
    )


def _held(window: Window) -> Any:
    """Select how many claims of each carrier ended, to how many nobody came, and whose fault.

    Those whose last hour lies in the window, however long before it they were given: one that
    waits for longer than the window is no way round it.
    """
    count = [func.count(case((one, 1))) for one in (lapsed(), and_(lapsed(), excused()))]
    return (
        select(
            Carrier.number,
            func.count().label("holds"),
            count[0].label("no_shows"),
            count[1].label("excused"),
        )
        .select_from(Reservation)
        .join(Carrier, Carrier.id == Reservation.carrier_id)
        .where(
            Reservation.id >= id_at(window.since - DEPOSIT_BY_MAX),
            Reservation.deposit_by >= window.since,
            Reservation.deposit_by < window.until,
            ended(),
        )
        .group_by(Carrier.number)
    )


def _at(instant: datetime) -> ColumnElement[datetime]:
    return literal(instant, UtcDateTime())
