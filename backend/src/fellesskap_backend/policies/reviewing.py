"""The quarter's review of each locker's quotas: proposed from its use, accepted by an operator.

Nothing changes by a proposal; what was accepted stands for the formula's quotas from its day on,
until the next review or new weights (`reservations.basis`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.allocation.quotas import daily_most, propose_quotas
from fellesskap_backend.carriers.tables import Carrier
from fellesskap_backend.decisions.desk import Place
from fellesskap_backend.decisions.record import canonical, digest
from fellesskap_backend.decisions.rules import shares_of
from fellesskap_backend.errors import InvalidRequest
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.operators.recording import Doing, Upon
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.policies import consistency, service
from fellesskap_backend.policies.service import NotAnnounced
from fellesskap_backend.policies.standings import ended_at
from fellesskap_backend.policies.tables import QuotaReview
from fellesskap_backend.reservations import basis
from fellesskap_backend.reservations.lapsed import PROMISED
from fellesskap_backend.reservations.tables import Reservation

Row = dict[str, Any]
Key = tuple[str, str]
"""A carrier's number, as allocation writes it, and a class."""
MONTHS = 3
FLOOR = 1
"""Of a class in which it has any, nobody falls below this."""


@dataclass(frozen=True)
class Review:
    """What is looked at: a quarter, all lockers or one; and who is waiting for how much more."""

    quarter: date
    locker_id: str | None = None
    waiting: Mapping[Key, int] = field(default_factory=dict)

    def days(self, policy: FairShare) -> list[tuple[datetime, datetime]]:
        """Return the quarter's days, from midnight to midnight at the lockers."""
        months = self.quarter.year * 12 + self.quarter.month - 1 + MONTHS
        after = date(months // 12, months % 12 + 1, 1)
        zone = ZoneInfo(policy.zone)
        every = [self.quarter + timedelta(days=n) for n in range((after - self.quarter).days + 1)]
        midnights = [datetime.combine(one, time(), zone) for one in every]
        return list(pairwise(midnights))


def numbers_of(session: Session, carriers: Iterable[Any]) -> dict[Any, str]:
    """Return by which number allocation knows carriers; raise `InvalidRequest` for an unknown."""
    ids = set(carriers)
    rows = session.execute(select(Carrier.id, Carrier.number).where(Carrier.id.in_(ids))).all()
    if len(rows) < len(ids):
        raise InvalidRequest("One of the carriers is not known.")
    return {row.id: str(row.number) for row in rows}


def due(session: Session, now: datetime) -> date | None:
    """Return the last whole quarter if nobody has looked at it: by rules that held in it."""
    today = service.today(session, now)
    this = today.replace(month=(today.month - 1) // MONTHS * MONTHS + 1, day=1)
    months = this.year * 12 + this.month - 1 - MONTHS
    quarter = date(months // 12, months % 12 + 1, 1)
    looked_at = select(QuotaReview.quarter).where(QuotaReview.quarter >= quarter).limit(1)
    ended = datetime.combine(this, time(), UTC)
    held = service.in_force(service.all_versions(session), ended)
    return None if held is None or session.scalar(looked_at) else quarter


def propose(doing: Doing, review: Review) -> Row:
    """Propose the quotas of every locker concerned; a proposal that nobody accepted is replaced.

    Each locker's is an act of its own: what it is held to stays true when another is replaced.
    Raises `InvalidRequest` while no version of `fair-share` is in force, or for no quarter.
    """
    session, now = doing.session, doing.moment.now
    if review.quarter.day != 1 or review.quarter.month % MONTHS != 1:
        raise InvalidRequest("A quarter is named by its first day: 2027-01-01.")
    if service.in_force(service.all_versions(session), now) is None:
        raise InvalidRequest("No version of fair-share is in force: there are no quotas.")
    ids = [review.locker_id] if review.locker_id else session.scalars(select(Locker.id)).all()
    found = []
    for locker_id in sorted(ids):
        places = {locker_id: Place(locker_id)}
        basis.read(session, places, now)
        place = places[locker_id]
        if place.every:
            found.append(_proposed(doing, place, review))
    session.flush()
    return {"quarter": review.quarter.isoformat(), "lockers": found}


def _proposed(doing: Doing, place: Place, review: Review) -> Row:
    session, now, rules = doing.session, doing.moment.now, place.rules
    assert rules is not None
    quotas = shares_of(rules, place.layout).quotas
    days = [one for one in review.days(rules.fair) if one[1] <= now]
    use = {key: daily_most(spans, days) for key, spans in _spans(session, place, days).items()}
    idle = [0] * len(days)
    floors = dict.fromkeys(quotas, FLOOR)
    proposal = propose_quotas(
        rules.fair,
        quotas,
        {key: use.get(key, idle) for key in quotas},
        floors=floors,
        waiting=review.waiting,
    )
    body = sorted((*key, units) for key, units in proposal.quotas.items())
    row = session.get(QuotaReview, (place.locker_id, review.quarter))
    if row is not None and row.accepted_at is not None:
        raise NotAnnounced(f"{place.locker_id}: that quarter's review was accepted already.")
    if row is None:
        row = QuotaReview(locker_id=place.locker_id, quarter=review.quarter)
        session.add(row)
    row.body, row.proposed_at = canonical(body).decode(), now
    said = {"quarter": review.quarter.isoformat(), "digest": digest(row.body.encode())}
    doing.note(consistency.PROPOSED, Upon(place.locker_id), **said)
    changed = [
        {
            "carrier": carrier,
            "size_class": size,
            "from": quotas.get((carrier, size), 0),
            "to": units,
        }
        for carrier, size, units in body
        if units != quotas.get((carrier, size), 0)
    ]
    return {
        "locker_id": place.locker_id,
        "changes": changed,
        "to_commons": {size: units for size, units in proposal.to_commons.items() if units},
    }


def _spans(
    session: Session, place: Place, days: Sequence[tuple[datetime, datetime]]
) -> dict[Key, list[tuple[datetime, datetime]]]:
    """Return from when to when room was used under quotas: from the promise until it was gone."""
    if not days:
        return {}
    since, until = days[0][0], days[-1][1]
    gone = ended_at()
    rows = session.execute(
        select(Carrier.number, Reservation.use_size, PROMISED, gone.label("gone"))
        .join(Carrier, Carrier.id == Reservation.carrier_id)
        .join(Parcel, Parcel.id == Reservation.parcel_id)
        .where(
            Reservation.locker_id == place.locker_id,
            Reservation.use_size.is_not(None),
            func.coalesce(Reservation.part, "") != "accessible",
            until > PROMISED,
        )
    )
    found: dict[Key, list[tuple[datetime, datetime]]] = {}
    for number, size, begin, gone_at in rows:
        end = until if gone_at is None else gone_at
        if end > since:
            found.setdefault((str(number), size), []).append((begin, end))
    return found


def accept(doing: Doing, review: Review, begins_on: date) -> Row:
    """Let proposals of a quarter count from a day in the future on; raise `NotAnnounced`."""
    session, now = doing.session, doing.moment.now
    if begins_on <= service.today(session, now):
        raise NotAnnounced("Quotas are changed with a day in the future.")
    rows = select(QuotaReview).where(QuotaReview.quarter == review.quarter)
    if review.locker_id is not None:
        rows = rows.where(QuotaReview.locker_id == review.locker_id)
    rows = rows.where(QuotaReview.accepted_at.is_(None))
    waiting = session.scalars(rows.order_by(QuotaReview.locker_id)).all()
    if not waiting:
        raise InvalidRequest("There is no proposal of that quarter that waits for an answer.")
    taken = select(QuotaReview.locker_id).where(QuotaReview.in_force_from >= begins_on)
    later = set(session.scalars(taken))
    for one in waiting:
        if one.locker_id in later:
            raise NotAnnounced(f"{one.locker_id}: a review is in force from that day on, or later.")
        one.accepted_at, one.in_force_from = now, begins_on
    told = {"quarter": review.quarter.isoformat(), "in_force_from": begins_on.isoformat()}
    said = {**told, "lockers": len(waiting), "digest": consistency.digest_of_reviews(waiting)}
    doing.note(consistency.ACCEPTED, Upon(review.locker_id), **said)
    return {**told, "lockers": [one.locker_id for one in waiting]}
