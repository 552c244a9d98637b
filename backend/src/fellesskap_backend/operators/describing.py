"""What operators set of a locker beside its service: what everybody is told, its allowance."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.allowances import service as allowances
from fellesskap_backend.carriers.service import Credentials, caller
from fellesskap_backend.errors import InvalidRequest, NotFound
from fellesskap_backend.lockers.geo import Point
from fellesskap_backend.lockers.service import locked, point_of, put_at
from fellesskap_backend.lockers.tables import Locker, Site
from fellesskap_backend.operators.recording import Upon
from fellesskap_backend.operators.services import Change, standing

Row = dict[str, Any]


@dataclass(frozen=True)
class Description:
    """What everybody is told of a locker, beside what it says itself."""

    site_id: UUID | None
    address: str
    position: Point | None
    features: list[str]
    languages: list[str]


@dataclass(frozen=True)
class SiteDescription:
    """What everybody is told of a site."""

    name: str
    address: str
    position: Point | None
    opening_hours: str | None


def find_description(session: Session, credentials: Credentials, locker_id: str) -> Row:
    """Return what everybody is told; raise `NotFound`."""
    caller(session, credentials, "operator")
    return _description(standing(session.get(Locker, locker_id)))


def describe(change: Change, locker_id: str, to: Description) -> Row:
    """Set what everybody is told. Raises as `set_state` does, and `InvalidRequest`."""
    doing, session = change.doing(), change.session
    locker = standing(locked(session, locker_id))
    before = _description(locker)
    change.match.check(before)
    if to.site_id is not None:
        site = session.get(Site, to.site_id)
        if site is None:
            raise InvalidRequest("There is no site by this id.")
        locker.site_name = site.name
    locker.site_id, locker.address = to.site_id, to.address
    put_at(locker, to.position)
    locker.features, locker.languages = sorted(set(to.features)), to.languages
    after = _description(locker)
    if after != before:
        doing.note("describe_locker", Upon(locker.id, site_id=to.site_id), before=before)
    session.flush()
    return after


def describe_site(change: Change, site_id: UUID, to: SiteDescription) -> Row:
    """Set what everybody is told of a site; lockers that stood where it was move with it."""
    doing, session = change.doing(), change.session
    site = session.get(Site, site_id, with_for_update=True, populate_existing=True)
    if site is None:
        raise NotFound("No site by this id.")
    before = _site_description(site)
    change.match.check(before)
    same = select(Site.id).where(Site.name == to.name, Site.id != site_id)
    if session.scalars(same).first() is not None:
        raise InvalidRequest("Another site has this name.")
    there = select(Locker.id).where(Locker.site_id == site_id).order_by(Locker.id)
    was_at = point_of(site)
    for locker_id in session.scalars(there).all():
        locker = locked(session, locker_id)
        if locker is not None:
            locker.site_name = to.name
            if point_of(locker) == was_at:
                put_at(locker, to.position)
    site.name, site.address, site.opening_hours = to.name, to.address, to.opening_hours
    put_at(site, to.position)
    after = _site_description(site)
    if after != before:
        doing.note("describe_site", Upon(site_id=site_id), before=before)
    session.flush()
    return after


def find_site_description(session: Session, credentials: Credentials, site_id: UUID) -> Row:
    """Return what everybody is told of a site; raise `NotFound`."""
    caller(session, credentials, "operator")
    site = session.get(Site, site_id)
    if site is None:
        raise NotFound("No site by this id.")
    return _site_description(site)


def _description(row: Locker) -> Row:
    return {
        "site_id": str(row.site_id) if row.site_id else None,
        "address": row.address,
        "position": _position(row),
        "features": row.features or [],
        "languages": row.languages or [],
    }


def _site_description(row: Site) -> Row:
    return {
        "name": row.name,
        "address": row.address,
        "position": _position(row),
        "opening_hours": row.opening_hours,
    }


def _position(row: Locker | Site) -> Row | None:
    point = point_of(row)
    return None if point is None else point._asdict()


def allowances_of(session: Session, credentials: Credentials, locker_id: str) -> Row:
    """Return how many parcels per size class a locker should be able to take in by itself."""
    caller(session, credentials, "operator")
    return _targets(session, standing(session.get(Locker, locker_id)))


def set_allowances(change: Change, locker_id: str, to: dict[str, int]) -> Row:
    """Set it for every size class: one that is left out is none. Raises as `set_state` does."""
    doing, session = change.doing(), change.session
    locker = standing(locked(session, locker_id))
    before = _targets(session, locker)
    change.match.check(before)
    every = dict.fromkeys(before["targets"], 0) | to
    allowances.set_targets(session, locker_id, every, moment=change.moment)
    session.flush()
    after = _targets(session, locker)
    if after != before:
        doing.note("set_allowances", Upon(locker_id), before=before["targets"], after=every)
    return after


def _targets(session: Session, locker: Locker) -> Row:
    return {"locker_id": locker.id, "targets": dict(allowances.targets(session, locker.id))}
