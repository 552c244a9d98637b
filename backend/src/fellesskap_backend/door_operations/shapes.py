"""What is shown of door operations."""

from typing import Literal

from fellesskap_backend.shapes import Id, Instant, Shown


class DoorOperation(Shown):
    """One door that was asked to open from afar, and what became of it."""

    id: Id
    locker_id: str
    compartment: int
    reason_code: str
    reason: str
    state: Literal[
        "issued",
        "pulsed",
        "opened",
        "closed",
        "rejected",
        "expired",
        "not_opened",
        "left_open",
        "jammed",
        "unverified",
    ]
    outcome_reason: str | None
    issued_at: Instant
    expires_at: Instant
    updated_at: Instant
