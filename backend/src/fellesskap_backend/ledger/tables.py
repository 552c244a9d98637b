"""The ledger: every journal event exactly once, in order, gap-free but for rows that say so."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base


class Entry(Base):
    """One event: the bytes that the edge stored, exactly."""

    __tablename__ = "ledger"

    locker_id: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    type: Mapped[str]
    body: Mapped[bytes]
    recorded_at: Mapped[datetime]
    unapplied: Mapped[str | None]
    """Why it could not be applied; it can be applied again after an upgrade."""

    __table_args__ = (
        Index(
            "ix_ledger_unapplied",
            "locker_id",
            sqlite_where=text("unapplied IS NOT NULL"),
            postgresql_where=text("unapplied IS NOT NULL"),
        ),
    )


class Gap(Base):
    """Rows that the edge no longer had when it was asked."""

    __tablename__ = "ledger_gaps"

    locker_id: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[str] = mapped_column(primary_key=True)
    first_seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_seq: Mapped[int]
    hash: Mapped[str]
    """The hash of row `last_seq`, as the edge says."""
    recorded_at: Mapped[datetime]


class Tail(Base):
    """What a closed epoch may still have held: nobody will send it any more.

    Recorded up to `acked_seq`; of what came after nothing is known, not even whether there was
    anything. `said_head` is what the locker last claimed.
    """

    __tablename__ = "ledger_tails"

    locker_id: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[str] = mapped_column(primary_key=True)
    acked_seq: Mapped[int]
    said_head: Mapped[int]
    closed_by: Mapped[str]
    """The epoch that closed it; `quarantine` if it was the end of one."""
    recorded_at: Mapped[datetime]
