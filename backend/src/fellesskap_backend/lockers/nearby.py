"""The nearest lockers with room: what a carrier is told when one cannot keep a promise."""

from datetime import datetime
from typing import TypedDict

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from fellesskap_backend.lockers import geo, room
from fellesskap_backend.lockers.service import in_contact, point_of
from fellesskap_backend.lockers.tables import CONFIRMS, Locker, Site
from fellesskap_protocol.capacity import Demand

ALTERNATIVES_MAX = 3
LOOKED_AT_MAX = 30
"""Lockers whose room is looked at; in a city that is a walk of minutes."""
WITHIN_M = 22_000
"""How far is looked: a quarter of an hour by car."""


class Alternative(TypedDict):
    """A locker that had room when it was looked at: nothing is held there."""

    locker_id: str
    address: str
    distance_m: int | None


def alternatives(
    session: Session, locker: Locker, demand: Demand, *, now: datetime
) -> list[Alternative]:
    """Return up to three lockers with room, the nearest first.

    Without a position only those of the same site are near. Nothing is locked, so what is read of
    another locker may change in the next moment.
    """
    found: list[Alternative] = []
    for other in _near(session, locker):
        if len(found) == ALTERNATIVES_MAX:
            break
        if in_contact(other, now) and room.matching(session, other.id).add(demand):
            away = None if locker.latitude is None else round(distance_m(locker, other))
            found.append(Alternative(locker_id=other.id, address=other.address, distance_m=away))
    return found


def _near(session: Session, locker: Locker) -> list[Locker]:
    others = select(Locker).where(Locker.id != locker.id, CONFIRMS).order_by(Locker.id)
    here = point_of(locker)
    if here is None:
        same = others.where(Locker.site_name == locker.site_name)
        return list(session.scalars(same.limit(LOOKED_AT_MAX)))
    about = session.scalars(others.where(within(Locker, geo.box_around(here, WITHIN_M))))
    ranked = sorted(about, key=lambda one: (distance_m(locker, one), one.id))
    return ranked[:LOOKED_AT_MAX]


def within(model: type[Locker] | type[Site], box: geo.Box) -> ColumnElement[bool]:
    """Say that a thing lies in a box, so that the index on band and longitude finds it."""
    spans = (model.longitude.between(west, east) for west, east in box.spans)
    return and_(model.lat_band.in_(box.bands), or_(*spans))


def distance_m(one: Locker, other: Locker) -> float:
    """Return how far apart two lockers with a position are, in m."""
    here, there = point_of(one), point_of(other)
    assert here is not None
    assert there is not None
    return geo.distance_m(here, there)
