"""Which days were looked at, and when which locker decides: rows that are announced, then kept.

They belong to no carrier: all may read them (`cut_offs.shown`, `cut_offs.lots`).
"""

from datetime import date, datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base

_WAITS = "decided_at IS NULL"


class AnnouncedDay(Base):
    """A day for which it was said, before it began, which lockers decide at cut-offs."""

    __tablename__ = "announced_days"

    day: Mapped[date] = mapped_column(primary_key=True)
    """In the zone of the policy."""
    policy: Mapped[str]
    """By whose threshold and cut-offs: `fair-share v1`."""
    key_hash: Mapped[str]
    """What the day's key to the lots is held to: its SHA-256, in hex."""
    announced_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    """Midnight: from then on the key may be shown."""


class CutOff(Base):
    """One cut-off of one locker: what was asked since the day began is decided then."""

    __tablename__ = "cut_offs"

    locker_id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(index=True)
    begins_at: Mapped[datetime]
    """When its day begins; before that nothing waits for it."""
    load_permille: Mapped[int]
    """The load for which the day was announced."""
    decided_at: Mapped[datetime | None]
    """When it was: at the cut-off, or later."""

    __table_args__ = (
        Index(
            "ix_cut_offs_waiting",
            *("locker_id", "at"),
            sqlite_where=text(_WAITS),
            postgresql_where=text(_WAITS),
        ),
    )
