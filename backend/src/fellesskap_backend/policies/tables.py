"""What the allocation decides by: rows that are written once and never changed.

They belong to no carrier's rows: a carrier is known by its number, and each decision needs those of
all. Who may see which is for `policies.service`.
"""

from datetime import date, datetime

from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base


class Policy(Base):
    """One announced version; `body` is `FairShare` as canonical JSON."""

    __tablename__ = "policies"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[str]
    announced_at: Mapped[datetime]
    in_force_from: Mapped[datetime]
    """As the body says, to be found by."""


class Weight(Base):
    """A carrier's weight in a contract period; each period names all that have one."""

    __tablename__ = "weights"

    begins_on: Mapped[date] = mapped_column(primary_key=True)
    """The period's first day; it lasts until the next one begins."""
    carrier_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    weight: Mapped[int]
    is_entrant: Mapped[bool]
    announced_at: Mapped[datetime]


class StandingRow(Base):
    """How a carrier stood on the morning of a day: what decisions of that day go by."""

    __tablename__ = "standings"

    day: Mapped[date] = mapped_column(primary_key=True)
    """In the zone of the policy."""
    carrier_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    weight: Mapped[int]
    """0: none is published for it."""
    is_entrant: Mapped[bool]
    memory_permille: Mapped[int]
    holds: Mapped[int]
    no_shows: Mapped[int]
    excused: Mapped[int]
    made_at: Mapped[datetime]


class QuotaReview(Base):
    """What a quarter's review proposes for a locker; it counts once an operator accepted it."""

    __tablename__ = "quota_reviews"

    locker_id: Mapped[str] = mapped_column(primary_key=True)
    quarter: Mapped[date] = mapped_column(primary_key=True)
    """The first day of the quarter that was looked at."""
    body: Mapped[str]
    """`[[carrier's number, class, units], …]` as canonical JSON."""
    proposed_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    in_force_from: Mapped[date | None]
    """From this day on, until the next review of the locker, or new weights."""
