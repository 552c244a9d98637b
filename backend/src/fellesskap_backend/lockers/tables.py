"""Lockers, their devices, epochs and compartments.

Whoever reads compartments and claims together in order to decide, or changes either, holds the
row of the locker locked.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, and_, text
from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base
from fellesskap_protocol.events import GENESIS

_DIFFERS = "(generation != reported_generation OR revision != reported_revision) IS TRUE"
"""`IS TRUE` lets PostgreSQL look up how many there are, instead of taking most for different."""


class Site(Base):
    """Where lockers stand: what people read on the map."""

    __tablename__ = "sites"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    address: Mapped[str]
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    """Where it is, in degrees (WGS 84)."""
    lat_band: Mapped[int | None]
    """`geo.band_of(latitude)`."""
    opening_hours: Mapped[str | None]
    """As OpenStreetMap writes them (`24/7`); None: nobody said."""
    created_at: Mapped[datetime]

    __table_args__ = (Index("ix_sites_lat_band_longitude", "lat_band", "longitude"),)


class Locker(Base):
    """One cabinet, and how far its rights are from what is wished.

    `revision` is wanted; `applied_*` come from recorded `rights_applied` alone and free capacity;
    `reported_*` come from births and batches and only steer what is sent.
    """

    __tablename__ = "lockers"

    id: Mapped[str] = mapped_column(primary_key=True)
    site_name: Mapped[str]
    address: Mapped[str]
    k_version: Mapped[int] = mapped_column(default=1)
    generation: Mapped[int] = mapped_column(default=1)
    revision: Mapped[int] = mapped_column(default=0)
    applied_generation: Mapped[int] = mapped_column(default=0)
    applied_revision: Mapped[int] = mapped_column(default=0)
    reported_generation: Mapped[int] = mapped_column(default=0)
    reported_revision: Mapped[int] = mapped_column(default=0)
    epoch: Mapped[str | None]
    contact_at: Mapped[datetime | None]
    """When a signed message was last taken in."""
    online: Mapped[bool] = mapped_column(default=False)
    """What presence says: a hint."""
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    """Where it stands, in degrees (WGS 84): for "the nearest with room"."""
    lat_band: Mapped[int | None]
    """`geo.band_of(latitude)`: a search reads some bands, never all of a country."""
    site_id: Mapped[UUID | None] = mapped_column(index=True)
    service_state: Mapped[str] = mapped_column(default="in_service")
    """What an operator set: `in_service`, `draining` or `out_of_service`."""
    closed_at: Mapped[datetime | None]
    """Since when it is not `in_service`: nothing new is promised there."""
    features: Mapped[list[str] | None]
    """What its kiosk and its place offer, as an operator says; None: nobody said."""
    languages: Mapped[list[str] | None]
    """What its kiosk speaks (BCP 47), as an operator says."""
    served_until: Mapped[datetime | None]
    """The end of the newest recorded proof that any of its compartments could serve."""
    allowances: Mapped[str] = mapped_column(default="none")
    """`none`, `settled`, `short` of room or `due`: whether there is something to renew."""
    created_at: Mapped[datetime]
    quarantined_at: Mapped[datetime | None]
    """Since when two devices seem to speak for it: nothing is sent but acknowledgements."""
    behind_since: Mapped[datetime | None]
    """Since when it shows this database to be an older one, that was not told so: the bridge signs
    nothing for it."""
    restored_at: Mapped[datetime | None]
    """Since when the database is one that came from a backup, as far as this locker goes."""
    custody_wanted: Mapped[bool] = mapped_column(default=False)
    """Whether the bridge asks it what lies where, until a complete report is recorded."""
    written_off_at: Mapped[datetime | None]
    decided: Mapped[int] = mapped_column(default=0)
    """How many decisions there are about it: the number of the last one."""
    decision_hash: Mapped[str] = mapped_column(default=GENESIS)
    """The hash of the last decision, which vouches for all before."""
    decision_layout: Mapped[str | None]
    """The digest of its compartments as a decision last wrote them down."""
    decision_rules: Mapped[str | None]
    """The digest of the rules as a decision last wrote them down."""

    __table_args__ = (
        Index(
            "ix_lockers_custody_wanted",
            "id",
            sqlite_where=text("custody_wanted"),
            postgresql_where=text("custody_wanted"),
        ),
        Index("ix_lockers_lat_band_longitude", "lat_band", "longitude"),
        Index(
            "ix_lockers_differs",
            "id",
            sqlite_where=text(_DIFFERS),
            postgresql_where=text(_DIFFERS),
        ),
    )


DIFFERS = text(_DIFFERS)
"""Whether a locker said last that it has something else than is wished; word for word the index's,
so that SQLite uses it."""


_NOT_IN_SERVICE = (
    Locker.quarantined_at,
    Locker.behind_since,
    Locker.restored_at,
    Locker.written_off_at,
    Locker.closed_at,
)
CONFIRMS = and_(*(column.is_(None) for column in _NOT_IN_SERVICE))
"""Whether a locker may confirm anything."""


def confirms(locker: Locker) -> bool:
    """Say the same of a row in hand."""
    return not any(getattr(locker, column.key) for column in _NOT_IN_SERVICE)


class Device(Base):
    """A controller that may speak for a cabinet until it is revoked."""

    __tablename__ = "devices"

    id: Mapped[str] = mapped_column(primary_key=True)
    locker_id: Mapped[str] = mapped_column(ForeignKey("lockers.id"), index=True)
    public_key: Mapped[str]
    """32 bytes of Ed25519 in base64url."""
    kid: Mapped[str] = mapped_column(unique=True)
    claimed_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Epoch(Base):
    """How far one store of one locker is recorded: locked by the transaction that ingests."""

    __tablename__ = "epochs"

    locker_id: Mapped[str] = mapped_column(ForeignKey("lockers.id"), primary_key=True)
    epoch: Mapped[str] = mapped_column(primary_key=True)
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    acked_seq: Mapped[int] = mapped_column(default=0)
    last_hash: Mapped[str] = mapped_column(default=GENESIS)
    """The hash of the event `acked_seq`."""
    boot_id: Mapped[str]
    session: Mapped[int]
    protocol: Mapped[int] = mapped_column(default=1)
    said_head: Mapped[int] = mapped_column(default=0)
    """The highest `head_seq` that was said: what somebody claims to have, not what there is."""
    former_boots: Mapped[list[str]] = mapped_column(default=list)
    """The last boots that another followed: none of them comes back."""
    custody_seq: Mapped[int] = mapped_column(default=0)
    """Where a complete custody report was recorded last; 0 if this epoch has none."""


class Restoration(Base):
    """What a restored database had forgotten of one locker, and when it had caught up."""

    __tablename__ = "restorations"

    locker_id: Mapped[str] = mapped_column(ForeignKey("lockers.id"), primary_key=True)
    generation: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """The generation that the restoration began."""
    restored_at: Mapped[datetime]
    heard_until: Mapped[datetime | None]
    """When the newest event that it knew was recorded: the gap begins here."""
    epoch: Mapped[str | None]
    acked_seq: Mapped[int]
    """How far it knew that epoch's journal."""
    settled_at: Mapped[datetime | None]
    """Since when the locker confirms again: the gap ends here."""
    settled_epoch: Mapped[str | None]
    settled_seq: Mapped[int | None]


