"""Carriers and API keys."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
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
    """`carrier` or `operator`."""
    carrier_id: Mapped[UUID | None] = mapped_column(ForeignKey("carriers.id"))
    name: Mapped[str]
    secret_hash: Mapped[str]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
