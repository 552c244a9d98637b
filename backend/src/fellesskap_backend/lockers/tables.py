"""Lockers, their devices, epochs and compartments.

Whoever reads compartments and claims together in order to decide, or changes either, holds the
row of the locker locked.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base
from fellesskap_protocol.events import GENESIS


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
    served_until: Mapped[datetime | None]
    """The end of the newest recorded proof that any of its compartments could serve."""
    allowances: Mapped[str] = mapped_column(default="none")
    """`none`, `settled`, `short` of room or `due`: whether there is something to renew."""
    created_at: Mapped[datetime]


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
