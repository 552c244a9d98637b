"""What is shown of door operations."""

from fellesskap_backend.door_operations.machine import State
from fellesskap_backend.shapes import Id, Instant, Shown


class DoorOperation(Shown):
    """One door that was asked to open from afar, and what became of it."""

    id: Id
    locker_id: str
    compartment: int
    reason_code: str
    reason: str
    state: State
    """`unverified`: the lock was pulsed, and nobody saw what the door did."""
    outcome_reason: str | None
    issued_at: Instant
    expires_at: Instant
    updated_at: Instant
