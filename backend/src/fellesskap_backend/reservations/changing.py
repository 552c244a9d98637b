"""How a carrier changes the times of a reservation whose parcel has not come yet.

No capacity is given or taken by it, so nothing is decided: the claim stands as it was confirmed.
One that waits for a cut-off is decided as it is then.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.orm import Session

from fellesskap_backend.carriers.service import Credentials, caller
from fellesskap_backend.db import instant
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.errors import InvalidRequest, NotFound, WrongState
from fellesskap_backend.etag import Match
from fellesskap_backend.parcels.machine import RESERVATION
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.parcels.telling import Cause
from fellesskap_backend.reservations import service
from fellesskap_backend.reservations.answering import Counter
from fellesskap_backend.reservations.confirmed import TOO_EARLY, decided_before
from fellesskap_backend.reservations.duration import duration_of
from fellesskap_backend.reservations.tables import DEPOSIT_BY_MAX, Reservation
from fellesskap_backend.rights import service as rights

Row = dict[str, Any]


@dataclass(frozen=True)
class Wish:
    """The columns that are to be changed (`deposit_by`, `reserve_until`, `collect_within_s`)."""

    to: Row
    match: Match


def change(counter: Counter, credentials: Credentials, reservation_id: UUID, wish: Wish) -> Row:
    """Change one of the carrier's own reservations; return it as it is shown then.

    Raises `NotFound`, `PreconditionRequired`, `PreconditionFailed`, `InvalidRequest`, and
    `WrongState` once it is no longer confirmed, or holds nothing that could be held longer.
    """
    session, _, moment = counter
    by = caller(session, credentials, "carrier")
    found = Cause.upon(session, Reservation, reservation_id, moment)
    if found is None or found[0].carrier_id != by.carrier_id:
        raise NotFound("No reservation by this id.")
    reservation, cause = found
    before = service.find(counter, credentials, reservation_id)
    wish.match.check(before)
    if "change" not in RESERVATION[reservation.state]:
        raise WrongState("Only what is still expected can be changed.", state=reservation.state)
    if reservation.hold == "soft" and wish.to.get("reserve_until") is not None:
        raise WrongState("It is soft and holds nothing.", state=reservation.state)
    changed = {name: to for name, to in wish.to.items() if getattr(reservation, name) != to}
    if not changed:
        return before
    for name, to in changed.items():
        setattr(reservation, name, to)
    _check(reservation, changed, moment.now, _latest(session, reservation))
    _tell(cause, reservation, changed)
    session.flush()
    return service.find(counter, credentials, reservation_id)


def _latest(session: Session, reservation: Reservation) -> datetime:
    """Return until when its claim may wait: shorter, if its decision said so, and that stays."""
    decision = session.get(Decision, reservation.decision_id or reservation.id)
    held_for_s = None if decision is None else msgspec.json.decode(decision.body).get("held_for_s")
    if decision is None or held_for_s is None:
        return reservation.created_at + DEPOSIT_BY_MAX
    return decision.decided_at + timedelta(seconds=held_for_s)


def _check(reservation: Reservation, changed: Row, now: datetime, most: datetime) -> None:
    """Raise `InvalidRequest` for times that a reservation cannot have."""
    deposit_by, until = reservation.deposit_by, reservation.reserve_until
    cut_off = reservation.cut_off if reservation.state == "requested" else None
    if cut_off is not None and not decided_before(cut_off, deposit_by, until):
        raise InvalidRequest(TOO_EARLY.format(instant(cut_off)))
    if "deposit_by" in changed and not now < deposit_by <= most:
        longest = "at most 30 days after it was made, or as long as its claim was given"
        raise InvalidRequest(f"`deposit_by` lies in the future, {longest}.")
    if until is None or reservation.hold == "soft":
        return
    if until > deposit_by or ("reserve_until" in changed and until <= now):
        raise InvalidRequest("`reserve_until` lies in the future, at the latest at `deposit_by`.")


def _tell(cause: Cause, reservation: Reservation, changed: Row) -> None:
    """Let locker and carrier hear of it, and the history."""
    session = cause.session
    parcel = session.get(Parcel, reservation.parcel_id)
    right = rights.right_of(session, reservation.locker_id, reservation.right_id)
    if right is not None and "deposit_by" in changed:
        new = msgspec.structs.replace(right, deposit_by=reservation.deposit_by)
        rights.wish(session, cause.locker, new)
    if parcel is None:
        return
    parcel.collect_within_s = reservation.collect_within_s
    cause.tell(parcel, "changed")
    data = {
        "deposit_by": instant(reservation.deposit_by),
        "reserve_until": reservation.reserve_until and instant(reservation.reserve_until),
        "collect_within": duration_of(reservation.collect_within_s),
    }
    cause.notify(parcel, "reservation.changed", data)
