"""Lockers: taken in, locked for a decision, and what is said of them in public."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, TypedDict, TypeVar
from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from fellesskap_backend.db import Base, Moment, table_of
from fellesskap_backend.errors import InvalidRequest, NotFound
from fellesskap_backend.ledger import epochs
from fellesskap_backend.lockers import geo
from fellesskap_backend.lockers.geo import Point
from fellesskap_backend.lockers.health import heard
from fellesskap_backend.lockers.room import geometry, may_be_given, promised
from fellesskap_backend.lockers.tables import Compartment, Device, Locker, Site, confirms
from fellesskap_protocol import capacity
from fellesskap_protocol.signing import PublicKey, unb64url
from fellesskap_protocol.topics import InvalidLockerId, check_locker_id

T = TypeVar("T", bound=Base)
MANY = 3
"""From how many further parcels on there is room for `many`. It is a border of `free.bucket` too:
two answers with borders of their own would together tell more than either."""
Room = Literal["none", "few", "many"]


class Availability(TypedDict):
    """What everybody may know."""

    locker_id: str
    in_contact: bool
    size_classes: dict[str, Room]


def locked(session: Session, locker_id: str) -> Locker | None:
    """Return a locker's row, locked until the transaction ends."""
    return locked_all(session, [locker_id]).get(locker_id)


def locked_all(session: Session, ids: Iterable[str]) -> dict[str, Locker]:
    """Return the rows of lockers, locked in the order of their ids, as far as there are any."""
    rows = session.scalars(_LOCKED, {"ids": list(ids)})
    return {row.id: row for row in rows}


_LOCKED = (
    select(Locker)
    .where(Locker.id.in_(bindparam("ids", expanding=True)))
    .order_by(Locker.id)
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)
"""Made once: a statement that is put together costs as much as it takes to run it."""


def locked_with(session: Session, model: type[T], row_id: UUID) -> tuple[T, Locker] | None:
    """Return a row of a locker as it is once the row of its locker is locked."""
    table = table_of(model)
    locker_id = session.scalar(select(table.c.locker_id).where(table.c.id == row_id))
    locker = locked(session, locker_id) if locker_id is not None else None
    row = session.get(model, row_id, populate_existing=True)
    return None if row is None or locker is None else (row, locker)


def in_contact(locker: Locker, now: datetime) -> bool:
    """Say whether the locker was heard in the last 20 minutes."""
    return heard(locker.contact_at, now).contact == "online"


def availability(session: Session, locker_id: str, now: datetime) -> Availability:
    """Say roughly how much room there is; raise `NotFound`."""
    locker = session.get(Locker, locker_id)
    if locker is None or locker.written_off_at is not None:
        raise NotFound("No locker by this id.")
    compartments = session.scalars(select(Compartment).where(Compartment.locker_id == locker_id))
    matching = capacity.Matching(
        geometry(row) for row in compartments if confirms(locker) and may_be_given(row)
    )
    for demand in promised(session, locker_id):
        matching.add(demand)
    return Availability(
        locker_id=locker_id,
        in_contact=in_contact(locker, now),
        size_classes={one.name: _room(matching, one) for one in capacity.SIZE_CLASSES},
    )


def _room(taken: capacity.Matching, size: capacity.SizeClass) -> Room:
    trial = taken.copy()
    further = 0
    while further < MANY and trial.add(size.demand()):
        further += 1
    return "many" if further == MANY else "few" if further else "none"


def place(session: Session, locker_id: str, *, latitude: float, longitude: float) -> None:
    """Say where a locker stands, in degrees (WGS 84); raise `NotFound` or `InvalidRequest`."""
    locker = locked(session, locker_id)
    if locker is None:
        raise NotFound("No locker by this id.")
    put_at(locker, Point(latitude, longitude))


def put_at(thing: Locker | Site, point: Point | None) -> None:
    """Give a locker or a site its position, or none; raise `InvalidRequest`."""
    if point is None:
        thing.latitude = thing.longitude = thing.lat_band = None
        return
    if not (-90 <= point.latitude <= 90 and -180 <= point.longitude <= 180):
        raise InvalidRequest("A latitude is within 90 degrees, a longitude within 180.")
    thing.latitude, thing.longitude = point
    thing.lat_band = geo.band_of(point.latitude)


