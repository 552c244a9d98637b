"""PURE: how a locker is, in the words that everybody is told.

Contact tells whether it was heard; `service` what an operator, or what happened, made of it.
"""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

CONTACT = timedelta(minutes=20)
"""A signed message this recent is contact."""
OFFLINE_AFTER = timedelta(hours=2)
"""Not heard for so long, a locker is offline; until then it is late."""
ROUNDED_S = 600
"""In public an instant is told to ten minutes: the last message of a locker may be a deposit."""
Contact = Literal["online", "late", "offline"]
Service = Literal["in_service", "draining", "out_of_service"]


class Heard(NamedTuple):
    """Whether a locker is heard, and since when it is not; `since` is None while it is."""

    contact: Contact
    since: datetime | None


def heard(contact_at: datetime | None, now: datetime) -> Heard:
    """Say how a locker's contact stands; one that was never heard is offline since ever."""
    if contact_at is None:
        return Heard("offline", None)
    silent = now - contact_at
    if silent <= CONTACT:
        return Heard("online", None)
    if silent <= OFFLINE_AFTER:
        return Heard("late", contact_at + CONTACT)
    return Heard("offline", contact_at + OFFLINE_AFTER)


def rounded(at: datetime | None) -> datetime | None:
    """Return an instant as it is told in public: rounded down."""
    if at is None:
        return None
    return at - timedelta(seconds=at.timestamp() % ROUNDED_S)
