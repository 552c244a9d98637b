"""A locker that is given up: what was promised there, and what lies there, ends by rule.

Its devices keep their keys: should it come back, its journal tells the late truth.
"""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from fellesskap_backend.db import Moment
from fellesskap_backend.errors import NotFound
from fellesskap_backend.lockers.service import locked
from fellesskap_backend.parcels import moving
from fellesskap_backend.parcels.machine import HELD
from fellesskap_backend.parcels.moving import Facts
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.parcels.telling import Cause
from fellesskap_backend.reservations import ending
from fellesskap_backend.reservations.tables import Claim

WHY = "locker_written_off"


def write_off(session: Session, locker_id: str, *, reason: str, moment: Moment) -> None:
    """Give a locker up: what lies there is lost, what was promised there is diverted.

    `reason` is told to the carriers concerned. Raises `NotFound`. Doing it twice is doing it once.
    """
    locker = locked(session, locker_id)
    if locker is None:
        raise NotFound("No locker by this id.")
    if locker.written_off_at is not None:
        return
    locker.written_off_at, locker.custody_wanted = moment.now, False
    cause = Cause.now(session, locker, moment)
    facts = Facts(detail=WHY, data={"note": reason})
    ending.divert_all(cause, facts)
    here = select(Parcel).where(Parcel.locker_id == locker.id)
    for parcel in session.scalars(here.where(Parcel.state == "authorised").order_by(Parcel.id)):
        moving.move(cause, parcel, "cancel", facts)
    for parcel in session.scalars(here.where(Parcel.state.in_(HELD)).order_by(Parcel.id)):
        for act in ("dispute", "give_up"):
            moving.move(cause, parcel, act, facts)
    session.execute(update(Claim).where(Claim.locker_id == locker.id).values(released=True))
