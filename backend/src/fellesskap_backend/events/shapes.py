"""What is shown of the event feed."""

from typing import Any, Literal

from fellesskap_backend.shapes import Id, Instant, Shown


class Event(Shown):
    """One fact; new types and new members of `data` may come at any time."""

    position: int
    id: Id
    type: str
    occurred_at: Instant
    clock: Literal["trusted", "untrusted"]
    recorded_at: Instant
    data: dict[str, Any]


class Events(Shown):
    """What follows a position, oldest first."""

    events: list[Event]
    next: int
    """The position to ask `after` next, now or later."""
