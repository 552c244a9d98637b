"""The nearest lockers with room, for those who were refused: two answers cost one look.

Nothing is locked but what the caller holds already, and nothing is promised. A refusal is stored
with them, so they are looked for in one statement a locker.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    bindparam,
    cast,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from fellesskap_backend.decisions.desk import Desk, Place, answer
from fellesskap_backend.decisions.policy import Request, View
from fellesskap_backend.lockers import geo
from fellesskap_backend.lockers.health import CONTACT
from fellesskap_backend.lockers.nearby import (
    ALTERNATIVES_MAX,
    LOOKED_AT_MAX,
    WITHIN_M,
    Alternative,
    distance_m,
    within,
)
from fellesskap_backend.lockers.tables import CONFIRMS, Locker
from fellesskap_backend.reservations import basis
from fellesskap_protocol.capacity import Demand

MILLIONTHS = 1_000_000
"""Positions travel as whole numbers, beside the other numbers of the statement: 11 cm."""


@dataclass
class Near:
    """A locker nearby, and what it has; it is looked into when the nearer ones have no room."""

    told: Alternative
    place: Place
    now: datetime

    @cached_property
    def view(self) -> View:
        """Return it as a decision would see it."""
        return self.place.view(self.now)


class Neighbours:
    """Looks for alternatives in one transaction, which decides at `desks`."""

    def __init__(self, session: Session, now: datetime, desks: Mapping[str, Desk]) -> None:
        self._session, self._now, self._desks = session, now, desks
        self._known: dict[str, list[Near]] = {}

    def of(self, place: Place, demand: Demand, carrier: int) -> list[Alternative]:
        """Return up to three lockers that would give a carrier room, the nearest first."""
        if place.locker_id not in self._known:
            self._known[place.locker_id] = self._look(place)
        found: list[Alternative] = []
        for near in self._known[place.locker_id]:
            if len(found) == ALTERNATIVES_MAX:
                break
            desk = self._desks.get(near.told["locker_id"])
            view = desk.view if desk is not None else near.view
            if answer(near.place.rules, view, carrier, Request(demand)).confirmed:
                found.append(near.told)
        return found

    def _look(self, place: Place) -> list[Near]:
        asked: dict[str, Any] = {
            "here": place.locker_id,
            "since": self._now - CONTACT,
            "now": self._now,
        }
        if place.latitude is None or place.longitude is None:
            statement = _AT_SITE
            asked["site_name"] = place.site_name
        else:
            here = geo.Point(place.latitude, place.longitude)
            statement = _around(here)
            shrink = math.cos(math.radians(here.latitude))
            asked |= {"latitude": here.latitude, "longitude": here.longitude, "shrink": shrink}
        rows = self._session.execute(statement, asked).all()
        told = [_told(place, row) for row in rows if row[0] == "near"]
        places = {one["locker_id"]: Place(one["locker_id"]) for one in told}
        of_places = basis.Basis(places)
        for row in rows:
            of_places.sort_in(row)
        of_places.complete()
        told.sort(key=lambda one: (one["distance_m"] or 0, one["locker_id"]))
        return [Near(one, places[one["locker_id"]], self._now) for one in told]


def _told(place: Place, row: Any) -> Alternative:
    _, locker_id, latitude, longitude, *_, address, _, _ = row
    away = None
    if place.latitude is not None and latitude is not None:
        here = Locker(latitude=place.latitude, longitude=place.longitude)
        there = Locker(latitude=latitude / MILLIONTHS, longitude=longitude / MILLIONTHS)
        away = round(distance_m(here, there))
    return Alternative(locker_id=locker_id, address=address, distance_m=away)


def _statement(chosen: Select[Any]) -> CompoundSelect[Any]:
    """Return the lockers that were chosen, and what each has."""
    able = chosen.where(
        Locker.id != bindparam("here"), Locker.contact_at >= bindparam("since"), CONFIRMS
    )
    ids = select(able.limit(LOOKED_AT_MAX).cte("near").c.id)

    def these(locker_id: Any) -> ColumnElement[bool]:
        near: ColumnElement[bool] = locker_id.in_(ids)
        return near

    position = (Locker.latitude, Locker.longitude)
    lockers = basis.part(
        "near",
        Locker.id,
        *(cast(one * MILLIONTHS, Integer) for one in position),
        texts=(Locker.address,),
    ).where(these(Locker.id))
    return union_all(lockers, *basis.parts_of(these))


def _around(here: geo.Point) -> CompoundSelect[Any]:
    about = within(Locker, geo.box_around(here, WITHIN_M))
    return _statement(select(Locker.id).where(about).order_by(_AWAY, Locker.id))


_NORTH = Locker.latitude - bindparam("latitude")
_EAST = Locker.longitude - bindparam("longitude")
_AWAY = _NORTH * _NORTH + _EAST * _EAST * bindparam("shrink") * bindparam("shrink")
_AT_SITE = _statement(
    select(Locker.id).where(Locker.site_name == bindparam("site_name")).order_by(Locker.id)
)
