"""PURE: the calendar month of the sites, whatever zone a server thinks it stands in."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Oslo")
"""Where the sites stand."""
PATTERN = r"^20[2-9]\d-(0[1-9]|1[0-2])$"
WAIT = timedelta(hours=6)
"""After a month's end: by then what happened in it is recorded, but for lockers out of contact."""


@dataclass(frozen=True)
class Month:
    """A month from its first instant to that of the next one, both in UTC."""

    name: str
    begins: datetime
    ends: datetime


def month_of(name: str) -> Month:
    """Return a month by its name; the name matches `PATTERN`.

    >>> month_of("2026-11").begins.isoformat(), month_of("2026-03").ends.isoformat()
    ('2026-10-31T23:00:00+00:00', '2026-03-31T22:00:00+00:00')
    """
    return Month(name, _first(name), _first(after(name)))


def name_at(at: datetime) -> str:
    """Return the name of the month in which an instant lies.

    >>> name_at(datetime(2026, 10, 31, 23, 30, tzinfo=UTC))
    '2026-11'
    """
    return f"{at.astimezone(ZONE):%Y-%m}"


def after(name: str) -> str:
    """Return the name of the next month.

    >>> after("2026-12"), after("2027-01")
    ('2027-01', '2027-02')
    """
    year, number = int(name[:4]), int(name[5:])
    return f"{year + number // 12}-{number % 12 + 1:02}"


def before(name: str) -> str:
    """Return the name of the month before.

    >>> before("2027-01"), before("2026-12")
    ('2026-12', '2026-11')
    """
    return name_at(_first(name) - timedelta(days=1))


def due(newest: str | None, now: datetime) -> str | None:
    """Return the month that is to be counted for good; None: not yet.

    `newest` was counted last. An installation begins with the month that ended last, one that was
    down goes on where it stopped.
    """
    last = before(name_at(now - WAIT))
    if newest is None:
        return last
    return after(newest) if newest < last else None


def _first(name: str) -> datetime:
    local = datetime(int(name[:4]), int(name[5:]), 1, tzinfo=ZONE)
    return local.astimezone(UTC)
