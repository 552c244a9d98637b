"""The nearest lockers with room: what a carrier is told when one cannot keep a promise."""

import math
from datetime import datetime
from typing import TypedDict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fellesskap_backend.lockers import room
from fellesskap_backend.lockers.service import in_contact
from fellesskap_backend.lockers.tables import CONFIRMS, Locker
from fellesskap_protocol.capacity import Demand

ALTERNATIVES_MAX = 3
LOOKED_AT_MAX = 30
"""Lockers whose room is looked at; in a city that is a walk of minutes."""
WITHIN_DEGREES = 0.2
"""How far north or south is looked: about 22 km, and at 60 degrees north 11 km east or west."""
EARTH_M = 6_371_000


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
    if locker.latitude is None or locker.longitude is None:
        same = others.where(Locker.site_name == locker.site_name)
        return list(session.scalars(same.limit(LOOKED_AT_MAX)))
    about = others.where(
        Locker.latitude.between(locker.latitude - WITHIN_DEGREES, locker.latitude + WITHIN_DEGREES),
        func.abs(Locker.longitude - locker.longitude) <= WITHIN_DEGREES,
    )
    ranked = sorted(session.scalars(about), key=lambda one: (distance_m(locker, one), one.id))
    return ranked[:LOOKED_AT_MAX]


def distance_m(one: Locker, other: Locker) -> float:
    """Return how far apart two lockers with a position are, in m on the sphere (haversine)."""
    lat_1, lon_1, lat_2, lon_2 = (
        math.radians(degrees or 0.0)
        for degrees in (one.latitude, one.longitude, other.latitude, other.longitude)
    )
    half = (
        math.sin((lat_2 - lat_1) / 2) ** 2
        + math.cos(lat_1) * math.cos(lat_2) * math.sin((lon_2 - lon_1) / 2) ** 2
    )
    return 2 * EARTH_M * math.asin(math.sqrt(min(half, 1.0)))
