"""A locker that is given up: what was promised there, and what lies there, ends by rule.

Its devices keep their keys: should it come back, its journal tells the late truth.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from fellesskap_backend.db import Moment
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights import service as rights

PATHS = {
    "expected": ("diverted",),
    "deposited": ("disputed", "lost"),
    "overdue": ("disputed", "lost"),
    "recalled": ("disputed", "lost"),
    "dropped_off": ("disputed", "lost"),
    "disputed": ("lost",),
}
"""What becomes of a parcel, step by step, by its state; all others have ended already."""


def give_up(session: Session, locker: Locker, *, reason: str, moment: Moment) -> None:
    """Divert what is expected there, lose what lies there, free what was bound."""
    locker.written_off_at = moment.now
    locker.custody_wanted = False
    end = _End(session, locker, reason, moment)
    for parcel in session.scalars(
        select(Parcel)
        .where(Parcel.locker_id == locker.id, Parcel.state.in_(PATHS))
        .order_by(Parcel.id)
    ).all():
        for state in PATHS[parcel.state]:
            end.move(parcel, state)
    confirmed = select(Reservation).where(
        Reservation.locker_id == locker.id, Reservation.state == "confirmed"
    )
    for reservation in session.scalars(confirmed.order_by(Reservation.id)).all():
        reservation.state = "diverted"
        rights.forget(session, locker, reservation.right_id)
        rights.retire_code(session, reservation.right_id, moment.now)
    session.execute(update(Claim).where(Claim.locker_id == locker.id).values(released=True))


@dataclass(frozen=True)
class _End:
    """The end of one locker."""

    session: Session
    locker: Locker
    reason: str
    moment: Moment

    def move(self, parcel: Parcel, state: str) -> None:
        """Move a parcel on, in its history too, and tell its carrier."""
        parcel.state = state
        now = self.moment.now
        entry = ParcelEntry(
            parcel_id=parcel.id,
            carrier_id=parcel.carrier_id,
            what=state,
            at=now,
            clock="trusted",
            recorded_at=now,
            compartment=parcel.compartment,
            detail="locker_written_off",
        )
        self.session.add(entry)
        self.session.flush()  # the lines are numbered in this order
        notice = Notice(
            id=self.moment.new_id(),
            carrier_id=parcel.carrier_id,
            type="reservation.diverted" if state == "diverted" else f"parcel.{state}",
            parcel_id=parcel.id,
            data=self._told(parcel),
            occurred_at=now,
            clock="trusted",
            recorded_at=now,
        )
        self.session.add(notice)

    def _told(self, parcel: Parcel) -> dict[str, Any]:
        return {
            "parcel_id": str(parcel.id),
            "reservation_id": str(parcel.reservation_id) if parcel.reservation_id else None,
            "right_id": str(parcel.right_id) if parcel.right_id else None,
            "locker_id": self.locker.id,
            "compartment": parcel.compartment,
            "reason": "locker_written_off",
            "note": self.reason,
        }
