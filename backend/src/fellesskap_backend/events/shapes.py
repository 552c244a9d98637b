"""What is shown of the event feed."""

from typing import Any, Literal

from fellesskap_backend.events.types import Version
from fellesskap_backend.shapes import Id, Instant, Shown


class Event(Shown):
    """One fact; new types and new members of `data` may come at any time."""

    version: Version
    """Another one comes only to who asks for it."""
    position: int
    id: Id
    type: str
    occurred_at: Instant
    clock: Literal["trusted", "untrusted"]
    recorded_at: Instant
    data: dict[str, Any]
    """As `webhooks` in this document says for each type, without the code."""


class Events(Shown):
    """What follows a position, oldest first."""

    events: list[Event]
    next: int
    """The position to ask `after` next, now or later."""
