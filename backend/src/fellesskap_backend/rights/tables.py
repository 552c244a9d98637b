"""The wish of rights per locker, and the numbers behind pickup codes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base


class Right(Base):
    """One right as last wished: `body` is `encode(messages.Right)`.

    The change from revision A to W is the rows with A < revision <= W.
    """

    __tablename__ = "rights"

    locker_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    revision: Mapped[int]
    """The locker's revision in which it was last changed."""
    removed: Mapped[bool] = mapped_column(default=False)
    body: Mapped[str]

    __table_args__ = (Index("ix_rights_locker_id_revision", "locker_id", "revision"),)


class RightCode(Base):
    """How a right's code is derived again: `n`. The code itself is nowhere."""

    __tablename__ = "right_codes"

    right_id: Mapped[UUID] = mapped_column(primary_key=True)
    locker_id: Mapped[str]
    n: Mapped[int]
    code_mac: Mapped[str]
    """MAC of the eight digits, by which they are held unique at the locker."""
    removed_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_right_codes_locker_id_code_mac", "locker_id", "code_mac"),)
