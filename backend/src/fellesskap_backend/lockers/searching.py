"""Sites and lockers as everybody may see them: searched by position, read one by one.

No key is needed, so nothing here may tell what one carrier does: room stands in buckets, instants
of contact are rounded, and whoever reads twice sees a bucket change at most (I10).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from fellesskap_backend.cut_offs import shown as cut_offs
from fellesskap_backend.db import instant
from fellesskap_backend.errors import InvalidRequest, NotFound
from fellesskap_backend.lockers import free, geo, health
from fellesskap_backend.lockers.free import Rooms
from fellesskap_backend.lockers.geo import Point
from fellesskap_backend.lockers.nearby import within
from fellesskap_backend.lockers.room import geometry
from fellesskap_backend.lockers.service import point_of
from fellesskap_backend.lockers.tables import CONFIRMS, Locker, Site, confirms
from fellesskap_backend.paging import Page, Slice, slice_of
from fellesskap_protocol.capacity import Demand
from fellesskap_protocol.signing import b64url

LOOKED_AT_MAX = 200
"""Lockers whose room is looked at for one page; the next page goes on from there."""
CHUNK = 50
Row = dict[str, Any]
Ranked = list[tuple[float, str]]


@dataclass(frozen=True)
class Circle:
    """Everything within a radius, in m."""

    centre: Point
    radius_m: int


@dataclass(frozen=True)
class LockersAsked:
    """Which lockers: near a place, at a site, with room for something, only those that serve now.

    `after` is the last locker that was looked at; None: from the beginning.
    """

    circle: Circle | None = None
    demand: Demand | None = None
    only_open: bool = False
    site_id: UUID | None = None
    limit: int = CHUNK
    after: str | None = None


def lockers(session: Session, asked: LockersAsked, now: datetime) -> Slice:
    """Return one page, the nearest first, else by id.

    It may hold fewer than asked for, or none, and still name a next one: where few have room, a
    page ends after 200 that were looked at. Raises `InvalidRequest` for a cursor that is none.
    """
    ranked = _ranked(session, asked, now)
    found: list[Row] = []
    looked = 0
    for chunk in _chunks(ranked[:LOOKED_AT_MAX], min(asked.limit, CHUNK)):
        for row in _with_room(session, chunk, asked.demand, now=now):
            looked += 1
            if row is not None:
                found.append(row)
            if len(found) == asked.limit:
                break
        if len(found) == asked.limit:
            break
    more = looked < len(ranked)
    return Slice(found, ranked[looked - 1][1] if more and looked else None)


def locker(session: Session, locker_id: str, now: datetime) -> Row:
    """Return one locker; raise `NotFound`."""
    row = session.get(Locker, locker_id)
    if row is None or row.written_off_at is not None:
        raise NotFound("No locker by this id.")
    site = session.get(Site, row.site_id) if row.site_id else None
    shown = _shown(row, site, Rooms(session, [row]), distance_m=None, now=now)
    return shown | {"allocation": cut_offs.allocation(session, locker_id, now)}


def sites(session: Session, circle: Circle | None, page: Page) -> Slice:
    """Return one page of sites: the nearest first, or without a place the newest first."""
    if circle is None:
        statement = select(Site.id, Site)
        return slice_of(
            session,
            statement,
            page,
            by=Site.id,
            show=lambda row: _site(row.Site, _at_site(session, row.id), None),
        )
    about = select(Site.id, Site.latitude, Site.longitude)
    about = about.where(within(Site, geo.box_around(*_sized(circle))))
    ranked = sorted(_inside(circle, session.execute(about)))
    if page.after is not None:
        last = session.get(Site, page.after)
        where = point_of(last) if last is not None else None
        if where is None:
            raise InvalidRequest("`cursor` is not one of this list.")
        ranked = _beyond(ranked, (geo.distance_m(circle.centre, where), page.after))
    shown = ranked[: page.limit]
    rows = [
        _site(session.get_one(Site, site_id), _at_site(session, site_id), distance)
        for distance, site_id in shown
    ]
    more = len(ranked) > page.limit
    return Slice(rows, b64url(shown[-1][1].bytes) if more else None)


def site(session: Session, site_id: UUID) -> Row:
    """Return one site; raise `NotFound`."""
    row = session.get(Site, site_id)
    if row is None:
        raise NotFound("No site by this id.")
    return _site(row, _at_site(session, site_id), None)


# Which ones --------------------------------------------------------------------------------------


def candidates(asked: LockersAsked, now: datetime) -> Select[str, float | None, float | None]:
    """Return the statement that finds who may be meant: by the index where there is a place."""
    found = select(Locker.id, Locker.latitude, Locker.longitude)
    found = found.where(Locker.written_off_at.is_(None))
    if asked.site_id is not None:
        found = found.where(Locker.site_id == asked.site_id)
    if asked.only_open:
        found = found.where(CONFIRMS, Locker.contact_at >= now - health.CONTACT)
    if asked.circle is not None:
        return found.where(within(Locker, geo.box_around(*_sized(asked.circle))))
    if asked.after is not None:
        found = found.where(Locker.id > asked.after)
    return found.order_by(Locker.id).limit(LOOKED_AT_MAX + 1)


def _ranked(session: Session, asked: LockersAsked, now: datetime) -> Ranked:
    rows = session.execute(candidates(asked, now))
    if asked.circle is None:
        return [(0.0, locker_id) for locker_id, _, _ in rows]
    ranked = sorted(_inside(asked.circle, rows))
    if asked.after is None:
        return ranked
    last = session.get(Locker, asked.after)
    where = point_of(last) if last is not None else None
    if where is None:
        raise InvalidRequest("`cursor` is not one of this list.")
    return _beyond(ranked, (geo.distance_m(asked.circle.centre, where), asked.after))


def _inside(circle: Circle, rows: Any) -> Iterator[tuple[float, Any]]:
    """Yield distance and id of what lies in the circle: of the box the corners drop out."""
    for one, latitude, longitude in rows:
        away = geo.distance_m(circle.centre, Point(latitude, longitude))
        if away <= circle.radius_m:
            yield away, one


def _beyond(ranked: list[tuple[float, Any]], last: tuple[float, Any]) -> list[tuple[float, Any]]:
    return [one for one in ranked if one > last]


def _sized(circle: Circle) -> tuple[Point, float]:
    return circle.centre, float(min(circle.radius_m, geo.RADIUS_M_MAX))


def _chunks(ranked: Ranked, size: int) -> Iterator[Ranked]:
    for start in range(0, len(ranked), size):
        yield ranked[start : start + size]


# What is told ------------------------------------------------------------------------------------


def _with_room(
    session: Session, chunk: Ranked, demand: Demand | None, *, now: datetime
) -> Iterator[Row | None]:
    """Yield what is told of each; None where what was asked for finds no room now."""
    ids = [locker_id for _, locker_id in chunk]
    rows = {row.id: row for row in session.scalars(select(Locker).where(Locker.id.in_(ids)))}
    wanted = {row.site_id for row in rows.values() if row.site_id is not None}
    sites = {one.id: one for one in session.scalars(select(Site).where(Site.id.in_(wanted)))}
    rooms = Rooms(session, list(rows.values()))
    for distance, locker_id in chunk:
        row = rows[locker_id]
        if demand is not None and not rooms.matching(locker_id).add(demand):
            yield None
            continue
        away = distance if row.latitude is not None else None
        at_site = sites.get(row.site_id) if row.site_id else None
        yield _shown(row, at_site, rooms, distance_m=away, now=now)


def _shown(
    row: Locker, site: Site | None, rooms: Rooms, *, distance_m: float | None, now: datetime
) -> Row:
    places = rooms.places[row.id]
    contact = health.heard(row.contact_at, now)
    since = health.rounded(contact.since)
    return {
        "id": row.id,
        "site_id": str(row.site_id) if row.site_id else None,
        "site_name": row.site_name,
        "address": row.address,
        "position": _position(row),
        "distance_m": None if distance_m is None else round(distance_m),
        "opening_hours": site.opening_hours if site is not None else None,
        "health": {"contact": contact.contact, "since": since and instant(since)},
        "service": service_of(row),
        "features": features_of(row, places),
        "languages": row.languages or [],
        "compartments": _sizes(places),
        "free": free.per_class(rooms.matching(row.id)),
    }


def service_of(row: Locker) -> str:
    """Return the service state as everybody is told; why is the operators' business."""
    if row.service_state == "in_service" and not confirms(row):
        return "out_of_service"
    return row.service_state