def put_at_with_site(session: Session, locker: Locker, point: Point) -> None:
    """Give a locker its position, and its site too if that has none yet."""
    put_at(locker, point)
    site = session.get(Site, locker.site_id) if locker.site_id else None
    if site is not None and point_of(site) is None:
        put_at(site, point)


def point_of(thing: Locker | Site) -> Point | None:
    """Return where a locker or a site is; None if nobody said."""
    if thing.latitude is None or thing.longitude is None:
        return None
    return Point(thing.latitude, thing.longitude)


def provision(
    session: Session, locker_id: str, *, site_name: str, address: str, now: datetime
) -> Locker:
    """Take a locker in, or find it again; raise `InvalidRequest` for an id that cannot be.

    It stands at the site by that name, which is made if it is new. The id of a locker that was
    written off is never used again: whoever puts a new cabinet in its place gives it a new one.
    """
    try:
        check_locker_id(locker_id)
    except InvalidLockerId as error:
        raise InvalidRequest(str(error)) from None
    locker = locked(session, locker_id)
    if locker is not None and locker.written_off_at is not None:
        raise InvalidRequest("This locker was written off, and an id is never used again.")
    site = _site(session, site_name, address, now)
    if locker is None:
        locker = Locker(id=locker_id, created_at=now, k_version=1)
        session.add(locker)
    locker.site_name, locker.address, locker.site_id = site_name, address, site.id
    if point_of(locker) is None:
        put_at(locker, point_of(site))
    session.flush()
    return locker


def _site(session: Session, name: str, address: str, now: datetime) -> Site:
    site = session.scalars(select(Site).where(Site.name == name)).one_or_none()
    if site is None:
        site = Site(id=Moment(now).new_id(), name=name, address=address, created_at=now)
        session.add(site)
        session.flush()
    return site


def claim_device(
    session: Session, locker_id: str, *, device_id: str, public_key: str, now: datetime
) -> None:
    """Let a device speak for a locker; whichever did before is revoked, and a quarantine ends."""
    try:
        kid = PublicKey(unb64url(public_key)).kid
    except ValueError:
        raise InvalidRequest("A device key is 32 bytes of Ed25519 in base64url.") from None
    others = (Device.locker_id == locker_id, Device.id != device_id, Device.revoked_at.is_(None))
    if session.scalars(select(Device.id).where(*others)).all():
        session.execute(update(Device).where(*others).values(revoked_at=now))
        _end_quarantine(session, locker_id, now)
    known = session.get(Device, device_id)
    if known is None:
        session.add(
            Device(
                id=device_id,
                locker_id=locker_id,
                public_key=public_key,
                kid=kid,
                claimed_at=now,
            )
        )
    elif (known.locker_id, known.kid) != (locker_id, kid) or known.revoked_at is not None:
        raise InvalidRequest("This device id is taken or revoked; let the edge make a new one.")
    session.flush()


def revoke_device(session: Session, locker_id: str, device_id: str, *, now: datetime) -> None:
    """Let a device speak for its locker no more, and end a quarantine; raise `NotFound`.

    Devices copied from one another share a key: both fall silent until one is claimed anew.
    """
    if locked(session, locker_id) is None:
        raise NotFound("No locker by this id.")
    device = session.get(Device, device_id)
    if device is None or device.locker_id != locker_id:
        raise NotFound("This locker has no device by this id.")
    device.revoked_at = device.revoked_at or now
    _end_quarantine(session, locker_id, now)


def _end_quarantine(session: Session, locker_id: str, now: datetime) -> None:
    """Let whoever speaks next begin anew: which of the two stores tells the truth is not known."""
    locker = session.get(Locker, locker_id)
    if locker is not None and locker.quarantined_at is not None:
        locker.quarantined_at = None
        epochs.close(session, locker, by="quarantine", now=now)


def replace_device(
    session: Session, locker_id: str, *, device_id: str, public_key: str, now: datetime
) -> Locker:
    """Put another device into a cabinet that stands; raise `NotFound`, `InvalidRequest`."""
    locker = locked(session, locker_id)
    if locker is None or locker.written_off_at is not None:
        raise NotFound("No locker by this id.")
    claim_device(session, locker_id, device_id=device_id, public_key=public_key, now=now)
    return locker