class Compartment(Base):
    """One compartment: geometry as `locker.toml` says, and the three independent facts."""

    __tablename__ = "compartments"

    locker_id: Mapped[str] = mapped_column(ForeignKey("lockers.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    width_mm: Mapped[int]
    height_mm: Mapped[int]
    depth_mm: Mapped[int]
    floor_mm: Mapped[int]
    top_mm: Mapped[int]
    max_g: Mapped[int]
    features: Mapped[list[str]]
    occupancy_sensor: Mapped[bool] = mapped_column(default=False)
    door: Mapped[str] = mapped_column(default="unknown")
    """`shut`, `open` or `unknown`."""
    content: Mapped[str] = mapped_column(default="unknown")
    """`empty`, `parcel` or `unknown`."""
    service: Mapped[str] = mapped_column(default="in")
    """`in`, `suspect` or `out`."""
    parcel_id: Mapped[UUID | None]
    used_by: Mapped[int | None]
    """The number of the carrier whose claim the parcel there took; None: it took none."""
    used_as: Mapped[str | None]
    """As which class that claim counts: `M`, or `low M` for one of the low ones that are kept."""
    wished_service: Mapped[str | None]
    """What an operator wishes its service to be, `in` or `out`: `in` until heard; `out` stays,
    and is said again to a new store."""
    wish_heard: Mapped[bool] = mapped_column(default=False)
    """Whether the journal says that it is so."""

    def empty_of(self, content: str) -> None:
        """Say that no known parcel lies there any more; nothing is used then."""
        self.content, self.parcel_id = content, None
        self.used_by = self.used_as = None

    __table_args__ = (
        Index(
            "ix_compartments_wished",
            "locker_id",
            sqlite_where=text("wished_service IS NOT NULL AND NOT wish_heard"),
            postgresql_where=text("wished_service IS NOT NULL AND NOT wish_heard"),
        ),
        Index(
            "ix_compartments_suspect",
            *("locker_id", "number"),
            sqlite_where=text("service = 'suspect'"),
            postgresql_where=text("service = 'suspect'"),
        ),
    )


class StandingFault(Base):
    """A part that misbehaves, as the journal says, until it says `ok` or begins anew."""

    __tablename__ = "faults"

    locker_id: Mapped[str] = mapped_column(ForeignKey("lockers.id"), primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    what: Mapped[str]
    since: Mapped[datetime]
    recorded_at: Mapped[datetime]
