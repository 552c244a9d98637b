"""PURE: when which hour's tree is made, and in which a decision will be.

An hour is named by when it began.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

HOUR = timedelta(hours=1)
WAIT = timedelta(minutes=10)
"""After an hour's end: by then what was decided in it is committed, and clocks agree."""
LOOK_BACK = timedelta(days=1)
"""From the end of an hour: what was committed later than that is in no tree, and is found so."""


def hour_of(at: datetime) -> datetime:
    """Return the hour in which an instant lies.

    >>> hour_of(datetime(2027, 3, 1, 8, 59, 59, tzinfo=UTC)).isoformat()
    '2027-03-01T08:00:00+00:00'
    """
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def due(newest: datetime | None, now: datetime) -> datetime | None:
    """Return the hour whose tree is to be made; None: not yet.

    `newest` has the newest tree. An installation begins with the hour that ended last, one that
    was down goes on where it stopped.
    """
    last = hour_of(now - WAIT) - HOUR
    if newest is None:
        return last
    return newest + HOUR if newest < last else None


def first_seen(hour: datetime) -> datetime:
    """Return from when on decisions are looked for that go into an hour's tree."""
    return hour + HOUR - LOOK_BACK


def told_at(decided_at: datetime, newest: datetime | None) -> datetime | None:
    """Return when the tree is made that will hold a decision which is in none; None: never."""
    hour = hour_of(decided_at)
    if newest is not None:
        hour = max(hour, newest + HOUR)
    return hour + HOUR + WAIT if decided_at >= first_seen(hour) else None


def id_at(at: datetime) -> UUID:
    """Return what lies before every id (`Moment.new_id`) that was made at an instant or later.

    >>> id_at(datetime(2027, 3, 1, 8, tzinfo=UTC))
    UUID('019ca8a7-0800-0000-0000-000000000000')
    """
    return UUID(int=int(at.timestamp() * 1000) << 80)
