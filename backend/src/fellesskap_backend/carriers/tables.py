"""Carriers and API keys."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base


class Carrier(Base):
    """One tenant; `number` is what allocation knows it by."""

    __tablename__ = "carriers"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)
    name: Mapped[str]
    created_at: Mapped[datetime]


class ApiKey(Base):
    """A key `fsk_<prefix>_<secret>`; of the secret (256 random bits) only the SHA-256 is kept."""

    __tablename__ = "api_keys"

    prefix: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    """`carrier`, `operator` or `auditor`."""
    owner_id: Mapped[UUID]
    """Whose it is: the carrier, or one operator or auditor; its successors have the same."""
    carrier_id: Mapped[UUID | None] = mapped_column(ForeignKey("carriers.id"))
    name: Mapped[str]
    secret_hash: Mapped[str]
    scopes: Mapped[str | None]
    """What it may do, with spaces between; null: all that its role may."""
    replaces: Mapped[str | None]
    """The prefix of the key whose successor it is."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_on: Mapped[date | None]
    """The day (UTC) on which it last came in; no finer, for nobody needs to know."""

    __table_args__ = (Index("ix_api_keys_owner_id", "owner_id"),)
