"""Door operations that operators asked for."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fellesskap_backend.db import Base


class DoorOperation(Base):
    """One remote opening; its id is the `jti` of the command."""

    __tablename__ = "door_operations"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    locker_id: Mapped[str]
    compartment: Mapped[int]
    requested_by: Mapped[str]
    """The prefix of the operator's API key."""
    reason_code: Mapped[str]
    reason: Mapped[str]
    state: Mapped[str]
    """`issued`, then `pulsed`, `opened`, `closed`, or how it ended otherwise."""
    outcome_reason: Mapped[str | None]
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    signed_again: Mapped[bool] = mapped_column(default=False)
    authorisation_id: Mapped[str | None]
    updated_at: Mapped[datetime]

    __table_args__ = (
        Index(
            "ix_door_operations_issued",
            "locker_id",
            sqlite_where=text("state = 'issued'"),
            postgresql_where=text("state = 'issued'"),
        ),
    )