def features_of(row: Locker, places: Sequence[Any]) -> list[str]:
    """Return what an operator says of the locker, and what its compartments offer."""
    offered = {feature for place in places for feature in place.features}
    if any(geometry(place).low for place in places):
        offered.add("low")
    return sorted(offered | set(row.features or ()))


def _sizes(places: Sequence[Any]) -> list[Row]:
    """Return the sizes of its compartments and how many there are of each, the smallest first."""
    counted: dict[tuple[Any, ...], int] = {}
    for place in places:
        box = (place.width_mm, place.height_mm, place.depth_mm, place.max_g)
        kind = (*box, geometry(place).low, tuple(sorted(place.features)))
        counted[kind] = counted.get(kind, 0) + 1
    ranked = sorted(counted.items(), key=lambda one: (one[0][0] * one[0][1] * one[0][2], one[0]))
    return [
        {
            **dict(zip(("w_mm", "h_mm", "d_mm", "max_g", "low"), kind, strict=False)),
            "features": list(kind[-1]),
            "count": count,
        }
        for kind, count in ranked
    ]


def _position(row: Locker | Site) -> Row | None:
    point = point_of(row)
    return None if point is None else point._asdict()


def _site(row: Site, lockers_there: Sequence[str], distance_m: float | None) -> Row:
    return {
        "id": str(row.id),
        "name": row.name,
        "address": row.address,
        "position": _position(row),
        "distance_m": None if distance_m is None else round(distance_m),
        "opening_hours": row.opening_hours,
        "lockers": list(lockers_there),
    }


def _at_site(session: Session, site_id: UUID) -> Sequence[str]:
    here = select(Locker.id).where(Locker.site_id == site_id, Locker.written_off_at.is_(None))
    return session.scalars(here.order_by(Locker.id)).all()
